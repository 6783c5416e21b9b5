/** Launching: any title, any repository that git can open, any environment; or one clear sentence and nothing created. */

import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { listFiles } from './support/files.ts';
import { makeWorld, type World } from './support/world.ts';
import { slugFromTitle, taskBranch, asTaskId, titleFromPrompt } from '../src/task/names.ts';

/** What a refused launch must not have made. */
function traces(world: World, gitDir = join(world.repo, '.git')): object {
  const refs = world
    .git(['--git-dir', gitDir, 'for-each-ref', '--format=%(refname)'], world.root)
    .split('\n');
  return {
    refs: refs.filter((name) => name.includes('phasr/')),
    worktrees: world.has('.phasr/worktrees', world.home)
      ? readdirSync(join(world.home, '.phasr/worktrees'))
      : [],
    registered: world.has('worktrees', gitDir)
      ? readdirSync(join(gitDir, 'worktrees')).filter((name) => name.startsWith('phasr'))
      : [],
    records: world.has('phasr', gitDir),
  };
}
const NO_TRACES = { refs: [], worktrees: [], registered: [], records: false };

const HOSTILE_TITLES = [
  ...[
    '-rf',
    '--help',
    '--',
    '../../etc/passwd',
    'a/b',
    'a\\b',
    'CON',
    'nul.txt',
    'aux',
    '.',
    '..',
    '...',
    '.git',
    '.lock',
    'x.lock',
    'HEAD',
    '@',
    '@{-1}',
  ],
  ...[
    'trailing dot.',
    'trailing space ',
    ' leading',
    '~',
    '^',
    ':',
    '?',
    '*',
    '[',
    'a..b',
    'a@{b',
    '$(touch x)',
    '`touch x`',
    '; rm -rf /',
    '| cat',
    '&& true',
  ],
  ...[
    '"quoted"',
    "'single'",
    '%s%n',
    '${HOME}',
    '\u202Eevil',
    '\u200Bzero',
    '\u001B[31mred',
    'tab\there',
    'new\nline',
    'carriage\rreturn',
    'é',
    'ÅÄÖ',
    'Łódź',
    'Привет мир',
  ],
  ...[
    '你好',
    '日本語のタイトル',
    'مرحبا',
    '🚀',
    '👩‍👩‍👧',
    '🚀🚀🚀 launch',
    '\u{1F600}'.repeat(50),
    'x'.repeat(300),
    'word '.repeat(200),
    'same',
    'SAME',
    'Same',
  ],
  ...[
    'refs/heads/main',
    'phasr/task-1-x',
    'phasr',
    '<script>alert(1)</script>',
    'a&b',
    '#1',
    '!',
    '!!',
    '\\',
    '/',
    '//',
    '\u0001',
    '\u007F',
    '\uFEFFbom',
    '𝒻𝒶𝓃𝒸𝓎',
  ],
];

test('200 hostile titles all give tasks with valid, unique branches and directories, and run nothing but the agent', async () => {
  await using world = makeWorld('titles');
  world.init();
  const generated = fc.sample(fc.string({ unit: 'binary', minLength: 1, maxLength: 120 }), {
    numRuns: 400,
    seed: 20,
  });
  const usable = generated
    .map((title) => title.replaceAll('\0', '').replaceAll(/[\uD800-\uDFFF]/gu, ''))
    .filter((title) => title.trim() !== '');
  const titles = [...HOSTILE_TITLES, ...usable].slice(0, 200);
  expect(titles).toHaveLength(200);
  const args = titles.flatMap((title) => [`--title=${title}`, '--prompt=do it']);
  const launched = await world.json(['run', '--detach', '--jobs', '4', ...args, '--', 'true']);
  expect(
    launched.tasks?.map((task) => task.title),
    JSON.stringify(launched),
  ).toEqual(titles.map((title) => title.replaceAll(/\s+/g, ' ').trim()));
  await world.phasr(['wait']);
  const { tasks } = await world.json(['list']);
  expect(tasks.map((task) => task.state)).toEqual(titles.map(() => 'done'));
  const branches = tasks.map((task) => task.branch);
  const directories = tasks.map((task) => task.worktree);
  // Unique also where the file system does not tell case apart.
  expect(new Set(branches.map((name: string) => name.toLowerCase())).size).toBe(200);
  expect(new Set(directories.map((path: string) => path.toLowerCase())).size).toBe(200);
  expect(
    world.git(['for-each-ref', '--format=%(refname:short)', 'refs/heads/phasr']).split('\n').sort(),
  ).toEqual([...branches].sort());
  for (const path of directories) expect(path.length).toBeLessThan(world.home.length + 130);
  expect(Object.keys(listFiles(world.repo)).sort()).toEqual(['README.md', 'src/a.ts']);
  await world.ok(['discard', '1-200']);
  expect(world.git(['branch', '--list'])).toBe('* main');
});

