/** Taking uncommitted work along (user pain P42). */

import { chmodSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { listFiles } from './support/files.ts';
import { waitFor } from './support/wait-for.ts';
import { makeWorld, type World } from './support/world.ts';

/** Staged, unstaged, both in one file, untracked, deleted, executable, a link, ignored, and a stash. */
function makeDirty(world: World): void {
  world.init({
    'README.md': '# Demo\n',
    'both.txt': 'one\ntwo\nthree\n',
    'gone.txt': 'gone\n',
    'src/a.ts': 'export const a = 1;\n',
    '.gitignore': 'ignored/\n',
  });
  world.append('README.md', 'stashed\n');
  world.git(['stash', '-q']);
  world.write('both.txt', 'ONE\ntwo\nthree\n');
  world.write('staged.txt', 'staged\n');
  world.git(['add', 'both.txt', 'staged.txt']);
  world.write('both.txt', 'ONE\ntwo\nTHREE\n');
  world.append('src/a.ts', 'export const b = 2;\n');
  rmSync(join(world.repo, 'gone.txt'));
  world.write('new.sh', '#!/bin/sh\n');
  chmodSync(join(world.repo, 'new.sh'), 0o755);
  symlinkSync('README.md', join(world.repo, 'link'));
  world.write('ignored/secret', 'secret\n');
}

/** A status that writes nothing. */
function status(world: World, ...options: readonly string[]): string {
  return world.git(['status', ...options], world.repo, { GIT_OPTIONAL_LOCKS: '0' });
}

function userState(world: World): readonly unknown[] {
  return [
    listFiles(world.repo),
    readFileSync(join(world.repo, '.git/index')).toString('base64'),
    world.git(['stash', 'list']),
    status(world, '--porcelain=v2', '-z'),
    world.git(['config', '--list', '--local']),
  ];
}

test('without asking, uncommitted work is not taken along, and it is said how much stays behind', async () => {
  await using world = makeWorld('left-behind');
  makeDirty(world);
  const said = await world.ok(['run', 'x', '--', 'sh', '-c', 'git status --porcelain > seen']);
  expect(said).toContain('6 uncommitted files stay behind');
  expect(world.git(['show', 'phasr/task-1-x:seen'])).toBe('?? seen');
});

test('--with-changes copies staged, unstaged and untracked work, keeps the split, and leaves the checkout byte for byte as it was', async () => {
  await using world = makeWorld('with-changes');
  makeDirty(world);
  const before = userState(world);
  const here = status(world, '--porcelain');
  const script =
    'git status --porcelain > ../seen; git diff --cached > ../cached; git stash list > ../stashes';
  const run = ['run', 'x', '--with-changes', '--', 'sh', '-c', `${script}; echo more >> README.md`];
  // It writes beside its worktree.
  const said = await world.ok(run, { env: { PHASR_SANDBOX: 'off' } });
  expect(said).toContain('a copy of 6 uncommitted files is taken along');
  expect(userState(world)).toEqual(before);
  const { worktree } = (await world.json(['list'])).tasks[0];
  const seen = (name: string): string => readFileSync(join(worktree, '..', name), 'utf8');
  expect(seen('seen').trimEnd()).toBe(here);
  expect(seen('cached').trimEnd()).toBe(world.git(['diff', '--cached']));
  expect(seen('stashes')).toBe('');
  const carried = listFiles(world.repo);
  const theirs = listFiles(worktree);
  for (const path of ['both.txt', 'staged.txt', 'src/a.ts', 'new.sh', 'link'])
    expect(theirs[path], path).toBe(carried[path]);
  expect(Object.keys(theirs)).not.toContain('gone.txt');
  expect(Object.keys(theirs)).not.toContain('ignored/secret');
});

test('the diff shows what the task did apart from what it began with, and both on request', async () => {
  await using world = makeWorld('carried-diff');
  makeDirty(world);
  const run = ['run', 'x', '--with-changes', '--', 'sh', '-c', 'echo more >> README.md; echo 4 >> both.txt'];
  await world.ok(run);
  const apart = await world.phasr(['diff', '1', '--name-only']);
  expect(apart.stdout).toBe('README.md\nboth.txt\n');
  expect(apart.stderr).toContain('without the 6 files that it began with; with them: phasr diff 1 --all');
  expect((await world.ok(['diff', '1', '--name-only', '--all'])).split('\n')).toEqual([
    ...['README.md', 'both.txt', 'gone.txt', 'link', 'new.sh', 'src/a.ts', 'staged.txt', ''],
  ]);
  expect(await world.ok(['list'])).toContain('2 files +2 -0');
});

test('when the person has committed his work, a task that began with it is merged as usual; before, the merge is refused by name', async () => {
  await using world = makeWorld('carried-merge');
  makeDirty(world);
  await world.ok(['run', 'x', '--with-changes', '--', 'sh', '-c', 'echo more >> README.md']);
  const refused = (await world.json(['merge', '1'])).merges[0];
  expect(refused.refusal.code).toBe('target-dirty');
  expect(refused.refusal.details.paths).toContain('staged.txt');
  world.git(['add', '-A']);
  world.git(['commit', '-q', '-m', 'my own work']);
  await world.ok(['merge', '1']);
  expect(world.read('README.md')).toBe('# Demo\nmore\n');
  expect(world.git(['status', '--porcelain'])).toBe('');
});

test('carried work survives gc --prune=now while the agent works and in the trash, and leaves no ref when that is emptied', async () => {
  await using world = makeWorld('carried-gc');
  makeDirty(world);
  await world.ok(['run', 'x', '--with-changes', '--', 'sh', '-c', 'echo more >> README.md']);
  world.git(['gc', '-q', '--prune=now']);
  expect((await world.ok(['diff', '1', '--all', '--name-only'])).split('\n')).toHaveLength(8);
  await world.ok(['discard', '1']);
  expect(world.git(['show', 'refs/phasr/trash/1:staged.txt'])).toBe('staged');
  await waitFor('the sweeper to end', () => world.processes().length === 0);
  world.git(['gc', '-q', '--prune=now']);
  await world.ok(['restore', '1']);
  expect((await world.ok(['diff', '1', '--all', '--name-only'])).split('\n')).toHaveLength(8);
  await world.ok(['discard', '1']);
  await waitFor('the sweeper to end', () => world.processes().length === 0);
  await world.ok(['trash', 'empty', '1', '--yes']);
  expect(world.git(['for-each-ref', '--format=%(refname)', 'refs/phasr'])).toBe('');
});

test('refused with nothing created: another base, conflicts, a bare repository', async () => {
  await using world = makeWorld('carried-refused');
  makeDirty(world);
  world.git(['branch', 'other']);
  world.git(['commit', '-q', '-m', 'staged part']);
  const run = (...args: string[]) => world.json(['run', 'x', '--with-changes', ...args, '--', 'true']);
  expect((await run('--base', 'other')).code).toBe('refused');
  world.git(['stash', '-q', '-u']);
  world.git(['checkout', '-q', 'other']);
  world.commit('theirs', { 'both.txt': 'THEIRS\n' });
  expect(() => world.git(['merge', '-q', 'main'])).toThrow();
  expect((await run()).code).toBe('refused');
  const bare = join(world.root, 'bare.git');
  mkdirSync(bare);
  world.git(['clone', '-q', '--bare', world.repo, bare], world.root);
  const inBare = await world.json(['run', 'x', '--with-changes', '--', 'true'], { cwd: bare });
  expect(inBare.code).toBe('refused');
  expect(world.git(['for-each-ref', '--format=%(refname)', 'refs/phasr', 'refs/heads/phasr'])).toBe('');
});
