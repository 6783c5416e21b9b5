/** What helps a person around his tasks: the first screen, the reference, and small commands beside the main ones. */

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { AGENTS } from '../src/agent/catalogue.ts';
import { COMMANDS } from '../src/cli/commands.ts';
import { GROUPS } from '../src/cli/help.ts';
import { renderReference } from '../src/cli/reference.ts';
import { listFiles } from './support/files.ts';
import { hasTerminal, Typist } from './support/typist.ts';
import { waitFor } from './support/wait-for.ts';
import { requireValid } from './support/schemas.ts';
import { makeWorld, type RunOptions, type World } from './support/world.ts';

const CLI_REFERENCE = fileURLToPath(new URL('../docs/cli.md', import.meta.url));

test('the first screen is one screen of 80 columns: every command in its group, with an example for each group', async () => {
  await using world = makeWorld('first-screen');
  world.init();
  const screen = await world.ok(['--help']);
  expect(await world.ok([])).toBe(screen);
  expect(await world.ok(['help'])).toBe(screen);
  const lines = screen.trimEnd().split('\n');
  expect(lines.length).toBeLessThanOrEqual(48);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
  for (const { group, title, example } of GROUPS) {
    const at = lines.findIndex((line) => line.startsWith(title));
    expect(lines[at]).toContain(example);
    const members = COMMANDS.filter((command) => command.group === group).map(({ name }) => name);
    expect(lines.slice(at + 1, at + 1 + members.length).map((line) => line.trim().split(' ')[0])).toEqual(
      members,
    );
    // An example is of a command that is there.
    expect(COMMANDS.map(({ name }) => name)).toContain(example.split(' ')[1]);
  }
});

test('phasr alone outside a repository says what to do', async () => {
  await using world = makeWorld('outside');
  const ran = await world.phasr([], { cwd: world.home });
  expect(ran).toMatchObject({ code: 0, stderr: '' });
  for (const said of ['You are in no git repository', 'git init', 'phasr run', 'phasr doctor'])
    expect(ran.stdout).toContain(said);
});

test.each([
  [['lst'], 'there is no command "lst"', 'Did you mean: phasr list'],
  [['help', 'disc'], 'there is no command "disc"', 'Did you mean: phasr help discard'],
  [
    ['fix the typo'],
    'there is no command "fix the typo"',
    'To launch it as a task: phasr run "…" -- your-agent',
  ],
  [['bananas'], 'there is no command "bananas"', 'All commands: phasr --help'],
  [['list', '--jsn'], "unknown option '--jsn'", 'Did you mean --json?   phasr list --help'],
  [['run', '--promt=x'], "unknown option '--promt=x'", 'Did you mean --prompt?   phasr run --help'],
])('a mistyped word is named, and what is nearest to it: %j', async (args, message, hint) => {
  await using world = makeWorld('mistyped');
  world.init();
  expect(await world.phasr(args)).toMatchObject({
    code: 2,
    stdout: '',
    stderr: `phasr: ${message}\n  ${hint}\n`,
  });
});

test('docs/cli.md is what the declarations say (npm run docs), and what --help prints', async () => {
  await using world = makeWorld('reference');
  world.init();
  const reference = readFileSync(CLI_REFERENCE, 'utf8');
  expect(reference).toBe(renderReference());
  for (const { name } of COMMANDS) {
    const help = await world.ok([name, '--help']);
    expect(reference).toContain(`### phasr ${name}\n\n\`\`\`text\n${help}\`\`\`\n`);
  }
});