test('hostile prompts reach the agent as they are: in a variable, in a file and as one argument', async () => {
  await using world = makeWorld('prompts');
  world.init();
  const script =
    'printf %s "$PHASR_PROMPT" > env; cat "$PHASR_PROMPT_FILE" > file; printf %s "$1" > argument; printf %s "$#" > count';
  for (const prompt of [
    'a b  c',
    '$(touch /tmp/x) `id` "q" \'s\' \\',
    'line one\nline two\n',
    '-rf',
    '{prompt} again',
    '日本語 🚀',
    '%s %d',
  ]) {
    const task = (await world.json(['run', `--prompt=${prompt}`, '--', 'sh', '-c', script, 'sh', '{prompt}']))
      .tasks[0];
    const show = (name: string): string => world.gitBytes(['show', `${task.head}:${name}`]).toString();
    expect({
      env: show('env'),
      file: show('file'),
      argument: show('argument'),
      count: show('count'),
    }).toEqual({
      env: prompt,
      file: prompt,
      argument: prompt,
      count: '1',
    });
  }
});

test('a prompt too long for an argument is refused when it would have to be one, and is in the file otherwise', async () => {
  await using world = makeWorld('long');
  world.init();
  const { openPhasr } = await import('../src/phasr.ts');
  const phasr = await openPhasr({ directory: world.repo, env: world.env });
  const prompt = 'long '.repeat(60_000);
  const launch = (command: readonly string[]) => {
    const agent = { kind: 'command', command } as const;
    const draft = {
      prompt,
      title: null,
      agent,
      base: null,
      target: null,
      timeoutMs: null,
      withChanges: false,
      env: {},
    };
    return phasr.launch({ drafts: [draft], jobs: null, terminal: null });
  };
  await expect(launch(['echo', '{prompt}'])).rejects.toThrow('too long for an argument');
  const launched = await launch([
    'sh',
    '-c',
    'cp "$PHASR_PROMPT_FILE" copy; echo "${PHASR_PROMPT-unset}" > env',
  ]);
  const id = launched.tasks[0]!.id;
  await phasr.wait([id], { limitMs: 60_000, signal: null, onLook: null });
  const task = phasr.find(id);
  phasr.close();
  expect(world.gitBytes(['show', `${task.head?.oid}:copy`]).toString()).toBe(prompt);
  expect(world.git(['show', `${task.head?.oid}:env`])).toBe('unset');
});

test('names are made for every title: valid for git, at most 40 characters of [a-z0-9-]', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
      const slug = slugFromTitle(text);
      expect(slug).toMatch(/^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/);
      expect(taskBranch(asTaskId(7), slug)).toBe(`phasr/task-7-${slug}`);
      expect([...titleFromPrompt(text)].length).toBeLessThanOrEqual(72);
    }),
  );
});

