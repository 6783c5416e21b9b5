/** `phasr cleanup` takes what is provably elsewhere or nothing at all, says why, and leaves everything else as it is (user pains P1, P3, P4, P23). */

import {
  existsSync,
  lstatSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import type { TaskJson } from './support/answer.ts';
import { withGit } from './support/git-program.ts';
import { waitFor } from './support/wait-for.ts';
import { makeWorld, type World } from './support/world.ts';

type Sorted = Awaited<ReturnType<World['json']>>['worktrees'][number];

async function cleanUp(world: World, ...args: readonly string[]): Promise<readonly Sorted[]> {
  return (await world.json(['cleanup', ...args])).worktrees;
}

async function sortedTask(world: World, id: number): Promise<Sorted> {
  const [sorted] = await cleanUp(world, '--dry-run', String(id));
  if (sorted === undefined) throw new Error(`no row for task ${id}`);
  return sorted;
}

/** Every file of a folder with its mode, inode, time and bytes. */
function bytesOf(directory: string): string {
  const lines: string[] = [];
  const walk = (path: string): void => {
    const stat = lstatSync(path, { bigint: true });
    const what = stat.isFile()
      ? readFileSync(path, 'latin1')
      : stat.isSymbolicLink()
        ? readlinkSync(path)
        : '';
    lines.push([path, stat.mode, stat.ino, stat.isDirectory() ? '' : stat.mtimeNs, what].join(' '));
    if (stat.isDirectory()) for (const name of readdirSync(path).sort()) walk(join(path, name));
  };
  walk(directory);
  return lines.join('\n');
}

function stateOf(world: World, task: TaskJson): string {
  const own = join(world.repo, `.git/phasr/tasks/${task.id}/git`);
  return [bytesOf(task.worktree), bytesOf(own), world.git(['for-each-ref'])].join('\n');
}

async function expectStays(world: World, task: TaskJson, ...said: readonly string[]): Promise<Sorted> {
  const before = stateOf(world, task);
  const ran = await world.phasr(['cleanup', String(task.id)]);
  // Named, and not removed: a script must see that.
  expect(ran.code).toBe(1);
  for (const words of said) expect(ran.stdout).toContain(words);
  expect((await world.phasr(['cleanup'])).code).toBe(1);
  expect(stateOf(world, task)).toBe(before);
  return sortedTask(world, task.id);
}

function expectGone(world: World, task: TaskJson): void {
  expect(existsSync(task.worktree)).toBe(false);
  expect(world.git(['worktree', 'list', '--porcelain'])).not.toContain(task.worktree);
  expect(world.git(['branch', '--list', task.branch])).toBe('');
  expect(existsSync(join(world.repo, `.git/worktrees/phasr-${task.id}`))).toBe(false);
  // The name is free.
  world.git(['worktree', 'add', '-q', '-b', task.branch, task.worktree]);
  world.git(['worktree', 'remove', task.worktree]);
  world.git(['branch', '-q', '-D', task.branch]);
}

/** What a person, or another tool, has left in a worktree whose agent has ended and changed nothing. */
const BY_HAND: readonly (readonly [string, (world: World, task: TaskJson) => void, string])[] = [
  [
    'modified',
    (world, { worktree }) => world.append('README.md', 'more\n', worktree),
    '1 changed file (README.md)',
  ],
  [
    'untracked, on a branch without commits',
    (world, { worktree }) => world.write('new.txt', 'new\n', worktree),
    '1 changed file (new.txt)',
  ],
  ['deleted', (_, { worktree }) => rmSync(join(worktree, 'README.md')), '1 changed file (README.md)'],
  [
    'staged, and the file put back',
    (world, { worktree }) => {
      const before = readFileSync(join(worktree, 'README.md'));
      world.append('README.md', 'staged\n', worktree);
      world.git(['add', 'README.md'], worktree);
      writeFileSync(join(worktree, 'README.md'), before);
    },
    '1 staged file (README.md)',
  ],
  [
    'a commit that only its own git dir has',
    (world, { worktree }) => world.git(['commit', '-q', '--allow-empty', '-m', 'by hand'], worktree),
    '1 commit ("by hand")',
  ],
  [
    'a detached commit',
    (world, { worktree }) => {
      world.git(['checkout', '-q', '--detach'], worktree);
      world.git(['commit', '-q', '--allow-empty', '-m', 'detached'], worktree);
      world.git(['checkout', '-q', '-'], worktree);
    },
    '1 commit ("detached")',
  ],
  [
    'a stash',
    (world, { worktree }) => {
      world.append('README.md', 'stashed\n', worktree);
      world.git(['stash', 'push', '-q', '-m', 'kept for later'], worktree);
    },
    'kept for later',
  ],
  [
    'a merge that is not finished',
    (world, { worktree, branch }) => {
      world.git(['switch', '-q', '-c', 'side'], worktree);
      world.git(['commit', '-q', '--allow-empty', '-m', 'side'], worktree);
      world.git(['switch', '-q', branch], worktree);
      world.git(['merge', '-q', '--no-commit', '--no-ff', '-s', 'ours', 'side'], worktree);
    },
    'a merge that is not finished',
  ],
  [
    'ignored files that no tool makes again',
    (world, { worktree }) => {
      world.write('.env.local', 'SECRET=1\n', worktree);
      world.write('local/data.sqlite', 'data\n', worktree);
      world.write('node_modules/x/index.js', 'x\n', worktree);
    },
    '2 ignored files (.env.local, local/data.sqlite)',
  ],
  [
    'a repository of its own',
    (world, { worktree }) => world.init({ one: '1\n' }, join(worktree, 'sub')),
    '1 changed file (sub)',
  ],
  [
    'an index that git cannot read',
    (world, { id }) => world.write(`.git/phasr/tasks/${id}/git/worktrees/phasr-${id}/index`, 'no index'),
    'it could not be looked at, which counts as work',
  ],
  [
    'history that cannot be read',
    (world, { id }) => world.write(`.git/phasr/tasks/${id}/git/refs/heads/lost`, `${'1'.repeat(40)}\n`),
    'commits that cannot be read',
  ],
];

test.each(BY_HAND)('work stays, and is named: %s', async (_, leave, said) => {
  await using world = makeWorld('work');
  world.init({ 'README.md': 'demo\n', '.gitignore': '.env.local\nlocal/\nnode_modules/\n' });
  const task = await world.task('true');
  expect(await sortedTask(world, 1)).toMatchObject({ sorted: 'empty', how: 'no changes' });
  leave(world, task);
  const sorted = await expectStays(world, task, said, '→ phasr ');
  expect(sorted).toMatchObject({ sorted: 'has work', how: null, isRemoved: false });
  expect(sorted.work.ignored).not.toContain('node_modules/x/index.js');
});

test('commits that are not in the target stay: without an upstream, with one that is gone, moved, and with a target that is gone', async () => {
  await using world = makeWorld('unmerged');
  world.init();
  const remote = join(world.root, 'remote.git');
  world.git(['init', '-q', '--bare', remote]);
  world.git(['remote', 'add', 'origin', remote]);
  const task = await world.task('echo 1 > one; git add one; git commit -qm "add one"');
  const said = 'not in main: 1 commit ("add one")';
  await expectStays(world, task, said);
  // As a pull request that was closed: pushed, not merged, its branch deleted there.
  world.git(['push', '-q', '-u', 'origin', task.branch]);
  await expectStays(world, task, said);
  world.git(['push', '-q', 'origin', '--delete', task.branch]);
  world.git(['fetch', '-q', '--prune']);
  await expectStays(world, task, said);
  const theirs = world.git(['commit-tree', '-m', 'theirs', '-p', task.head, `${task.head}^{tree}`]);
  world.git(['update-ref', `refs/heads/${task.branch}`, theirs]);
  await expectStays(world, task, 'was moved by somebody else');
  world.git(['update-ref', `refs/heads/${task.branch}`, task.head]);
  world.git(['switch', '-q', '-c', 'elsewhere']);
  world.git(['branch', '-q', '-D', 'main']);
  await expectStays(world, task, 'its target main is gone; 1 commit ("add one")');
});

const THREE =
  'for n in 1 2 3; do sed -i "s/^line $n\\$/changed $n/" file; echo $n > "new-$n"; git add -A; git commit -qm "step $n"; done';
const LINES = Array.from({ length: 30 }, (_, index) => `line ${index}\n`).join('');

/** The target moves on elsewhere. */
const goOn = (world: World): string => world.commit('meanwhile', { elsewhere: 'x\n' });
const squash = (world: World, branch: string): void => {
  world.git(['merge', '-q', '--squash', branch]);
  world.git(['commit', '-q', '-m', 'squashed']);
};

const LANDED: readonly (readonly [
  string,
  { readonly sorted: string; readonly how: string },
  (world: World, task: TaskJson) => void,
])[] = [
  [
    'merged',
    { sorted: 'landed', how: 'contained' },
    (world, { branch }) => {
      goOn(world);
      world.git(['merge', '-q', '--no-ff', branch]);
    },
  ],
  [
    'fast-forwarded, and the target went on',
    { sorted: 'landed', how: 'contained' },
    (world, { branch }) => {
      world.git(['merge', '-q', '--ff-only', branch]);
      goOn(world);
    },
  ],
  [
    'squashed',
    { sorted: 'landed by squash or rebase', how: 'merge adds nothing' },
    (world, { branch }) => squash(world, branch),
  ],
  [
    'squashed, and the target went on in other files',
    { sorted: 'landed by squash or rebase', how: 'merge adds nothing' },
    (world, { branch }) => {
      goOn(world);
      squash(world, branch);
      world.commit('later', { later: 'x\n' });
    },
  ],
  [
    'squashed, and the same lines were changed later',
    { sorted: 'landed by squash or rebase', how: 'same patch' },
    (world, { branch }) => {
      goOn(world);
      squash(world, branch);
      world.commit('later', { file: LINES.replaceAll('line', 'rewritten') });
    },
  ],
  [
    'rebased, and the same lines were changed later',
    { sorted: 'landed by squash or rebase', how: 'same patches' },
    (world, { base, branch }) => {
      goOn(world);
      world.git(['cherry-pick', `${base.oid}..${branch}`]);
      world.commit('later', { file: LINES.replaceAll('line', 'rewritten') });
    },
  ],
];

test.each(LANDED)(
  'what is in the target goes with tree, registration and branch, and a second run finds nothing: %s',
  async (_, { sorted, how }, land) => {
    await using world = makeWorld('landed');
    world.init({ file: LINES });
    const task = await world.task(THREE);
    expect((await sortedTask(world, 1)).sorted).toBe('has work');
    land(world, task);
    const refs = world.git(['for-each-ref']);
    const target = world.git(['rev-parse', 'main']);
    expect(await sortedTask(world, 1)).toMatchObject({ sorted, how, isRemoved: false });
    expect(world.git(['for-each-ref'])).toBe(refs);
    expect(existsSync(task.worktree)).toBe(true);
    const [cleaned] = await cleanUp(world);
    expect(cleaned).toMatchObject({
      task: { id: 1 },
      sorted,
      how,
      head: task.head,
      target: { branch: 'main', oid: target },
      isRemoved: true,
    });
    expectGone(world, task);
    const shown = await world.json(['show', '1']);
    expect(shown.state).toBe('merged');
    // The proof is on record, and what is not in the target as it is stays findable.
    expect(shown.events).toContainEqual(
      expect.objectContaining({ type: 'cleanup.started', sorted, how, head: task.head }),
    );
    expect(shown.kept).toBe(how === 'contained' ? null : 'refs/phasr/trash/1');
    if (shown.kept !== null) expect(world.git(['rev-parse', shown.kept])).toBe(task.head);
    expect((await cleanUp(world)).filter((row) => row.task !== null)).toEqual([]);
    expect(world.git(['rev-parse', 'main'])).toBe(target);
    expect(world.git(['status', '--porcelain'])).toBe('');
  },
);

const NOT_LANDED: readonly (readonly [string, string, (world: World, task: TaskJson) => void])[] = [
  [
    'squashed, with a commit more since',
    `${THREE}; echo 4 > four; git add four; git commit -qm four`,
    (world, { branch }) => squash(world, `${branch}~1`),
  ],
  ['one of its commits picked', THREE, (world, { branch }) => world.git(['cherry-pick', `${branch}~2`])],
  [
    'the same but for white space',
    'sed -i "s/^line 5$/  changed/" file; git commit -qam indent',
    (world) => {
      world.commit('theirs', { file: LINES.replace('line 5\n', 'changed\n') });
      world.commit('later', { file: LINES.replaceAll('line', 'rewritten') });
    },
  ],
  [
    'commits that come to nothing',
    'echo 1 > one; git add one; git commit -qm one; git revert --no-edit HEAD',
    goOn,
  ],
  [
    'a merge driver that gives up what it merges',
    'echo agent > lock.file; git commit -qam lock',
    (world) => {
      world.git(['config', 'merge.mine.driver', 'true']);
      world.write('.git/info/attributes', 'lock.file merge=mine\n');
      world.commit('theirs', { 'lock.file': 'theirs\n' });
    },
  ],
];

test.each(NOT_LANDED)('what only looks as if it were in the target stays: %s', async (_, script, land) => {
  await using world = makeWorld('not-landed');
  world.init({ file: LINES, 'lock.file': 'base\n' });
  // Before the launch, which takes over what is set in the repository.
  world.git(['config', 'merge.mine.driver', 'true']);
  world.write('.git/info/attributes', 'lock.file merge=mine\n');
  const task = await world.task(script);
  land(world, task);
  expect(await expectStays(world, task, 'not in main')).toMatchObject({ sorted: 'has work', how: null });
});

test('rebuildable folders do not keep a worktree, and a task that never got one goes too', async () => {
  await using world = makeWorld('rebuildable');
  world.init({ 'README.md': 'demo\n', '.gitignore': 'node_modules/\n' });
  const worktrees = join(world.home, '.phasr/worktrees');
  world.write('worktrees', 'in the way', dirname(worktrees));
  expect((await world.task('true')).state).toBe('failed');
  rmSync(worktrees);
  const task = await world.task('mkdir -p node_modules/x; echo x > node_modules/x/index.js');
  expect((await cleanUp(world)).map(({ sorted, isRemoved }) => [sorted, isRemoved])).toEqual([
    ['empty', true],
    ['empty', true],
    ['not ours', false],
  ]);
  expectGone(world, task);
  await waitFor('the sweeper', () => world.processes().length === 0);
  expect(world.git(['for-each-ref', '--format=%(refname)'])).toBe('refs/heads/main');
  for (const id of ['1', '2'])
    expect(await world.json(['show', id])).toMatchObject({ state: 'discarded', kept: null });
});

test("the person's own worktrees and folders that no task knows are named and never touched", async () => {
  await using world = makeWorld('others');
  world.init();
  const task = await world.task('true');
  const own = join(world.root, 'own');
  world.git(['worktree', 'add', '-q', '-b', 'phasr/task-9-mine', own]);
  const stray = join(dirname(task.worktree), '7-stray');
  world.write('notes', 'mine\n', stray);
  const before = bytesOf(own) + bytesOf(stray);
  const rows = await cleanUp(world);
  expect(rows.map(({ path, sorted, isRemoved }) => [path, sorted, isRemoved])).toEqual([
    [task.worktree, 'empty', true],
    [world.repo, 'not ours', false],
    [own, 'not ours', false],
    [stray, 'not ours', false],
  ]);
  expect(bytesOf(own) + bytesOf(stray)).toBe(before);
  const said = await world.ok(['cleanup', '--dry-run']);
  expect(said).toContain(
    `stays     ${own}\n          not ours: git lists it, and no open task has it\n          → git -C ${own} status\n`,
  );
  expect(said).toContain('not ours: the main worktree\n');
  expect(said).toMatch(/\n0 worktrees would be removed, 3 stay\n$/);
});

test('whatever git cannot be asked counts as work: with any of its answers missing nothing is removed', async () => {
  await using world = makeWorld('probes');
  world.init({ file: LINES });
  const task = await world.task(THREE);
  goOn(world);
  world.git(['cherry-pick', `${task.base.oid}..${task.branch}`]);
  world.commit('later', { file: LINES.replaceAll('line', 'rewritten') });
  expect(await sortedTask(world, 1)).toMatchObject({ how: 'same patches' });
  const before = stateOf(world, task);
  const words = [
    'status',
    'diff-index',
    'cat-file',
    'merge-base',
    'diff-tree',
    'config',
    'merge-tree',
    'rev-list',
  ];
  for (const word of words) {
    const env = withGit(world, word, 'exit 3');
    const [sorted] = (await world.json(['cleanup', '1'], { env })).worktrees;
    expect([word, sorted.sorted, sorted.isRemoved]).toEqual([word, 'has work', false]);
    expect(sorted.words).toContain('it could not be looked at, which counts as work');
  }
  expect(stateOf(world, task)).toBe(before);
  expect((await cleanUp(world))[0]).toMatchObject({ how: 'same patches', isRemoved: true });
});

test('what comes while it looks makes a worktree stay: a file, a process, a target that goes back', async () => {
  await using world = makeWorld('meanwhile');
  world.init({ file: LINES });
  const task = await world.task(THREE);
  world.git(['merge', '-q', '--ff-only', task.branch]);
  const tip = goOn(world);
  const { oid } = task.base;
  const once = (action: string): string =>
    `test -e "${world.root}/done" || { touch "${world.root}/done"; ${action}\n}`;
  for (const [action, undo] of [
    [`echo late > "${task.worktree}/late"`, () => rmSync(join(task.worktree, 'late'))],
    [
      `(cd "${task.worktree}" && exec setsid sleep 1000 >/dev/null 2>&1) &`,
      () => {
        for (const pid of world.processes().filter((one) => world.commandLine(one).startsWith('sleep 1000')))
          process.kill(pid, 'SIGKILL');
      },
    ],
    [
      `(cd "${world.repo}" && PATH="${process.env['PATH'] ?? ''}" git update-ref refs/heads/main ${oid})`,
      () => world.git(['update-ref', 'refs/heads/main', tip]),
    ],
  ] as const) {
    // Asked after the worktree was looked at, and before it is looked at again.
    const env = withGit(world, 'merge-base', once(action));
    const [sorted] = (await world.json(['cleanup', '1'], { env })).worktrees;
    expect([action, sorted.words]).toEqual([action, 'something has changed while it was being looked at']);
    expect(sorted.isRemoved).toBe(false);
    expect(existsSync(task.worktree)).toBe(true);
    undo();
    rmSync(join(world.root, 'done'));
    await waitFor(
      'its end',
      () => !world.processes().some((pid) => world.commandLine(pid).startsWith('sleep')),
    );
  }
  expect((await cleanUp(world))[0]).toMatchObject({ sorted: 'landed', isRemoved: true });
});

test('killed at any moment, a cleanup is finished by the next command or has not begun, and what has work is untouched', async () => {
  await using world = makeWorld('killed');
  world.init();
  const kept = await world.task('echo work > work', { prompt: 'work' });
  const before = stateOf(world, kept);
  // Right before and right after its refs go, and at four other moments.
  const atRefs = ['kill -9 $PPID; exit 1', '"$real" "$@"; kill -9 $PPID; exit 1'];
  for (let round = 0; round < 6; round++) {
    const task = await world.task(`echo ${round} > "file-${round}"`, { prompt: `round ${round}` });
    squash(world, task.branch);
    const refs = world.git(['rev-parse', 'main']);
    const action = atRefs[round];
    if (action === undefined) await world.kill(['phasr', 'cleanup'], round * 90);
    else
      expect((await world.phasr(['cleanup'], { env: withGit(world, 'update-ref', action) })).code).toBe(null);
    const after = await world.json(['show', String(task.id)]);
    expect(['done', 'merged']).toContain(after.state);
    // The decision was on record: the first command that came has finished it.
    if (action !== undefined) expect([after.state, existsSync(task.worktree)]).toEqual(['merged', false]);
    if (after.state === 'done') expect(existsSync(task.worktree)).toBe(true);
    // The other one has work.
    expect((await world.phasr(['cleanup'])).code).toBe(1);
    expectGone(world, task);
    expect(world.git(['rev-parse', 'main'])).toBe(refs);
    expect(world.git(['rev-parse', `refs/phasr/trash/${task.id}`])).toBe(task.head);
    world.git(['update-ref', '-d', `refs/phasr/trash/${task.id}`]);
  }
  // What a run's end is kept in stays for as long as the rest of the trash.
  const branches = (text: string): string =>
    text
      .split('\n')
      .filter((line) => !/^\w+ \w+\trefs\/(?:heads\/main|phasr\/snapshots\/(?!1\/).*)$/.test(line))
      .join('\n');
  expect(branches(stateOf(world, kept))).toBe(branches(before));
});
