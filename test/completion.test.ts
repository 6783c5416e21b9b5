/** Completion in real shells: what is completed, and that neither titles nor names nor typed words are ever run. PowerShell is not verified. */

import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { listFiles } from './support/files.ts';
import { hasTerminal, Typist } from './support/typist.ts';
import { waitFor } from './support/wait-for.ts';
import { makeWorld, type World } from './support/world.ts';

const CLI = fileURLToPath(new URL('../dist/cli.cjs', import.meta.url));

/** Everything that git allows in a branch's name and some shell gives a meaning. Each is found by its first two letters. */
const HOSTILE_BRANCHES: readonly string[] = [
  'aa$(touch${IFS}HACKED)',
  'ab`touch${IFS}HACKED`',
  'ac;touch${IFS}HACKED',
  'ad&touch${IFS}HACKED',
  'ae|touch${IFS}HACKED',
  "af'$(touch${IFS}HACKED)",
  'ag"$(touch${IFS}HACKED)"',
  'ah>HACKED',
  'ai(touch${IFS}HACKED)',
  'aj{a,b}',
  'ak#x',
  'al!1',
  'am%F{red}',
  'an=x@y,z',
  'ao$HOME',
  'apörk',
];

const HOSTILE_TITLES: readonly string[] = [
  '$(touch HACKED)',
  '`touch HACKED`; touch HACKED',
  '"\'); touch HACKED; (touch HACKED) #',
  'colon: a:b \\ %F{red} %s \u001B[2J',
];