const REFUSED: readonly (readonly [
  name: string,
  setUp: (world: World) => void,
  code: string,
  args?: readonly string[],
])[] = [
  ['a directory that is no repository', (world) => mkdirSync(world.repo), 'not-a-repository'],
  [
    'a repository without a commit',
    (world) => (mkdirSync(world.repo), world.git(['init', '-q'])),
    'no-commits',
  ],
  ['a branch named phasr', (world) => (world.init(), world.git(['branch', 'phasr'])), 'branch-name-blocked'],
  ['a base that does not exist', (world) => world.init(), 'base-not-found', ['--base', 'nowhere']],
  ['a base that looks like an option', (world) => world.init(), 'base-not-found', ['--base=--all']],
  ['a base that is a file', (world) => world.init(), 'base-not-found', ['--base', 'HEAD:README.md']],
  [
    'no identity',
    (world) => (
      world.init(),
      writeFileSync(join(world.home, '.gitconfig'), '[user]\nuseConfigOnly = true\n')
    ),
    'no-identity',
  ],
];

for (const [name, setUp, code, args = []] of REFUSED) {
  test(`refused in one clear sentence, with nothing created: ${name}`, async () => {
    await using world = makeWorld('refused');
    setUp(world);
    const ran = await world.phasr(['run', 'x', ...args, '--', 'true']);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(/^phasr: [^\n]+\n {2}[^\n]+\n$/);
    expect((await world.json(['run', 'x', ...args, '--', 'true'])).code).toBe(code);
    if (code !== 'not-a-repository') expect(traces(world)).toEqual(NO_TRACES);
    expect(world.has('.phasr', world.home)).toBe(false);
  });
}

test('refused as misuse, with nothing created: no agent, an unknown one, one that is not executable, no prompt, an empty one', async () => {
  await using world = makeWorld('misuse');
  world.init({ 'agent.sh': '#!/bin/sh\n' });
  const code = async (...args: string[]): Promise<unknown> => {
    const ran = await world.phasr(args);
    return { exit: ran.code, said: ran.stderr.split('\n')[0] };
  };
  expect(await code('run', 'x')).toEqual({ exit: 2, said: 'phasr: no agent was given' });
  expect(await code('run', 'x', '--', 'no-such-agent')).toEqual({
    exit: 1,
    said: 'phasr: there is no program no-such-agent',
  });
  expect(await code('run', 'x', '--', './agent.sh')).toEqual({
    exit: 1,
    said: 'phasr: ./agent.sh is not executable',
  });
  expect(await code('run', '--', 'true')).toEqual({ exit: 2, said: 'phasr: no prompt was given' });
  expect(await code('run', ' ', '--', 'true')).toEqual({ exit: 2, said: 'phasr: a prompt is empty' });
  expect(await code('run', 'x', '--timeout', 'soon', '--', 'true')).toMatchObject({ exit: 2 });
  expect(await code('run', 'x', '--jobs', '0', '--', 'true')).toMatchObject({ exit: 2 });
  expect(await code('run', '-rf', '--', 'true')).toMatchObject({
    exit: 2,
    said: "phasr: unknown option '-rf'",
  });
  expect(traces(world)).toEqual(NO_TRACES);
});

/** Launch, diff, merge and discard in an odd repository; the task's content lands in the checkout the user stands in. */
async function wholeJob(world: World, cwd: string): Promise<void> {
  const run = await world.json(
    ['run', 'merge me', 'discard me', '--', 'sh', '-c', 'echo "$PHASR_TASK" > made.txt'],
    { cwd },
  );
  expect(
    run.tasks?.map((task) => task.state),
    JSON.stringify(run),
  ).toEqual(['done', 'done']);
  const [merged, discarded] = run.tasks;
  expect(await world.ok(['diff', String(merged.id), '--name-only'], { cwd })).toBe('made.txt\n');
  const out = await world.ok(['merge', String(merged.id)], { cwd });
  expect(out).toContain(`task ${merged.id} merged`);
  await world.ok(['discard', String(discarded?.id)], { cwd });
  expect((await world.json(['list'], { cwd })).tasks).toEqual([]);
  expect(world.git(['branch', '--list', 'phasr/*'], cwd)).toBe('');
  expect(world.git(['worktree', 'list'], cwd)).not.toContain('/.phasr/');
}