/** A program for PATH that writes down how it was called. */
function fakeProgram(world: World, name: string, script: string): string {
  const path = join(world.root, 'bin', name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return dirname(path);
}

const CLI = fileURLToPath(new URL('../dist/cli.cjs', import.meta.url));

test('open starts an editor with a window in the worktree and leaves it alone; --json says what it would start', async () => {
  await using world = makeWorld('open');
  world.init();
  const { worktree } = await world.task('echo 1 > file');
  const log = join(world.root, 'log');
  const bin = fakeProgram(
    world,
    'code',
    `printf '%s|' "$PWD" "$@" "task=$PHASR_TASK" "git=$GIT_DIR" > '${log}.new'; mv '${log}.new' '${log}'; sleep 60`,
  );
  const env = { PATH: `${bin}:${world.env['PATH'] ?? ''}`, GIT_DIR: '/nowhere' };
  expect(await world.json(['open', '1', '--editor', 'code "--new window"'], { env })).toEqual({
    task: 1,
    path: worktree,
    command: ['code', '--new window', worktree],
    kind: 'window',
    from: '--editor',
  });
  expect(existsSync(log)).toBe(false);
  expect(await world.ok(['open', '1', '--editor', 'code "--new window"'], { env })).toContain(worktree);
  await waitFor('the editor to be started', () => existsSync(log));
  expect(readFileSync(log, 'utf8')).toBe(`${worktree}|--new window|${worktree}|task=1|git=|`);
  // From inside the worktree the number may be left out.
  expect(
    (await world.json(['open'], { env: { ...env, PHASR_EDITOR: 'subl' }, cwd: worktree })) as unknown,
  ).toMatchObject({
    command: ['subl', worktree],
    from: 'PHASR_EDITOR',
  });
});

test('open and exec refuse a task that has no worktree, and say why', async () => {
  await using world = makeWorld('no-worktree');
  world.init();
  await world.task('echo 1 > file');
  await world.task('echo 2 > other');
  await world.ok(['discard', '1']);
  expect(await world.json(['open', '1', '--shell'])).toMatchObject({
    code: 'worktree-broken',
    message: 'task 1 is discarded; its worktree is gone',
  });
  const gone = (await world.json(['show', '2'])).worktree;
  renameSync(gone, `${gone}.moved`);
  mkdirSync(gone);
  expect(await world.json(['exec', '2', '--', 'true'])).toMatchObject({ code: 'worktree-broken' });
  expect((await world.phasr(['exec', '2', '--', 'true'])).code).toBe(1);
  expect((await world.phasr(['exec', '2'])).code).toBe(2);
  expect((await world.phasr(['open', '2', '--shell', '--editor', 'x'])).code).toBe(2);
});

test('exec runs the command as it is in the worktree, with the standard input, output and exit code of the person', async () => {
  await using world = makeWorld('exec');
  world.init();
  const { worktree, branch } = await world.task('echo 1 > file');
  const script =
    'cat; pwd; printf "%s\\n" "$PHASR_TASK" "$PHASR_BRANCH" "$PHASR_WORKTREE" "${PHASR_RUN-none}" "${PHASR_PROMPT-none}" "${GIT_DIR-none}" "${GIT_EDITOR-none}" "$0"; echo err >&2; exit 7';
  const ran = await world.phasr(['exec', '1', '--', 'sh', '-c', script, '$(touch x); "'], {
    stdin: 'typed\n',
    env: { PHASR_TASK: '99', PHASR_PROMPT: 'outer' },
  });
  expect(ran.stdout.split('\n')).toEqual([
    'typed',
    worktree,
    '1',
    branch,
    worktree,
    'none',
    'none',
    'none',
    'none',
    '$(touch x); "',
    '',
  ]);
  expect(ran).toMatchObject({ code: 7, stderr: 'err\n' });
  expect(readdirSync(worktree)).not.toContain('x');
  // A command beside the work is found in the worktree, git there is the task's, and a program that is missing is 127 as in a shell.
  expect(await world.ok(['exec', '1', '--', 'git', 'branch', '--show-current'])).toBe(`${branch}\n`);
  expect(await world.phasr(['exec', '1', '--', 'no-such-program'])).toMatchObject({ code: 127, stdout: '' });
  expect((await world.phasr(['exec', '1', '--', './file'])).code).toBe(126);
  expect((await world.phasr(['exec', '1', '--', 'sh', '-c', 'kill -9 $$'])).code).toBe(137);
});

test('several tasks are gone through one after the other, with a heading and a summary, and the exit code is 1 if one failed', async () => {
  await using world = makeWorld('exec-several');
  world.init();
  for (const text of ['a', 'b', 'c']) await world.task(`echo ${text} > file`);
  await world.ok(['discard', '3']);
  const ran = await world.phasr(['exec', '1-3', '--', 'sh', '-c', 'cat file; grep -q a file']);
  expect(ran).toMatchObject({ code: 1, stdout: 'a\nb\n' });
  expect(ran.stderr).toMatch(
    /^== task 1\n== task 2\n== task 3\nphasr: task 3 is discarded; .*\n.*\n\ntask 1 +exit code 0 +0s\ntask 2 +exit code 1 +0s\ntask 3 +not run +task 3 is discarded/,
  );
  expect((await world.phasr(['exec', '1,2', '--', 'true'])).code).toBe(0);
  const asked = await world.phasr(['exec', '1-3', '--json', '--', 'sh', '-c', 'cat file; grep -q a file']);
  expect(asked.code).toBe(1);
  expect(asked.stderr).toContain('\na\n');
  const answer = JSON.parse(asked.stdout) as unknown;
  requireValid(answer, 'phasr exec');
  expect(answer).toEqual({
    schema: 'phasr/exec/1',
    tasks: [
      { task: 1, exitCode: 0, ms: expect.any(Number) as number },
      { task: 2, exitCode: 1, ms: expect.any(Number) as number },
      {
        task: 3,
        exitCode: 1,
        ms: expect.any(Number) as number,
        error: expect.objectContaining({ code: 'worktree-broken' }) as object,
      },
    ],
    notRun: [],
  });
});

test('a signal to phasr exec goes to the command, its end is waited for, and nothing is left running', async () => {
  await using world = makeWorld('exec-signals');
  world.init();
  await world.task('true');
  await world.task('true');
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    const ready = join(world.root, `ready-${signal}`);
    const script = `trap 'echo got it; sleep 0.3; echo over; trap - ${signal.slice(3)}; kill -${signal.slice(3)} $$' ${signal.slice(3)}; touch '${ready}'; while :; do sleep 0.05; done`;
    const child = spawn(process.execPath, [CLI, 'exec', '1', '2', '--', 'sh', '-c', script], {
      cwd: world.repo,
      env: world.env,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let shown = '';
    child.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()));
    const ended = new Promise((resolve) => child.once('close', resolve));
    await waitFor('the command to run', () => existsSync(ready));
    child.kill(signal);
    expect(await ended).toBe(code);
    // The second task was not begun.
    expect(shown).toBe('got it\nover\n');
    expect(world.processes()).toEqual([]);
  }
});

