/** What was given up comes back as it was: discard, restore, undo, trash. Real git, real files. */

import {
  appendFileSync,
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { TaskJson } from './support/answer.ts';
import { waitFor } from './support/wait-for.ts';
import { makeWorld, type World } from './support/world.ts';

/** Waits until the sweeper has kept and deleted everything. */
async function swept(world: World): Promise<void> {
  const trash = join(world.repo, '.git/phasr/trash');
  await waitFor('the sweeper to end', () => world.processes().length === 0);
  const held = readdirSync(trash).map((name) => readFileSync(join(trash, name, 'held'), 'utf8'));
  expect(held).toEqual([]);
}

/** Every file, link and mode below a directory, byte for byte; git's own files left out. */
function filesOf(root: string, folder = Buffer.from('')): Record<string, string> {
  const found: Record<string, string> = {};
  const at = (path: Buffer): Buffer => Buffer.concat([Buffer.from(`${root}/`), path]);
  for (const entry of readdirSync(at(folder), { withFileTypes: true, encoding: 'buffer' })) {
    const path = folder.length === 0 ? entry.name : Buffer.concat([folder, Buffer.from('/'), entry.name]);
    const key = path.toString('latin1');
    if (key === '.git' || key.startsWith('node_modules')) continue;
    if (entry.isDirectory()) Object.assign(found, filesOf(root, path));
    else if (entry.isSymbolicLink()) found[key] = `link ${readlinkSync(at(path))}`;
    else
      found[key] =
        `${(lstatSync(at(path)).mode & 0o7777).toString(8)} ${readFileSync(at(path)).toString('base64')}`;
  }
  return found;
}

/** All that the agent and its git see in a worktree. */
function stateOf(world: World, worktree: string): object {
  const git = (args: readonly string[]): string => world.git(args, worktree);
  return {
    files: filesOf(worktree),
    // Rebuildable folders are not kept.
    status: world
      .gitBytes(['status', '--porcelain=v2', '-z', '--branch', '--ignored'], worktree)
      .toString('latin1')
      .replace('! node_modules/\0', ''),
    log: git(['log', '--format=%H %s', '--all', '--reflog']).split('\n').sort(),
    head: git(['log', '--format=%H %s', 'HEAD']),
    stash: git(['stash', 'list', '--format=%H %gs']),
    branches: git([
      'for-each-ref',
      '--format=%(objectname) %(refname)',
      'refs/heads',
      'refs/tags',
      'refs/stash',
    ]),
    config: git(['config', '--list', '--local']),
    staged: git(['ls-files', '-s']),
    unfinished: ['MERGE_HEAD', 'REBASE_HEAD', 'CHERRY_PICK_HEAD'].map((name) => {
      const path = git(['rev-parse', '--git-path', name]);
      return existsSync(path) ? readFileSync(path, 'utf8') : '';
    }),
  };
}

const AGENT = [
  'echo one > one; git add one; git commit -qm "first of its own"',
  'echo two > two; git add two; git commit -qm "second of its own"',
  'git switch -qc side; echo side > side; git add side; git commit -qm "on a side branch"; git switch -q -',
  'echo stashed >> README.md; git stash -q',
  'git tag made-by-agent; git config made.by agent',
].join('\n');

/** The state of user pain P15, and more, left by a person or agent after the run. */
function leaveEverything(world: World, task: TaskJson): void {
  const at = (name: string): string => join(task.worktree, name);
  const git = (args: readonly string[]): string => world.git(args, task.worktree);
  git(['checkout', '-q', '--detach']);
  git(['commit', '-q', '--allow-empty', '-m', 'detached only']);
  writeFileSync(at('staged'), 'staged\n');
  git(['add', 'staged']);
  writeFileSync(at('both'), 'staged\n');
  git(['add', 'both']);
  writeFileSync(at('both'), 'and changed again\n');
  appendFileSync(at('src/a.ts'), 'unstaged\n');
  writeFileSync(at('untracked'), 'untracked\n');
  writeFileSync(Buffer.concat([Buffer.from(`${task.worktree}/caf`), Buffer.from([0xe9])]), 'latin-1 name\n');
  writeFileSync(at('run.sh'), '#!/bin/sh\n');
  chmodSync(at('run.sh'), 0o755);
  symlinkSync('README.md', at('link'));
  rmSync(at('gone'));
  mkdirSync(at('local/db'), { recursive: true });
  writeFileSync(at('local/db/data.sqlite'), Buffer.from([0, 1, 2, 255]));
  writeFileSync(at('.env'), 'SECRET=1\n');
  chmodSync(at('.env'), 0o600);
  writeFileSync(at('mixed.bat'), 'crlf\r\nand lf\n');
  // Ignored, in a folder of which nothing is tracked.
  mkdirSync(at('new/deep'), { recursive: true });
  writeFileSync(at('new/file.ts'), 'new\n');
  writeFileSync(at('new/deep/.env'), 'SECRET=2\n');
  writeFileSync(at('new/.env'), 'SECRET=3\n');
  mkdirSync(at('node_modules/x'), { recursive: true });
  writeFileSync(at('node_modules/x/index.js'), 'rebuildable\n');
}

const FILES = {
  'README.md': '# Demo\n',
  'src/a.ts': 'export const a = 1;\n',
  gone: 'deleted by the agent\n',
  '.gitignore': '.env\nlocal/\nnode_modules/\n',
  '.gitattributes': '*.bat text eol=crlf\n',
};

test('P15: a discarded task comes back byte for byte: staged, unstaged, untracked, ignored, modes, links, its own commits, stashes, branches and settings', async () => {
  await using world = makeWorld('p15');
  world.init(FILES);
  const task = await world.task(AGENT);
  leaveEverything(world, task);
  const before = stateOf(world, task.worktree);
  await world.ok(['discard', '1']);
  await swept(world);
  expect(existsSync(task.worktree)).toBe(false);
  world.git(['reflog', 'expire', '--expire=now', '--all']);
  world.git(['gc', '-q', '--prune=now']);
  const answer = await world.json(['restore', '1']);
  expect(answer.tasks?.[0]).toMatchObject({ outcome: 'restored', state: 'done', worktree: task.worktree });
  expect(stateOf(world, task.worktree)).toEqual(before);
  expect(world.git(['worktree', 'list'])).toContain(task.worktree);
  expect(world.git(['fsck', '--full'])).toBe('');
  // And it is a task like any other: what lies there is what gets merged.
  const { tree } = await world.json(['diff', '1']);
  await world.ok(['merge', '1']);
  expect(world.git(['rev-parse', 'main^{tree}'])).toBe(tree);
});

test('what is restored at once comes back as well, wherever the sweeper is', async () => {
  await using world = makeWorld('at-once');
  world.init(FILES);
  const task = await world.task(AGENT);
  leaveEverything(world, task);
  const before = stateOf(world, task.worktree);
  for (let round = 0; round < 5; round++) {
    await world.ok(['discard', '1']);
    await world.ok(['restore', '1']);
    expect(stateOf(world, task.worktree)).toEqual(before);
  }
});

test.for<[string, string]>([
  ['a merge with conflicts', 'git merge -q side || true'],
  ['a rebase', 'git rebase -q side || true'],
  ['a merge that waits for its commit', 'git merge -q --no-commit --no-ff other || true'],
])('P4: %s that is unfinished comes back unfinished', async ([, command]) => {
  await using world = makeWorld('unfinished');
  world.init(FILES);
  const task = await world.task(
    [
      'git switch -qc other; echo other > other; git add other; git commit -qm other; git switch -q -',
      'git switch -qc side; echo theirs > README.md; git commit -qam theirs; git switch -q -',
      'echo ours > README.md; git commit -qam ours',
    ].join('\n'),
  );
  const ran = await world.program('sh', ['-c', `${command}; git status`], { cwd: task.worktree });
  expect(ran.stdout).toMatch(/rebas|merg/i);
  const before = stateOf(world, task.worktree);
  await world.ok(['discard', '1']);
  await swept(world);
  world.git(['gc', '-q', '--prune=now']);
  await world.ok(['restore', '1']);
  expect(stateOf(world, task.worktree)).toEqual(before);
});

test('undo takes a merge back: the target is where it was, the files follow, local edits stay, and the task has its worktree again', async () => {
  await using world = makeWorld('unmerge');
  world.init(FILES);
  const base = world.git(['rev-parse', 'main']);
  const task = await world.task('echo work > work; echo SECRET=1 > .env');
  appendFileSync(join(world.repo, 'README.md'), 'my own edit\n');
  writeFileSync(join(world.repo, 'mine'), 'untracked\n');
  for (const strategy of ['merge', 'squash', 'rebase']) {
    await world.ok(['merge', '1', '--strategy', strategy]);
    await swept(world);
    expect(readFileSync(join(world.repo, 'work'), 'utf8')).toBe('work\n');
    const dry = await world.json(['undo', '--dry-run']);
    expect(dry).toMatchObject({ outcome: 'would-undo', operation: { kind: 'merge', task: 1 } });
    expect(existsSync(join(world.repo, 'work'))).toBe(true);
    await world.ok(['undo']);
    expect(world.git(['rev-parse', 'main'])).toBe(base);
    expect(existsSync(join(world.repo, 'work'))).toBe(false);
    expect(world.git(['status', '--porcelain']).split('\n').sort()).toEqual([' M README.md', '?? mine']);
    expect(readFileSync(join(task.worktree, 'work'), 'utf8')).toBe('work\n');
    expect(readFileSync(join(task.worktree, '.env'), 'utf8')).toBe('SECRET=1\n');
    expect((await world.json(['show', '1'])).state).toBe('done');
  }
  // Undo of undo.
  await world.ok(['merge', '1']);
  const merged = world.git(['rev-parse', 'main']);
  await world.ok(['undo']);
  await world.ok(['undo']);
  expect(world.git(['rev-parse', 'main'])).toBe(merged);
  expect((await world.json(['show', '1'])).state).toBe('merged');
});

test('a merge that was built upon is not taken back; the command that reverts it is named', async () => {
  await using world = makeWorld('built-upon');
  world.init(FILES);
  await world.task('echo work > work');
  await world.ok(['merge', '1']);
  const merged = world.commit('on top', { top: 'top\n' });
  const refused = await world.phasr(['undo']);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(/main has gone on since the merge of task 1.*\n.*git revert /);
  expect(world.git(['rev-parse', 'main'])).toBe(merged);
  const [, revert = ''] = /git revert (\S+)/.exec(refused.stderr) ?? [];
  world.git(['revert', '--no-edit', revert]);
  expect(existsSync(join(world.repo, 'work'))).toBe(false);
});

test('undo of a discard restores, undo of that discards again, and operations lists all of it', async () => {
  await using world = makeWorld('undo-discard');
  world.init(FILES);
  const task = await world.task('echo work > work');
  await world.ok(['discard', '1']);
  await world.ok(['undo']);
  expect(readFileSync(join(task.worktree, 'work'), 'utf8')).toBe('work\n');
  await world.ok(['undo']);
  expect(existsSync(task.worktree)).toBe(false);
  await swept(world);
  await world.ok(['undo']);
  expect(readFileSync(join(task.worktree, 'work'), 'utf8')).toBe('work\n');
  const { operations } = await world.json(['operations']);
  expect(operations.map(({ kind }) => kind)).toEqual(['restore', 'discard', 'restore', 'discard']);
  expect(operations.at(-1)?.refs).toEqual([
    { name: `refs/heads/${task.branch}`, before: task.head, after: null },
  ]);
});

test('the trash says what is kept, how large it is and until when; emptied, it cannot be restored, and nothing empties it unasked', async () => {
  await using world = makeWorld('trash');
  world.init(FILES);
  await world.task('head -c 100000 /dev/urandom > random');
  await world.ok(['discard', '1']);
  await swept(world);
  const { items } = await world.json(['trash']);
  expect(items).toMatchObject([{ task: { id: 1, state: 'discarded' } }]);
  expect(items[0]?.bytes).toBeGreaterThan(100_000);
  const days = (Date.parse(items[0]?.expires ?? '') - Date.parse(items[0]?.since ?? '')) / 86_400_000;
  expect(days).toBe(30);
  const unasked = await world.phasr(['trash', 'empty']);
  expect(unasked).toMatchObject({ code: 2 });
  expect(unasked.stderr).toContain('--yes');
  expect(world.git(['for-each-ref', 'refs/phasr/trash/1'])).not.toBe('');
  await world.ok(['trash', 'empty', '1', '--yes']);
  expect(world.git(['for-each-ref', 'refs/phasr'])).toBe('');
  const refused = await world.phasr(['restore', '1']);
  expect(refused.stderr).toContain('was emptied from the trash');
});

test('undo of a cleanup brings the task back beside the target that has its work', async () => {
  await using world = makeWorld('undo-cleanup');
  world.init(FILES);
  const task = await world.task('echo work > work');
  world.git(['merge', '-q', '--squash', task.branch]);
  world.git(['commit', '-qm', 'squashed by hand']);
  const main = world.git(['rev-parse', 'main']);
  await world.ok(['cleanup']);
  expect(existsSync(task.worktree)).toBe(false);
  await world.ok(['undo']);
  expect(readFileSync(join(task.worktree, 'work'), 'utf8')).toBe('work\n');
  expect(world.git(['rev-parse', 'main', task.branch]).split('\n')).toEqual([main, task.head]);
});

test('what stands in the way of a restore is named, and nothing of it is touched', async () => {
  await using world = makeWorld('taken');
  world.init(FILES);
  const task = await world.task('echo work > work');
  await world.ok(['discard', '1']);
  await swept(world);
  mkdirSync(task.worktree);
  writeFileSync(join(task.worktree, 'precious'), 'precious\n');
  expect((await world.phasr(['restore', '1'])).stderr).toContain('something else is at');
  expect(readFileSync(join(task.worktree, 'precious'), 'utf8')).toBe('precious\n');
  rmSync(task.worktree, { recursive: true });
  world.git(['branch', task.branch, 'main']);
  expect((await world.phasr(['restore', '1'])).stderr).toContain('there is another branch');
  world.git(['branch', '-m', task.branch, 'other']);
  await world.ok(['restore', '1']);
  expect(readFileSync(join(task.worktree, 'work'), 'utf8')).toBe('work\n');
});

test('in a repository whose path has a colon, which separates object stores, what is staged is kept and taken along', async () => {
  await using world = makeWorld('colon');
  world.repo = join(world.root, 'co:lon');
  world.init();
  world.write('mine', 'staged by the person\n');
  world.git(['add', 'mine']);
  const task = await world.task('echo staged > staged; git add staged; echo other > staged', {
    args: ['--with-changes'],
  });
  writeFileSync(join(task.worktree, 'late'), 'late\n');
  world.git(['add', 'late'], task.worktree);
  writeFileSync(join(task.worktree, 'late'), 'and changed\n');
  await world.ok(['discard', '1']);
  await swept(world);
  world.git(['gc', '-q', '--prune=now']);
  await world.ok(['restore', '1']);
  expect(world.git(['show', ':late'], task.worktree)).toBe('late');
  expect(readFileSync(join(task.worktree, 'late'), 'utf8')).toBe('and changed\n');
  expect(readFileSync(join(task.worktree, 'mine'), 'utf8')).toBe('staged by the person\n');
});