const ODD: readonly (readonly [name: string, setUp: (world: World) => string])[] = [
  [
    'a bare repository, from inside it',
    (world) => {
      world.init({ a: 'a\n' }, join(world.root, 'seed'));
      world.git(['clone', '-q', '--bare', join(world.root, 'seed'), world.repo], world.root);
      return world.repo;
    },
  ],
  [
    'a bare repository with linked worktrees, from one of them',
    (world) => {
      world.init({ a: 'a\n' }, join(world.root, 'seed'));
      world.git(['clone', '-q', '--bare', join(world.root, 'seed'), world.repo], world.root);
      world.git(['worktree', 'add', '-q', join(world.root, 'linked'), '-b', 'work']);
      return join(world.root, 'linked');
    },
  ],
  [
    'a separate git dir',
    (world) => {
      mkdirSync(world.repo);
      world.git(['init', '-q', '--separate-git-dir', join(world.root, 'elsewhere.git')]);
      world.commit('base', { a: 'a\n' });
      return world.repo;
    },
  ],
  [
    'inside a submodule',
    (world) => {
      world.init({ lib: 'lib\n' }, join(world.root, 'library'));
      world.init();
      world.git(['submodule', '--quiet', 'add', join(world.root, 'library'), 'lib']);
      world.commit('with a submodule', {});
      world.git(['switch', '-q', '-C', 'main'], join(world.repo, 'lib'));
      return join(world.repo, 'lib');
    },
  ],
  [
    'a path with blanks, quotes, a colon and a newline',
    (world) => {
      world.repo = join(world.root, 'my "odd" repo:\nwith a newline \\ and ünïcode');
      world.init();
      return join(world.repo, 'src');
    },
  ],
  [
    'a linked worktree of the user, with a name like ours',
    (world) => {
      world.init();
      world.git(['worktree', 'add', '-q', join(world.root, 'phasr-1'), '-b', 'side']);
      return join(world.root, 'phasr-1');
    },
  ],
  [
    'a subdirectory that is ignored',
    (world) => {
      world.init({ '.gitignore': 'tmp/\n' });
      mkdirSync(join(world.repo, 'tmp/deep'), { recursive: true });
      return join(world.repo, 'tmp/deep');
    },
  ],
  [
    'SHA-256 object ids',
    (world) => {
      mkdirSync(world.repo);
      world.git(['init', '-q', '--object-format=sha256']);
      world.commit('base', { a: 'a\n' });
      return world.repo;
    },
  ],
  [
    'a shallow clone',
    (world) => {
      world.init({ a: 'a\n' }, join(world.root, 'seed'));
      for (let n = 0; n < 5; n++) world.commit(`c${n}`, { a: `${n}\n` }, join(world.root, 'seed'));
      world.git(
        ['clone', '-q', '--depth', '2', `file://${join(world.root, 'seed')}`, world.repo],
        world.root,
      );
      return world.repo;
    },
  ],
  [
    'a clone that borrows objects from another',
    (world) => {
      world.init({ a: 'a\n' }, join(world.root, 'seed'));
      world.git(['clone', '-q', '--shared', join(world.root, 'seed'), world.repo], world.root);
      return world.repo;
    },
  ],
  [
    'packed refs, and tags with the names of branches',
    (world) => {
      world.init();
      world.git(['tag', 'main']);
      world.git(['tag', '-a', '-m', 'x', 'v1']);
      world.git(['pack-refs', '--all']);
      return world.repo;
    },
  ],
  [
    'settings with odd values, and extensions.worktreeConfig',
    (world) => {
      world.init();
      world.git(['config', 'alias.x', '!echo "a\\b" \t; # no comment']);
      world.git(['config', 'url.https://example.com/"x\\y.insteadOf', 'odd:']);
      world.git(['config', '--add', 'remote.origin.fetch', '+refs/heads/*:refs/remotes/origin/*']);
      world.git(['config', 'extensions.worktreeConfig', 'true']);
      return world.repo;
    },
  ],
];