test.skipIf(!hasTerminal)(
  'on a terminal Ctrl-C goes to the command once, twice when typed twice, and never to phasr (needs script)',
  async () => {
    await using world = makeWorld('exec-terminal');
    world.init();
    await world.task('true');
    // Node counts signals that come right after one another; a shell would take them for one.
    const script = `let n = 0; setInterval(() => {}, 1000);
      process.on('SIGINT', () => { console.log('got ' + ++n + '.'); if (n === 3) setTimeout(() => { console.log('end ' + n + '.'); process.exit(5); }, 300); }); console.log('ready.');`;
    const command = [process.execPath, CLI, 'exec', '1', '--', process.execPath, '-e', script];
    const terminal = new Typist(world, command);
    await terminal.until(/ready\./);
    for (const count of [1, 2, 3]) {
      terminal.type('\u0003');
      await terminal.until(new RegExp(`got ${count}\\.`));
    }
    await terminal.until(/end 3\./);
    expect(await terminal.end()).toBe(5);
  },
);

test.skipIf(!hasTerminal)(
  'open --shell is a shell in the worktree, says how to leave it, and lets Ctrl-C be its own (needs script)',
  async () => {
    await using world = makeWorld('open-shell');
    world.init();
    const { worktree, branch } = await world.task('true');
    const terminal = new Typist(world, [process.execPath, CLI, 'open', '1', '--shell'], {
      env: { SHELL: '/bin/bash', PS1: 'ready> ' },
    });
    await terminal.until(
      new RegExp(`a shell in the worktree of task 1, on branch ${branch}; leave it with: exit`),
    );
    terminal.type('echo "in=$PWD task=$PHASR_TASK run=${PHASR_RUN-none}"\n');
    await terminal.until(new RegExp(`in=${worktree} task=1 run=none`));
    // What runs in the shell is ended by Ctrl-C, the shell and phasr are not.
    terminal.type('echo sleeping $((1+1)); sleep 600\n');
    await terminal.until(/sleeping 2/);
    terminal.type('\u0003');
    await terminal.until(/\^C/);
    terminal.type('\necho awake $((1+1))\n');
    await terminal.until(/awake 2/);
    terminal.type('git branch --show-current; exit 3\n');
    await terminal.until(new RegExp(`[\\r\\n]${branch}\\r`));
    expect(await terminal.end()).toBe(3);
  },
);

