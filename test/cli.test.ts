/** The command line as a person and a script meet it. */

import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { COMMANDS } from '../src/cli/commands.ts';
import type { Answer } from './support/answer.ts';
import { waitFor } from './support/wait-for.ts';
import { makeWorld, type Ran, type RunOptions, type World } from './support/world.ts';

const hasTerminal = spawnSync('script', ['--version']).status === 0;
const CLI = fileURLToPath(new URL('../dist/cli.cjs', import.meta.url));

/** Runs `phasr` on a terminal of its own (util-linux `script`), 100 columns wide. */
function onTerminal(world: World, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const quoted = [process.execPath, CLI, ...args]
    .map((word) => `'${word.replaceAll("'", `'\\''`)}'`)
    .join(' ');
  return world.program('script', ['-qfec', `stty cols 100 rows 30; ${quoted}`, '/dev/null'], {
    ...options,
    env: { TERM: 'xterm-256color', ...options.env },
  });
}

test('every command has help with what it does, its options and examples', async () => {
  await using world = makeWorld('help');
  world.init();
  const overview = await world.ok(['--help']);
  for (const { name, summary, options, examples } of COMMANDS) {
    expect(overview).toContain(`  ${name}`);
    const help = (await world.ok([name, '--help'])).replaceAll(/\s+/g, ' ');
    expect(help.toLowerCase()).toContain(summary.toLowerCase());
    expect(examples.length).toBeGreaterThan(0);
    for (const [example] of examples) expect(help).toContain(`$ ${example.replaceAll(/\s+/g, ' ')}`);
    for (const { flags, description } of options) expect(help).toContain(`${flags} ${description}`);
    expect(options.some(({ flags }) => flags === '--json')).toBe(true);
    // The sentence on the short form of a command is the same as with `help`.
    expect((await world.ok(['help', name])).replaceAll(/\s+/g, ' ')).toBe(help);
  }
});

test('exit codes: 0 done, 1 refused or failed, 2 misuse; --json gives code, message, hint and details', async () => {
  await using world = makeWorld('codes');
  world.init();
  const outcome = async (...args: string[]): Promise<unknown> => (await world.phasr(args)).code;
  expect(await outcome()).toBe(0);
  expect(await outcome('--version')).toBe(0);
  expect(await outcome('list')).toBe(0);
  expect(await outcome('show', '99')).toBe(1);
  expect(await outcome('nonsense')).toBe(2);
  expect(await outcome('list', '--nonsense')).toBe(2);
  expect(await outcome('show', 'abc')).toBe(2);
  expect(await outcome('show')).toBe(2);
  expect(await outcome('merge', '5-2')).toBe(2);
  expect(await outcome('run', 'x', '--', 'false')).toBe(1);
  expect(await outcome('wait', '1')).toBe(1);
  expect(await outcome('discard', '1')).toBe(0);
  expect(await outcome('discard', '1')).toBe(1);
  const error = await world.json(['show', '99']);
  expect(error).toEqual({
    code: 'task-not-found',
    message: 'there is no task 99 in this repository',
    hint: 'See them all: phasr list --all',
    details: {},
  });
  expect(await world.json(['show', 'abc'])).toMatchObject({ code: 'usage' });
  expect(await world.json(['list', '--nonsense'])).toMatchObject({
    code: 'usage',
    hint: 'phasr list --help',
  });
  const { stdout, stderr } = await world.phasr(['show', '99']);
  expect([stdout, stderr]).toEqual([
    '',
    'phasr: there is no task 99 in this repository\n  See them all: phasr list --all\n',
  ]);
});

test('looking at a repository that Phasr was never used in leaves no trace, also where nothing may be written', async () => {
  await using world = makeWorld('untouched');
  world.init();
  for (const args of [['list'], ['list', '--all'], ['show', '1'], ['wait'], ['agents'], ['discard', '1']])
    await world.phasr(args);
  expect(world.has('.git/phasr')).toBe(false);
  expect(world.has('.phasr', world.home)).toBe(false);
});

test('tasks are named by number, range, list or branch; every command speaks JSON', async () => {
  await using world = makeWorld('json');
  world.init();
  await world.json(['run', 'one', 'two', 'three', '--', 'sh', '-c', 'echo "$PHASR_PROMPT" > file']);
  expect((await world.json(['wait', '1-3'])).tasks.map((task) => task.id)).toEqual([1, 2, 3]);
  expect((await world.json(['wait', '1,3'])).tasks.map((task) => task.id)).toEqual([1, 3]);
  expect((await world.json(['show', 'phasr/task-2-two'])).id).toBe(2);
  expect((await world.json(['show', '#3'])).id).toBe(3);
  expect(await world.json(['path', '1'])).toEqual({
    task: 1,
    path: (await world.json(['show', '1'])).worktree,
  });
  expect(await world.json(['diff', '1'])).toMatchObject({
    task: 1,
    isFinal: true,
    incomplete: null,
    files: [
      {
        status: 'A',
        path: 'file',
        insertions: 1,
        deletions: 0,
        binary: false,
        oldMode: '000000',
        newMode: '100644',
      },
    ],
  });
  expect(JSON.parse((await world.ok(['logs', '1', '--json'])) || '{}')).toEqual({});
  expect((await world.json(['agents'])).agents.map((agent) => agent.program)).toContain('claude');
  const shown = await world.json(['show', '1']);
  expect(shown.events.map((event) => event.type)).toEqual([
    'task.launched',
    'run.requested',
    'branch.created',
    'run.prepared',
    'worktree.ready',
    'run.started',
    'run.ended',
    'snapshot.taken',
    'head.recorded',
  ]);
  expect(await world.json(['merge', '2', '3'])).toMatchObject({
    merges: [
      { id: 2, outcome: 'merged' },
      { id: 3, outcome: 'refused', refusal: { code: 'conflict', details: { paths: ['file'] } } },
    ],
  });
  expect(await world.json(['discard', '1', '3'])).toMatchObject({
    tasks: [
      { id: 1, outcome: 'discarded', state: 'discarded' },
      { id: 3, outcome: 'discarded' },
    ],
  });
  expect((await world.json(['list', '--all'])).tasks.map((task) => `${task.id} ${task.state}`)).toEqual([
    '1 discarded',
    '2 merged',
    '3 discarded',
  ]);
});

test('several tasks are merged in order, up to the first that cannot be', async () => {
  await using world = makeWorld('several');
  world.init();
  await world.json([
    'run',
    'one',
    'two',
    'three',
    '--',
    'sh',
    '-c',
    'test "$PHASR_TASK" = 3 && echo 3 > other || echo "$PHASR_PROMPT" > file',
  ]);
  const ran = await world.phasr(['merge', '1', '2', '3']);
  expect(ran.code).toBe(1);
  expect(ran.stdout).toMatch(
    /^task 1 merged into main @ \w{9} \(1 file \+1 -0\); your files are up to date\n$/,
  );
  expect(ran.stderr).toBe(
    'phasr: task 2 conflicts with main\n    file\n  Nothing was changed. Let the agent solve it: phasr resume 2 "merge main into this branch and resolve the conflicts"\n  not tried: 3\n',
  );
});

test('without a terminal there are plain lines: no colours, no redrawing', async () => {
  await using world = makeWorld('plain');
  world.init();
  const ran = await world.phasr(['run', 'one', '--', 'sh', '-c', 'echo 1 > file']);
  expect(ran.stdout).not.toContain('\u001B');
  expect(ran.stdout).toContain('task 1 done: one (exit code 0; 1 file +1 -0)\n');
  expect(await world.ok(['list'])).not.toContain('\u001B');
  expect(await world.ok(['diff', '1'])).not.toContain('\u001B');
  expect(await world.ok(['list'], { env: { FORCE_COLOR: '1' } })).toContain('\u001B[32mdone\u001B[39m');
});

test.skipIf(!hasTerminal)(
  'on a terminal there are colours, and NO_COLOR takes them away (needs script)',
  async () => {
    await using world = makeWorld('colour');
    world.init();
    await world.task('echo 1 > file');
    expect((await onTerminal(world, ['list'])).stdout).toContain('\u001B[32mdone');
    expect((await onTerminal(world, ['list'], { env: { NO_COLOR: '1' } })).stdout).not.toContain('\u001B');
    expect((await onTerminal(world, ['list'], { env: { TERM: 'dumb' } })).stdout).not.toContain('\u001B');
  },
);

test.skipIf(!hasTerminal)(
  'the live view redraws in place, gives the cursor back and says what to do next (needs script)',
  async () => {
    await using world = makeWorld('live');
    world.init();
    const { stdout, code } = await onTerminal(world, [
      'run',
      'one',
      'two',
      '--',
      'sh',
      '-c',
      'echo working on it; sleep 0.3; echo 1 > file',
    ]);
    expect(code).toBe(0);
    expect(stdout).toContain('working on it');
    expect(stdout.lastIndexOf('\u001B[?25h')).toBeGreaterThan(stdout.lastIndexOf('\u001B[?25l'));
    expect(stdout).toContain('\u001B[1A');
    expect(stdout).toContain('phasr diff N   phasr merge N   phasr discard N      N: 1 2');
  },
);

test.skipIf(!hasTerminal)(
  'on a terminal nothing in titles, names, logs or diffs can act on it or hide (needs script)',
  async () => {
    await using world = makeWorld('hostile-terminal');
    world.init({ 'a.txt': 'one\n' });
    const script = String.raw`printf 'evil \033]0;title\007 \033[2J bidi \342\200\256 cr\rover\033[31mred\033[0m\n' | tee -a a.txt; printf x > "$(printf 'name\033[2Jend')"; printf 'tab\there\r\n' > crlf.txt`;
    await world.json(['run', '--title', 'ti\u001B[2Jtle \u202E', '--prompt', 'x', '--', 'sh', '-c', script]);
    const env = { PHASR_PAGER: 'cat' };
    for (const args of [
      ['list'],
      ['show', '1'],
      ['diff', '1', '--no-pager'],
      ['diff', '1', '--stat'],
      ['diff', '1', '--name-only'],
      ['logs', '1'],
    ]) {
      const { stdout } = await onTerminal(world, args, { env });
      // Colours are the only sequences that may be there.
      const withoutColours = stdout.replaceAll(/\u001B\[[0-9;]*m/g, '');
      expect(withoutColours, args.join(' ')).not.toMatch(/[\u001B\u0007\u202E]/);
    }
    const shown = (await onTerminal(world, ['diff', '1', '--no-pager'], { env: { ...env, NO_COLOR: '1' } }))
      .stdout;
    expect(shown).toContain(String.raw`+evil \e]0;title\x07 \e[2J bidi \u{202e} cr\rover\e[31mred\e[0m`);
    expect(shown).toContain('+tab\there^M');
    const logs = (await onTerminal(world, ['logs', '1'])).stdout;
    expect(logs).toContain('\u001B[31mred\u001B[0m');
  },
);

test.skipIf(!hasTerminal)('a diff goes through the pager of the person (needs script)', async () => {
  await using world = makeWorld('pager');
  world.init();
  await world.task('echo 1 > file');
  const pager = join(world.home, 'pager');
  writeFileSync(pager, `#!/bin/sh\ncat > "${world.root}/paged"\n`);
  chmodSync(pager, 0o755);
  const page = (): string => readFileSync(join(world.root, 'paged'), 'utf8');
  await onTerminal(world, ['diff', '1'], { env: { PAGER: pager } });
  expect(page()).toContain('new \u001B[39m\u001B[1mfile');
  // One that reads patches gets one.
  writeFileSync(join(world.home, 'delta'), readFileSync(pager), { mode: 0o755 });
  await onTerminal(world, ['diff', '1'], { env: { PAGER: `"$HOME"/delta --dark` } });
  expect(page()).toContain('diff --git a/file b/file');
  world.git(['config', '--global', 'core.pager', pager]);
  writeFileSync(join(world.root, 'paged'), '');
  await onTerminal(world, ['diff', '1', '--no-pager'], { env: { PAGER: 'false' } });
  expect(page()).toBe('');
  await onTerminal(world, ['diff', '1'], { env: { PAGER: 'false' } });
  expect(page()).toContain('new \u001B[39m\u001B[1mfile');
  // One that is left early is no error.
  expect((await onTerminal(world, ['diff', '1'], { env: { PHASR_PAGER: 'head -1' } })).code).toBe(0);
});

test('a diff can be applied as a patch, binary files included, and a reader that stops early is no error', async () => {
  await using world = makeWorld('patch');
  world.init({ a: 'a\n', 'old name': 'some content\n'.repeat(5) });
  await world.task(
    String.raw`echo b >> a; mv "old name" "new name"; head -c 3000 /dev/urandom > binary; chmod +x a; ln -s a link; printf x > "$(printf 'odd\351')"; for n in $(seq 20000); do echo line $n; done > big`,
  );
  const clone = join(world.root, 'clone');
  world.git(['clone', '-q', world.repo, clone], world.root);
  const patch = (await world.phasr(['diff', '1'])).bytes;
  writeFileSync(join(world.root, 'patch'), patch);
  world.git(['apply', '--index', join(world.root, 'patch')], clone);
  expect(world.git(['write-tree'], clone)).toBe((await world.json(['diff', '1'])).tree);
  const head = await world.program('sh', ['-c', `"${process.execPath}" "${CLI}" diff 1 | head -n 1`]);
  expect(head).toMatchObject({ code: 0, stderr: '' });
  expect((await world.ok(['diff', '1', 'new name', '--name-only'])).trim()).toBe('new name');
});

test('before and after stand side by side also in a pipe, if asked for; else a pipe gets a patch', async () => {
  await using world = makeWorld('side-by-side');
  world.init({ a: 'one\ntwo\n' });
  await world.task('echo "two or three" > a');
  const patch = await world.ok(['diff', '1']);
  expect(patch).toMatch(/^diff --git a\/a b\/a\nindex /);
  for (const env of [{ FORCE_COLOR: '1' }, { NO_COLOR: '1' }, { FORCE_COLOR: '1', COLUMNS: '300' }])
    expect(await world.ok(['diff', '1'], { env })).toBe(patch);
  expect(await world.ok(['diff', '1', '--unified'])).toBe(patch);
  expect(await world.ok(['diff', '1', '--side-by-side'], { env: { COLUMNS: '43' } })).toBe(
    [
      `── a ${'─'.repeat(38)}`,
      '@@ -1,2 +1 @@',
      '   1 - one           │',
      '   2 - two           │    1 + two or three',
      '',
    ].join('\n'),
  );
  expect((await world.phasr(['diff', '1', '--unified', '--side-by-side'])).code).toBe(2);
});

test('list --watch prints a line whenever the list is another one: a JSON document, or a state', async () => {
  await using world = makeWorld('watch');
  world.init();
  for (const args of [['--json'], []]) {
    const out = join(world.root, `out${args.join('')}`);
    const watcher = world.program('sh', [
      '-c',
      `exec "${process.execPath}" "${CLI}" list --watch ${args.join(' ')} > "${out}"`,
    ]);
    const lines = (): string[] => (existsSync(out) ? readFileSync(out, 'utf8') : '').split('\n').slice(0, -1);
    // Without tasks there is a document without tasks, and no state.
    if (args.length > 0) await waitFor('the first document', () => lines().length === 1);
    const { id } = await world.task('echo 1 > file');
    await waitFor('the end of the task', () =>
      lines().some((line) => /"state":"done"|^task \d+ done/.test(line)),
    );
    const pid = await waitFor('the watching process', () =>
      world.processes().find((process) => world.commandLine(process).includes('list --watch')),
    );
    process.kill(pid, 'SIGINT');
    expect((await watcher).code).toBe(130);
    if (args.length === 0) expect(lines().at(-1)).toBe(`task ${id} done: do it (exit code 0; 1 file +1 -0)`);
    else {
      const documents = lines().map((line) => JSON.parse(line) as Answer);
      expect(documents[0]).toEqual({ schema: 'phasr/list/1', tasks: [] });
      expect(documents.at(-1)?.tasks.map((task) => task.state)).toEqual(['done']);
      expect(new Set(lines()).size).toBe(lines().length);
    }
    await world.ok(['discard', String(id)]);
  }
});

test('a bug shows its stack, where to report it, and exit code 70', async () => {
  await using world = makeWorld('bug');
  world.init();
  await world.task('true');
  // A record that no version of Phasr has written.
  const { openDatabase } = await import('../src/store/database.ts');
  const database = openDatabase(join(world.repo, '.git/phasr/phasr.db'), ['']);
  database.run('UPDATE tasks SET state = ?', '{"id":1,"phase":{"kind":"nonsense"},"runs":[]}');
  database.close();
  const ran = await world.phasr(['list']);
  expect(ran.code).toBe(70);
  expect(ran.stderr).toMatch(/^phasr: this is a bug in Phasr [\d.]+ \(Node v[\d.]+, \w+\)\n/);
  expect(ran.stderr).toContain('Please report it');
});

test('a damaged database is named, and git is told to be safe', async () => {
  await using world = makeWorld('damaged');
  world.init();
  await world.task('true');
  world.write('.git/phasr/phasr.db', 'this is no database '.repeat(1000));
  for (const file of ['phasr.db-wal', 'phasr.db-shm'])
    if (world.has(`.git/phasr/${file}`)) world.write(`.git/phasr/${file}`, '');
  const error = await world.json(['list']);
  expect(error).toMatchObject({ code: 'database-corrupt' });
  expect(error.hint).toContain('safe in git');
});