for (const [name, setUp] of ODD) {
  test(`the whole job works in ${name}`, async () => {
    await using world = makeWorld('odd');
    await wholeJob(world, setUp(world));
  });
}

test('in a partial clone a worktree and a merge get what was left at the remote, into the own object store; without the remote it is said', async () => {
  await using world = makeWorld('partial-clone');
  const seed = join(world.root, 'seed');
  const lines = (top: string): string =>
    [top, ...Array.from({ length: 20 }, (_, n) => `line ${n}`), ''].join('\n');
  world.init({ shared: lines('first'), gone: 'gone\n' }, seed);
  world.git(['tag', 'old'], seed);
  rmSync(join(seed, 'gone'));
  world.commit('second', { shared: lines('second') }, seed);
  world.git(['branch', 'feature'], seed);
  world.commit('third', { shared: lines('third') }, seed);
  world.git(['config', 'uploadpack.allowFilter', 'true'], seed);
  world.git(['config', 'uploadpack.allowAnySHA1InWant', 'true'], seed);
  world.git(['clone', '-q', '--filter=blob:none', `file://${seed}`, world.repo], world.root);
  world.git(['branch', '--track', 'feature', 'origin/feature']);
  const isHere = (name: string): boolean => {
    const here = { ...world.env, GIT_NO_LAZY_FETCH: '1' };
    return spawnSync('git', ['cat-file', '-e', name], { cwd: world.repo, env: here }).status === 0;
  };
  expect(['main:shared', 'old:gone', 'feature:shared'].map(isHere)).toEqual([true, false, false]);
  const task = await world.task('cat gone > kept; echo last >> shared', { args: ['--base', 'old'] });
  expect(task.state).toBe('done');
  expect(['old:gone', 'feature:shared'].map(isHere)).toEqual([true, false]);
  // To look asks nobody.
  expect(await world.ok(['diff', '1', '--name-only'])).toBe('kept\nshared\n');
  await world.ok(['merge', '1', '--into', 'feature']);
  expect(world.git(['show', 'feature:shared'])).toBe(`${lines('second')}last`);
  expect(world.git(['fsck', '--no-dangling'])).toBe('');
  renameSync(seed, `${seed}.away`);
  world.git(
    ['clone', '-q', '--filter=blob:none', `file://${seed}.away`, join(world.root, 'other')],
    world.root,
  );
  world.repo = join(world.root, 'other');
  renameSync(`${seed}.away`, seed);
  const failed = await world.task('true', { args: ['--base', 'old'] });
  expect([failed.state, failed.worktree]).toEqual(['failed', null]);
  expect(failed.evidence).toContain('no worktree: git read-tree failed');
  expect(world.git(['worktree', 'list']).split('\n')).toHaveLength(1);
});

test("the agent's settings are the user's own, whatever their values", async () => {
  await using world = makeWorld('settings');
  world.init();
  world.git(['config', 'alias.odd', '!echo "a\\b" \t; # no comment']);
  world.git(['config', 'url.https://example.com/"x\\y.insteadOf', 'odd:']);
  world.git(['config', '--add', 'remote.origin.fetch', '+refs/heads/*:refs/remotes/origin/*']);
  world.git(['config', '--add', 'remote.origin.fetch', '+refs/pull/*:refs/remotes/pull/*']);
  world.append('.git/config', '[core]\n\tvalueless\n');
  const task = await world.task('git config --list > settings; git config --get core.hooksPath > hooks');
  const settings = world.git(['show', `${task.head}:settings`]).split('\n');
  const own = world
    .git(['config', '--local', '--list'])
    .split('\n')
    .filter((line) => !/^core\.(?:bare|repositoryformatversion)=/.test(line));
  expect(settings).toEqual(expect.arrayContaining(own));
  expect(world.git(['show', `${task.head}:hooks`])).toBe(join(world.repo, '.git/hooks'));
});