test.skipIf(!hasTerminal)(
  'open runs an editor for the terminal on the terminal until it is left (needs script)',
  async () => {
    await using world = makeWorld('open-terminal');
    world.init();
    const { worktree } = await world.task('true');
    const bin = fakeProgram(
      world,
      'vim',
      'test -t 0 && test -t 1 && echo "editing $1"; read -r line; echo "read $line"; exit 4',
    );
    const env = { PATH: `${bin}:${world.env['PATH'] ?? ''}`, VISUAL: 'vim' };
    const terminal = new Typist(world, [process.execPath, CLI, 'open', '1'], { env });
    await terminal.until(new RegExp(`editing ${worktree}`));
    terminal.type('done\n');
    await terminal.until(/read done/);
    expect(await terminal.end()).toBe(4);
  },
);

test('an agent at work does not forbid exec, but is named', async () => {
  await using world = makeWorld('exec-live');
  world.init();
  await world.json(['run', 'one', '--detach', '--', 'sh', '-c', 'touch started; sleep 60']);
  await waitFor('the agent', async () => {
    const task = await world.json(['show', '1']);
    return task.state === 'running' && existsSync(join(task.worktree, 'started'));
  });
  const ran = await world.phasr(['exec', '1', '--', 'ls']);
  expect(ran).toMatchObject({ code: 0, stdout: 'README.md\nsrc\nstarted\n' });
  expect(ran.stderr).toBe('phasr: the agent of task 1 is at work in the same files\n');
});

test('cost adds up what agents have reported, and says of how many runs nothing is known', async () => {
  await using world = makeWorld('cost');
  world.init();
  // Claude's own words about a run; what reads them is the agent's reader.
  const said = (cost: number, session: string): string =>
    `{"type":"system","subtype":"init","session_id":"${session}"}\n${JSON.stringify({
      type: 'result',
      subtype: 'success',
      is_error: false,
      result: 'done',
      session_id: session,
      total_cost_usd: cost,
      usage: {
        input_tokens: 1200,
        output_tokens: 340,
        cache_read_input_tokens: 12_345,
        cache_creation_input_tokens: 7,
      },
    })}`;
  const bin = fakeProgram(world, 'claude', `cat > /dev/null; printf '%s\\n' '${said(0.0123, 'first')}'`);
  const env = { PATH: `${bin}:${world.env['PATH'] ?? ''}` };
  await world.ok(['run', 'one', '--agent', 'claude'], { env });
  await world.phasr(['run', 'two', '--', 'sh', '-c', 'exit 3']);
  fakeProgram(world, 'claude', `cat > /dev/null; printf '%s\\n' '${said(0.2, 'second')}'`);
  await world.ok(['resume', '1', 'more', '--new-session'], { env });

  const tokens = { input: 1200, output: 340, cacheRead: 12_345, cacheWrite: 7 };
  const twice = { input: 2400, output: 680, cacheRead: 24_690, cacheWrite: 14 };
  const asked = (await world.json(['cost'])) as unknown;
  expect(asked).toMatchObject({
    tasks: [
      {
        id: 1,
        state: 'done',
        runs: [
          { run: 1, ended: true, tokens, costUsd: 0.0123 },
          { run: 2, ended: true, tokens, costUsd: 0.2 },
        ],
        total: { runs: 2, runsWithTokens: 2, runsWithCost: 2, tokens: twice, costUsd: 0.2123 },
      },
      {
        id: 2,
        state: 'failed',
        runs: [{ run: 1, agent: 'sh', tokens: null, costUsd: null }],
        total: { tokens: null, costUsd: null },
      },
    ],
    total: { runs: 3, runsWithTokens: 2, runsWithCost: 2, tokens: twice, costUsd: 0.2123 },
  });
  expect(await world.ok(['cost'])).toBe(
    [
      'TASK  RUN  AGENT        INPUT  OUTPUT  CACHE READ  CACHE WRITE     COST  TITLE',
      '1     1    Claude Code   1.2k     340         12k            7  $0.0123  one',
      '      2    Claude Code   1.2k     340         12k            7    $0.20',
      '2     1    sh               -       -           -            -        -  two',
      'all   3                  2.4k     680         25k           14    $0.21',
      '',
      'of 1 run nothing is known: the agent did not say',
      '',
    ].join('\n'),
  );
  await world.ok(['discard', '2']);
  expect((await world.json(['cost'])).tasks.map(({ id }) => id)).toEqual([1]);
  expect((await world.json(['cost', '--all'])).tasks.map(({ id }) => id)).toEqual([1, 2]);
  expect((await world.json(['cost', '2'])).tasks.map(({ id }) => id)).toEqual([2]);
});