/** A repository with hostile names, and a `phasr` in PATH that completes and otherwise prints the words it was called with. */
async function makeShellWorld(name: string): Promise<World> {
  const world = makeWorld(name);
  world.init();
  for (const branch of HOSTILE_BRANCHES) world.git(['branch', branch]);
  const prompts = HOSTILE_TITLES.flatMap((title) => ['--title', title, '--prompt', 'x']);
  await world.json(['run', ...prompts, '--', 'sh', '-c', 'echo 1 > file']);
  mkdirSync(join(world.root, 'bin'));
  const script = `case "$1" in complete|completion) exec '${process.execPath}' '${CLI}' "$@";; esac\nprintf 'got:'; printf '<%s>' "$@"; printf ':tog\\n'`;
  writeFileSync(join(world.root, 'bin/phasr'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return world;
}

function shellEnv(world: World): Record<string, string> {
  return {
    PATH: `${join(world.root, 'bin')}:${world.env['PATH'] ?? ''}`,
    PS1: '$ ',
    PROMPT: '$ ',
    HISTFILE: '',
  };
}

type ShellUnderTest = {
  readonly name: string;
  readonly command: readonly string[];
  readonly setUp: string;
};

const SHELLS: readonly ShellUnderTest[] = [
  {
    name: 'bash',
    command: ['bash', '--norc', '--noprofile', '-i'],
    setUp: 'source <(phasr completion bash)',
  },
  {
    name: 'zsh',
    command: ['zsh', '-f', '-i'],
    setUp: 'autoload -Uz compinit; compinit -u -D; source <(phasr completion zsh)',
  },
  { name: 'fish', command: ['fish', '--no-config', '-i'], setUp: 'phasr completion fish | source' },
];

function has(program: string): boolean {
  return spawnSync(program, ['--version']).status === 0;
}

async function startShell(world: World, { command, setUp }: ShellUnderTest): Promise<Typist> {
  const shell = new Typist(world, command, { env: shellEnv(world) });
  shell.type(`${setUp}; phasr is ready\n`);
  await shell.until(/got:<is><ready>:tog/);
  return shell;
}

/** Ctrl-U takes a line away in each of the shells; Ctrl-C would also take away what is typed next. */
const KILL_LINE = '\u0015';

/** Types keys and Enter, and gives the words that the command was called with. */
async function called(shell: Typist, keys: string): Promise<string> {
  const since = shell.text.length;
  shell.type(`${keys}\n`);
  const text = await shell.until(/got:.*:tog/, since);
  return /got:(.*):tog/.exec(text)?.[1] ?? '';
}

for (const shellUnderTest of SHELLS) {
  const { name } = shellUnderTest;
  test.skipIf(!hasTerminal || !has(name))(
    `${name} completes commands, tasks, options, strategies and branches (needs script and ${name})`,
    async () => {
      await using world = await makeShellWorld(`complete-${name}`);
      world.git(['branch', 'feature/one']);
      world.write('phasr.toml', '[agents.mine]\ncommand = ["./mine.sh"]\n');
      const shell = await startShell(world, shellUnderTest);
      expect(await called(shell, 'phasr mer\t')).toBe('<merge>');
      expect(await called(shell, 'phasr merge 1 2 4 --strat\tsq\t')).toBe(
        '<merge><1><2><4><--strategy><squash>',
      );
      expect(await called(shell, 'phasr merge 1 2 4 \t')).toBe('<merge><1><2><4><3>');
      expect(await called(shell, 'phasr merge --strategy=re\t')).toBe('<merge><--strategy=rebase>');
      expect(await called(shell, 'phasr run "a b" --base=feat\t')).toBe('<run><a b><--base=feature/one>');
      expect(await called(shell, 'phasr run x -b "feat\t')).toBe('<run><x><-b><feature/one>');
      expect(await called(shell, 'phasr diff 1 READ\t')).toBe('<diff><1><README.md>');
      expect(await called(shell, 'phasr run -F READ\t')).toBe('<run><-F><README.md>');
      expect(await called(shell, 'phasr run --file=READ\t')).toBe('<run><--file=README.md>');
      expect(await called(shell, 'phasr run --agent=mi\t')).toBe('<run><--agent=mine>');
      expect(await called(shell, 'phasr help disc\t')).toBe('<help><discard>');
      expect(await called(shell, 'phasr exec 1 -- dirnam\t')).toBe('<exec><1><--><dirname>');
      // Ids come with state and title.
      const since = shell.text.length;
      shell.type('phasr merge \t\t');
      const listed = await shell.until(/4 .*done: colon: a:b \\ %F\{red\} %s \\e\[2J/s, since);
      for (const title of HOSTILE_TITLES.slice(0, 3)) expect(listed).toContain(`done: ${title}`);
    },
  );

  test.skipIf(!hasTerminal || !has(name))(
    `in ${name} nothing that is completed, listed or typed is run, and a name arrives as it is (needs script and ${name})`,
    async () => {
      await using world = await makeShellWorld(`hostile-${name}`);
      const shell = await startShell(world, shellUnderTest);
      for (const branch of HOSTILE_BRANCHES) {
        expect(await called(shell, `phasr run -b ${branch.slice(0, 2)}\t`), branch).toBe(
          `<run><-b><${branch}>`,
        );
        expect(await called(shell, `phasr run --base=${branch.slice(0, 2)}\t`), branch).toBe(
          `<run><--base=${branch}>`,
        );
      }
      // An open quote: the name arrives as it is, or is not completed at all.
      for (const quote of ['"', "'"]) {
        for (const branch of HOSTILE_BRANCHES.filter((_, index) => index % 3 === 0)) {
          const since = shell.text.length;
          shell.type(`phasr run -b ${quote}${branch.slice(0, 2)}\t`);
          shell.type(KILL_LINE);
          expect(await called(shell, 'phasr next')).toBe('<next>');
          expect(shell.text.slice(since)).not.toContain('command not found');
        }
      }
      for (const typed of ['$(touch HACKED)', '`touch HACKED`', '(touch HACKED)', '"$(touch HACKED)"']) {
        shell.type(`phasr merge ${typed} \t`);
        shell.type(KILL_LINE);
        expect(await called(shell, 'phasr next')).toBe('<next>');
      }
      // Going through the candidates inserts ids, never titles.
      expect(await called(shell, 'phasr merge 1,2,3,\t')).toBe('<merge><1,2,3,4>');
      expect(readdirSync(world.repo)).not.toContain('HACKED');
    },
  );
}

test.skipIf(!hasTerminal)(
  'bash never inserts a description, whatever key asks for candidates (needs script)',
  async () => {
    await using world = await makeShellWorld('bash-insert');
    const [bash] = SHELLS;
    if (bash === undefined) throw new Error('bash is tested');
    const shell = await startShell(world, bash);
    shell.type(`bind '"\\C-g": insert-completions'; bind '"\\C-o": menu-complete'; phasr bound\n`);
    await shell.until(/got:<bound>/);
    expect(await called(shell, 'phasr merge \u0007')).toBe('<merge><1><2><3><4>');
    expect(await called(shell, 'phasr merge \u000F')).toBe('<merge><1>');
    expect(await called(shell, 'phasr merge \u000F\u000F')).toBe('<merge><2>');
  },
);

test.skipIf(!hasTerminal || !has('zsh'))(
  'zsh goes through ids, not titles, and finds the script in its fpath (needs script and zsh)',
  async () => {
    await using world = await makeShellWorld('zsh-menu');
    mkdirSync(join(world.home, 'functions'));
    writeFileSync(join(world.home, 'functions/_phasr'), await world.ok(['completion', 'zsh']));
    const setUp = 'fpath=(~/functions $fpath); autoload -Uz compinit; compinit -u -D';
    const shell = await startShell(world, { name: 'zsh', command: ['zsh', '-f', '-i'], setUp });
    // The first TAB lists, each further one goes on.
    expect(await called(shell, 'phasr merge \t\t')).toBe('<merge><1>');
    expect(await called(shell, 'phasr merge \t\t\t')).toBe('<merge><2>');
  },
);

test('completing writes nothing, recovers nothing and starts nothing, not even where a run has died', async () => {
  await using world = makeWorld('complete-reads');
  world.init();
  await world.task('true');
  const snapshot = (): Record<string, string> =>
    Object.fromEntries(Object.entries(listFiles(world.root)).filter(([name]) => !name.endsWith('-shm')));
  const completeAll = async (): Promise<void> => {
    for (const words of [
      [''],
      ['merge', ''],
      ['stop', ''],
      ['run', '--base', ''],
      ['diff', '1', ''],
      ['x', ''],
    ]) {
      const ran = await world.phasr(['complete', '--', ...words], {
        env: { PHASR_TRACE: join(world.root, 'trace') },
      });
      expect(ran).toMatchObject({ code: 0, stderr: '' });
    }
  };
  // A supervisor that is about to end still has the database open.
  await waitFor('the supervisor to end', () => world.processes().length === 0);
  const untouched = listFiles(world.root);
  await completeAll();
  expect(listFiles(world.root)).toEqual(untouched);

  await world.json(['run', 'one', '--detach', '--', 'sleep', '600']);
  await waitFor('the run', async () => (await world.json(['show', '2'])).state === 'running');
  await waitFor('everything to be dead', () => {
    world.killAll();
    return world.processes().length === 0;
  });
  // What a killed process leaves in the shared memory of its database is made anew by whoever opens it.
  const before = snapshot();
  await completeAll();
  expect((await world.phasr(['complete', '--', 'stop', ''])).stdout).toBe('2\trunning: one\n');
  expect(snapshot()).toEqual(before);
  expect(world.processes()).toEqual([]);
});

test('completing never fails: outside a repository, with a damaged database, without git, in a folder that is gone', async () => {
  await using world = makeWorld('complete-broken');
  world.init();
  await world.task('true');
  const complete = async (words: readonly string[], options = {}): Promise<string> => {
    const ran = await world.phasr(['complete', '--', ...words], options);
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    return ran.stdout;
  };
  expect(await complete(['merge', ''])).toBe('1\tdone: do it\n');
  expect(await complete(['merge', ''], { cwd: world.home })).toBe('');
  expect(await complete(['merge', '--s'], { cwd: world.home })).toContain('--strategy\t');
  expect(await complete(['merge', ''], { env: { PATH: '/nowhere' } })).toBe('');
  await waitFor('the supervisor to end', () => world.processes().length === 0);
  world.write('.git/phasr/phasr.db', 'this is no database '.repeat(1000));
  expect(await complete(['merge', ''])).toBe('');
  expect(await complete(['merge', '--s'])).toContain('--strategy\t');
  const { stdout, stderr, code } = await world.program('sh', [
    '-c',
    `mkdir gone && cd gone && rmdir ../gone && '${process.execPath}' '${CLI}' complete -- mer && '${process.execPath}' '${CLI}' complete -- merge ''`,
  ]);
  expect([code, stderr, stdout.startsWith('merge\t')]).toEqual([0, '', true]);
});

test('completion prints the script of each shell, and says where it belongs', async () => {
  await using world = makeWorld('complete-scripts');
  for (const [shell, file] of [
    ['bash', 'bash'],
    ['zsh', 'zsh'],
    ['fish', 'fish'],
    ['powershell', 'ps1'],
  ] as const) {
    const script = readFileSync(new URL(`../src/cli/shells/phasr.${file}`, import.meta.url), 'utf8');
    expect(await world.ok(['completion', shell], { cwd: world.home })).toBe(script);
    expect(await world.json(['completion', shell], { cwd: world.home })).toEqual({
      shell,
      script,
    });
    expect(script).not.toMatch(/\beval\b|Invoke-Expression|\biex\b|compgen -W/);
  }
  expect(await world.json(['completion', 'tcsh'], { cwd: world.home })).toMatchObject({ code: 'usage' });
  expect((await world.phasr(['completion'], { cwd: world.home })).code).toBe(2);
  expect(await world.ok(['completion', '--help'], { cwd: world.home })).toContain(
    '>> $PROFILE     (not verified)',
  );
});