test('started from inside a task: launching is refused, looking and merging mean the repository behind it', async () => {
  await using world = makeWorld('inside');
  world.init();
  const task = await world.task('echo 1 > one');
  const inside = task.worktree;
  const refused = await world.json(['run', 'x', '--', 'true'], { cwd: inside });
  expect(refused.code).toBe('inside-a-task');
  expect((await world.json(['list'])).tasks).toHaveLength(1);
  expect(await world.ok(['diff', '--name-only'], { cwd: inside })).toBe('one\n');
  expect(await world.ok(['path'], { cwd: inside })).toBe(`${inside}\n`);
  // Also after the user, or a GUI, has repaired the worktree's link.
  world.git(['worktree', 'repair', inside]);
  expect((await world.json(['run', 'x', '--', 'true'], { cwd: inside })).code).toBe('inside-a-task');
  expect((await world.json(['show'], { cwd: inside })).id).toBe(1);
  expect(await world.ok(['merge', '1'], { cwd: inside })).toContain('merged into main');
});

test('inherited GIT_DIR, GIT_INDEX_FILE and GIT_WORK_TREE change nothing, also when called from a hook', async () => {
  await using world = makeWorld('inherited');
  world.init();
  const victim = join(world.root, 'victim');
  world.init({ precious: 'precious\n' }, victim);
  const before = [listFiles(victim), listFiles(join(victim, '.git'))];
  const env = {
    GIT_DIR: join(victim, '.git'),
    GIT_INDEX_FILE: join(victim, '.git/index'),
    GIT_WORK_TREE: victim,
    GIT_OBJECT_DIRECTORY: join(victim, '.git/objects'),
    GIT_PREFIX: 'sub/',
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: 'core.bare',
    GIT_CONFIG_VALUE_0: 'true',
  };
  const script =
    'echo 1 > one; env | grep -c "^GIT_\\(DIR\\|INDEX_FILE\\|WORK_TREE\\|OBJECT_DIRECTORY\\|PREFIX\\|CONFIG_COUNT\\)=" > leaked; git add . && git commit -qm own';
  const task = await world.task(script, { env });
  expect(world.git(['show', `${task.head}:leaked`])).toBe('0');
  expect(await world.ok(['diff', '1', '--name-only'], { env })).toBe('leaked\none\n');
  await world.ok(['merge', '1'], { env });
  expect(world.read('one')).toBe('1\n');

  world.write(
    '.git/hooks/post-commit',
    `#!/bin/sh\n"${process.execPath}" "${join(process.cwd(), 'dist/cli.cjs')}" run "from a hook" --json -- sh -c 'echo hook > hook' > "${world.root}/hook.json" 2>&1\n`,
  );
  chmodSync(join(world.repo, '.git/hooks/post-commit'), 0o755);
  world.append('README.md', 'more\n');
  world.git(['commit', '-qam', 'with a hook']);
  const fromHook = JSON.parse(world.read('hook.json', world.root)).tasks[0];
  expect(fromHook).toMatchObject({ state: 'done', base: { oid: world.git(['rev-parse', 'HEAD']) } });
  await world.ok(['discard', String(fromHook.id)], { env });
  expect([listFiles(victim), listFiles(join(victim, '.git'))]).toEqual(before);
  expect(world.git(['status', '--porcelain'])).toBe('');
});