test('runs that were recorded by a version without reports have no cost, and no error', async () => {
  await using world = makeWorld('cost-old');
  world.init();
  await world.task('true');
  const { openDatabase } = await import('../src/store/database.ts');
  const database = openDatabase(join(world.repo, '.git/phasr/phasr.db'), ['']);
  database.run("UPDATE tasks SET state = json_remove(state, '$.runs[0].end.report', '$.runs[0].agent')");
  database.close();
  expect((await world.json(['cost'])) as unknown).toMatchObject({
    total: { runs: 1, runsWithTokens: 0, tokens: null, costUsd: null },
  });
});

type FindingJson = {
  readonly check: string;
  readonly status: 'ok' | 'note' | 'problem';
  readonly message: string;
  readonly hint: string | null;
};

/** What `phasr doctor --json` finds, and its exit code. */
async function examined(
  world: World,
  options: RunOptions = {},
): Promise<{ code: number | null; findings: readonly FindingJson[] }> {
  const ran = await world.phasr(['doctor', '--json'], options);
  expect(ran.stderr).toBe('');
  const document = JSON.parse(ran.stdout) as { findings: readonly FindingJson[] };
  requireValid(document, 'phasr doctor');
  return { code: ran.code, findings: document.findings };
}

/** All findings of one check, as `status: message → hint`. */
async function found(world: World, check: string, options: RunOptions = {}): Promise<string> {
  const { findings } = await examined(world, options);
  return findings
    .filter((finding) => finding.check === check)
    .map(({ status, message, hint }) => `${status}: ${message}${hint === null ? '' : ` → ${hint}`}`)
    .join('\n');
}

test('doctor finds no problem where there is none, in a repository and outside, and writes nothing', async () => {
  await using world = makeWorld('doctor');
  world.init();
  await world.task('echo 1 > file');
  // What real agents do when they are asked for their version is their business.
  for (const { program } of AGENTS) fakeProgram(world, program, 'echo 1.2.3');
  const env = { PATH: `${join(world.root, 'bin')}:${world.env['PATH'] ?? ''}` };
  await waitFor('the supervisor to end', () => world.processes().length === 0);
  const before = listFiles(world.root);
  const { code, findings } = await examined(world, { env });
  expect(findings.filter(({ status }) => status === 'problem')).toEqual([]);
  expect(code).toBe(0);
  expect([...new Set(findings.map(({ check }) => check))]).toEqual([
    'git',
    'node',
    'sqlite',
    'agents',
    'sandbox',
    'PHASR_HOME',
    'disk',
    'file system',
    'settings',
    'places',
    'repository',
    'tasks',
    'identity',
    'hooks',
    'locks',
    'remains',
  ]);
  for (const finding of findings)
    expect(Object.keys(finding)).toEqual(['check', 'status', 'message', 'hint']);
  expect(findings.find(({ check }) => check === 'tasks')?.message).toBe('1 task, 1 open');
  expect(findings.find(({ check }) => check === 'identity')?.message).toBe('Ada Tester <ada@example.com>');
  expect(findings.find(({ check }) => check === 'remains')).toMatchObject({
    status: 'ok',
    message: 'none',
  });

  const outside = await examined(world, { cwd: world.home, env });
  expect(outside.code).toBe(0);
  expect(outside.findings.at(-1)).toEqual({
    check: 'repository',
    status: 'note',
    message: 'not in a git repository; skipped: repository, tasks, identity, hooks, locks, remains',
    hint: 'cd path/to/repository',
  });
  expect(listFiles(world.root)).toEqual(before);
  expect(world.processes()).toEqual([]);
  expect(await world.ok(['doctor'], { env })).toMatch(
    /^ok +git +git version .*\n(?:.*\n)+\nno problem(?:, \d+ notes?)?\n$/,
  );
});