test('the base is resolved once: later commits on its branch do not move queued tasks', async () => {
  await using world = makeWorld('base');
  world.init();
  const base = world.git(['rev-parse', 'HEAD']);
  const gate = join(world.root, 'gate');
  const launched = await world.json([
    'run',
    'first',
    'second',
    '--detach',
    '--jobs',
    '1',
    '--',
    'sh',
    '-c',
    `while ! test -e "${gate}"; do sleep 0.02; done; git rev-parse HEAD > at`,
  ]);
  expect(launched.tasks.map((task) => task.state === 'queued' || task.state === 'setting up')).toEqual([
    true,
    true,
  ]);
  world.commit('later', { later: 'x\n' });
  writeFileSync(gate, '');
  await world.phasr(['wait']);
  const { tasks } = await world.json(['list']);
  for (const task of tasks) expect(world.git(['show', `${task.head}:at`])).toBe(base);
});

test('it says what the base is and what stays behind', async () => {
  await using world = makeWorld('says');
  world.init();
  world.git(['tag', 'v1']);
  world.commit('later', { later: 'x\n' });
  world.append('README.md', 'dirty\n');
  world.write('new.txt', 'new\n');
  const short = (ref: string): string => world.git(['rev-parse', '--short=9', ref]);
  expect(await world.ok(['run', 'x', '-d', '--', 'true'])).toContain(
    `base: main @ ${short('HEAD')}\n2 uncommitted files stay behind\n`,
  );
  expect(await world.ok(['run', 'x', '-d', '--base', 'v1', '--', 'true'])).toContain(
    `base: v1 @ ${short('v1')}\n`,
  );
  world.git(['switch', '-q', '--detach']);
  expect(await world.ok(['run', 'x', '-d', '--', 'true'])).toContain(
    `base: detached HEAD @ ${short('HEAD')}\n`,
  );
});

test('a failing post-checkout hook is kept as a warning, with the worktree there', async () => {
  await using world = makeWorld('hook');
  world.init();
  world.write(
    '.git/hooks/post-checkout',
    '#!/bin/sh\necho "$1 $2 $3" > hook-args\necho "cannot install" >&2\nexit 3\n',
  );
  chmodSync(join(world.repo, '.git/hooks/post-checkout'), 0o755);
  const task = await world.task('echo 1 > one');
  expect(task).toMatchObject({
    state: 'done',
    notes: ['the post-checkout hook failed (exit 3): cannot install'],
  });
  expect(world.git(['show', `${task.head}:hook-args`])).toBe(`${'0'.repeat(40)} ${task.base.oid} 1`);
});

test('when a worktree cannot be made, nothing of it is left, and the task says why', async () => {
  await using world = makeWorld('rollback');
  world.init();
  world.git(['config', 'filter.broken.smudge', 'false']);
  world.git(['config', 'filter.broken.required', 'true']);
  world.git(['config', 'filter.broken.clean', 'cat']);
  world.commit('filtered', { '.gitattributes': '*.x filter=broken\n', 'a.x': 'x\n' });
  const task = await world.task('true');
  expect(task.state).toBe('failed');
  expect(task.evidence).toContain('no worktree: git read-tree failed');
  expect(world.git(['for-each-ref', '--format=%(refname)', 'refs/heads/phasr', 'refs/phasr'])).toBe('');
  expect(world.git(['worktree', 'list', '--porcelain'])).not.toContain('phasr');
  expect(world.has('.git/phasr/tasks/1/git')).toBe(false);
  expect(world.has('.git/phasr/tasks/1/clean')).toBe(false);
  expect(
    readdirSync(join(world.home, '.phasr/worktrees'))
      .flatMap((name) => readdirSync(join(world.home, '.phasr/worktrees', name)))
      .filter((name) => !name.startsWith('.')),
  ).toEqual([]);
  // Once the cause is gone, the same task goes on.
  world.git(['config', 'filter.broken.smudge', 'cat']);
  const resumed = await world.json(['resume', '1']);
  expect(resumed.state).toBe('done');
  await world.ok(['discard', '1']);
});