test('doctor names what does not work, with the next command, and exit code 1', async () => {
  await using world = makeWorld('doctor-problems');
  world.init();
  const path = (bin: string): RunOptions => ({ env: { PATH: `${bin}:${world.env['PATH'] ?? ''}` } });
  const old = fakeProgram(
    world,
    'git',
    'test "$*" = "${*%version}" && exec /usr/bin/env PATH="${PATH#*:}" git "$@"; echo "git version 2.30.1"',
  );
  expect(await found(world, 'git', path(old))).toBe(
    'problem: git version 2.30.1 is too old for Phasr → Install git 2.38 or newer.',
  );
  expect((await examined(world, path(old))).code).toBe(1);
  const nothing = await examined(world, { env: { PATH: '/nowhere' } });
  expect(nothing.code).toBe(1);
  expect(nothing.findings[0]).toMatchObject({ check: 'git', status: 'problem' });
  expect(nothing.findings.at(-1)?.message).toContain('no git to ask; skipped: repository');

  expect(await found(world, 'PHASR_HOME', { env: { PHASR_HOME: 'relative' } })).toContain(
    'problem: PHASR_HOME is relative, which means another folder',
  );
  expect(await found(world, 'PHASR_HOME', { env: { PHASR_HOME: join(world.home, '.gitconfig') } })).toContain(
    'which is no folder',
  );

  world.write('phasr.toml', 'agent = "claude"\nnonsense = 1\n');
  expect(await found(world, 'settings')).toMatch(/^problem: .*phasr\.toml/);
  world.write('phasr.toml', 'agent = "claude"\n');
  expect(await found(world, 'settings')).toBe(`ok: ${world.repo}/phasr.toml`);

  world.git(['branch', 'phasr']);
  expect(await found(world, 'repository')).toContain(
    'stands in the way of branches named phasr/task-… → git branch -m phasr phasr-old',
  );
  world.git(['config', 'core.hooksPath', 'gone']);
  expect(await found(world, 'hooks')).toBe(
    `note: core.hooksPath is ${world.repo}/gone, which is not there → git config --show-origin core.hooksPath`,
  );
  world.git(['config', '--global', '--unset', 'user.email']);
  world.git(['config', '--global', 'user.useConfigOnly', 'true']);
  expect(await found(world, 'identity')).toMatch(
    /^problem: git does not know who you are.* → git config --global user\.name/,
  );
});

test('doctor tries the sandbox and asks agents for their versions', async () => {
  await using world = makeWorld('doctor-programs');
  world.init();
  const bin = fakeProgram(world, 'claude', 'echo "9.8.7 (Claude Code)"');
  fakeProgram(world, 'codex', 'exit 3');
  fakeProgram(world, 'bwrap', 'test "$1" = --version && echo "bubblewrap 1.2.3"');
  const options = { env: { PATH: `${bin}:${world.env['PATH'] ?? ''}` } };
  expect(await found(world, 'agents', options)).toContain('ok: Claude Code 9.8.7');
  expect(await found(world, 'agents', options)).toContain(
    'note: Codex is there, but does not say its version → codex --version',
  );
  expect(await found(world, 'sandbox', options)).toContain(
    'note: bubblewrap may not make namespaces here; agents are not confined → ',
  );
  fakeProgram(world, 'bwrap', 'test "$1" = --version && echo "bubblewrap 1.2.3" || exit 0');
  expect(await found(world, 'sandbox', options)).toBe('ok: bubblewrap 1.2.3 works');
});

test('doctor tells a lock that a dead git has left from one that is held', async () => {
  await using world = makeWorld('doctor-lock');
  world.init();
  const lock = join(world.repo, '.git/index.lock');
  writeFileSync(lock, '');
  expect(await found(world, 'locks')).toBe(
    `problem: ${lock} was left by a git command that has died → phasr doctor --fix`,
  );
  expect((await examined(world)).code).toBe(1);
  const holder = spawn('sh', ['-c', `exec 9> '${lock}'; echo held; exec sleep 600`], { env: world.env });
  await new Promise((resolve) => holder.stdout.once('data', resolve));
  expect(await found(world, 'locks')).toBe(`note: a git command is at work: ${lock}`);
});

test('doctor lists what dead processes and deleted records have left, and tells nobody to remove what he has not seen', async () => {
  await using world = makeWorld('doctor-remains');
  world.init();
  const { worktree } = await world.task('true');
  const trees = dirname(worktree);
  mkdirSync(join(trees, '7-stray'));
  mkdirSync(join(trees, '.trash/8.9'), { recursive: true });
  world.write('.git/worktrees/phasr-7/locked', 'phasr task 7; see: phasr show 7\n');
  world.write('.git/worktrees/phasr-8/locked', 'mine, although it is called so\n');
  world.write('.git/phasr/tasks/9/clean/HEAD', '');
  world.write('.git/phasr/trash/5.6/entry.json', '{"worktree":"/nowhere"}');
  world.write('.git/phasr/trash/5.6/clean/HEAD', '');
  world.write('.git/phasr/trash/5.7/entry.json', '{"worktree":"/nowhere"}');
  world.write('.git/phasr/trash/5.7/clean/HEAD', '');
  world.write('.git/phasr/trash/5.7/held', 'a repository inside it\n');
  renameSync(worktree, `${worktree}.moved`);
  const remains = await found(world, 'remains');
  expect(remains.split('\n')).toEqual([
    expect.stringMatching(
      /^note: 3 worktree folders that no task knows: .*\/1-do-it\.moved, .*\/7-stray, .*\/\.trash\/8\.9 → ls -A .*\(then rm -r what you do not need\)$/,
    ),
    `note: 1 worktree registration of no open task: ${world.repo}/.git/worktrees/phasr-7 → phasr doctor --fix   (puts them aside)`,
    expect.stringMatching(/^note: 1 task folder without a record: .*\/tasks\/9 → ls -A /),
    expect.stringMatching(
      /^note: the worktree of task 1 is not where Phasr made it: .* → phasr doctor --fix /,
    ),
    expect.stringMatching(/^note: 1 removed worktree not yet emptied: .*5\.6 → phasr list /),
    expect.stringMatching(
      /^note: 1 removed worktree kept on the disk, .*5\.7 \(a repository inside it\) → phasr list --all /,
    ),
  ]);
  expect((await examined(world)).code).toBe(0);
});

test('doctor names places of dead processes, and worktrees of repositories that are gone', async () => {
  await using world = makeWorld('doctor-dead');
  world.init();
  await world.json(['run', 'one', '--detach', '--', 'sleep', '600']);
  await waitFor('the run', async () => (await world.json(['show', '1'])).state === 'running');
  expect(await found(world, 'places')).toBe('ok: none is held by a dead process');
  await waitFor('everything to be dead', () => {
    world.killAll();
    return world.processes().length === 0;
  });
  expect(await found(world, 'places')).toContain(
    `note: 1 place held by nobody that lives: task 1 of ${world.repo}/.git → phasr list`,
  );
  renameSync(world.repo, `${world.repo}-gone`);
  expect(await found(world, 'remains', { cwd: world.home })).toMatch(
    /^note: 1 worktree of repositories that are gone: .*\/1-one → ls -A /,
  );
});

test('where the records are damaged or gone, doctor says so and offers no worktree for removal', async () => {
  await using world = makeWorld('doctor-records');
  world.init();
  await world.task('echo 1 > file');
  const database = join(world.repo, '.git/phasr/phasr.db');
  // A supervisor that is about to end still has the database open.
  await waitFor('the supervisor to end', () => world.processes().length === 0);
  renameSync(database, `${database}.kept`);
  expect(await found(world, 'tasks')).toContain('problem: the record of 1 task is gone');
  expect(await found(world, 'remains')).toBe('');
  writeFileSync(database, 'this is no database '.repeat(1000));
  expect(await found(world, 'tasks')).toMatch(/^problem: .*phasr\.db is damaged → /);
  expect(await found(world, 'remains')).toBe('');
  expect((await examined(world)).code).toBe(1);
  const { openDatabase } = await import('../src/store/database.ts');
  rmSync(database);
  openDatabase(database, ['', '', '', '', '', '', '', '', '']).close();
  expect(await found(world, 'tasks')).toContain(
    'is of another version of Phasr → npm install -g phasr@latest',
  );
  expect(await found(world, 'remains')).toBe('');
});
