/** Every repair of `phasr doctor --fix` can be taken back by `phasr undo`, as long as what it has changed is as it left it. */

import { existsSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fix } from './support/doctor.ts';
import { listFiles } from './support/files.ts';
import { waitFor } from './support/wait-for.ts';
import { makeWorld, type World } from './support/world.ts';

async function settle(world: World): Promise<void> {
  await waitFor('the supervisors to end', () => world.processes().length === 0);
  await world.ok(['list']);
}

/**
 * All files that are a person's, a task's or git's. Not Phasr's records, what repairs and undos have put aside, reflogs, the index of the registration (a copy
 * that follows), and the times in indexes: what is staged is compared by its names and contents.
 */
function stateOf(world: World): object {
  const own =
    /\.git\/phasr\/(?:phasr\.db|mutex\.db|aside\/|repairs\/)|\.aside-\d{8}T|\.phasr\/places|\.git\/logs\/|\.git\/worktrees\/phasr-1\/index$/;
  const files = Object.entries(listFiles(world.root)).filter(([path]) => !own.test(path));
  return Object.fromEntries(
    files.map(([path, content]) =>
      path.endsWith('/index')
        ? [path, world.git(['ls-files', '--stage'], world.repo, { GIT_INDEX_FILE: join(world.root, path) })]
        : [path, content],
    ),
  );
}

type Broken = readonly [
  what: string,
  damage: (world: World, task: { readonly worktree: string; readonly branch: string }) => void,
];

const BROKEN: readonly Broken[] = [
  [
    'a dead lock that was put aside',
    (world) => {
      const lock = join(world.repo, '.git/index.lock');
      writeFileSync(lock, 'half an index');
      utimesSync(lock, 1, 1);
    },
  ],
  ['a worktree that was moved back', (_, { worktree }) => renameSync(worktree, `${worktree}-away`)],
  [
    'a worktree that was made anew',
    (_, { worktree }) => {
      rmSync(worktree, { recursive: true });
    },
  ],
  ['a branch that was made again', (world, { branch }) => void world.git(['branch', '-m', branch, 'mine'])],
  [
    'a registration that was made again',
    (world) => rmSync(join(world.repo, '.git/worktrees/phasr-1'), { recursive: true }),
  ],
  [
    'a registration of no task that was put aside',
    (world) => {
      const admin = join(world.repo, '.git/worktrees/phasr-9');
      world.write('locked', 'phasr task 9 of nobody\n', admin);
      world.write('gitdir', '/nowhere/.git\n', admin);
      world.write('HEAD', 'ref: refs/heads/main\n', admin);
      world.write('commondir', '../..\n', admin);
    },
  ],
  [
    "the private git dir's entry that was written again",
    (world) => rmSync(join(world.repo, '.git/phasr/tasks/1/git/worktrees/phasr-1'), { recursive: true }),
  ],
  [
    'links that were mended',
    (world, { worktree }) => {
      world.git(['worktree', 'unlock', worktree]);
      world.write('.git', `gitdir: ${join(world.repo, '.git/worktrees/phasr-1')}\n`, worktree);
    },
  ],
];

test.each(BROKEN)(
  'undo takes back %s, byte for byte, and doctor --fix makes the repair again',
  async (_, damage) => {
    await using world = makeWorld('undo-repair');
    world.init();
    const task = await world.task('echo 1 > file; git add file; echo 2 > file');
    await settle(world);
    damage(world, task);
    const broken = stateOf(world);
    const repairs = await fix(world);
    expect(repairs.length).toBeGreaterThan(0);
    expect(repairs.map(({ outcome }) => outcome)).toEqual(repairs.map(() => 'done'));
    const whole = stateOf(world);
    expect(whole).not.toEqual(broken);
    // The last one first; each is named by what it says.
    for (const { operation, message } of repairs.toReversed()) {
      const { operations } = await world.json(['operations']);
      expect(operations[0]).toMatchObject({ id: operation, kind: 'repair', what: message });
      const before = stateOf(world);
      const would = await world.json(['undo', '--dry-run']);
      expect([would.outcome, stateOf(world)]).toEqual(['would-undo', before]);
      expect(await world.json(['undo'])).toMatchObject({ outcome: 'undone', what: would.what });
    }
    expect(stateOf(world)).toEqual(broken);
    expect((await world.json(['operations'])).operations).toEqual([]);
    // What was made anew is found where it was put aside.
    expect((await fix(world)).every(({ outcome }) => outcome === 'done')).toBe(true);
    expect(stateOf(world)).toEqual(whole);
  },
);

test('a repair is not taken back over what has come since: it is refused by name, and nothing changes', async () => {
  await using world = makeWorld('undo-repair-late');
  world.init();
  const { branch, worktree } = await world.task('echo 1 > file');
  await settle(world);
  world.git(['branch', '-m', branch, 'mine']);
  const lock = join(world.repo, '.git/index.lock');
  writeFileSync(lock, '');
  utimesSync(lock, 1, 1);
  expect((await fix(world)).map(({ operation }) => operation)).toEqual(['r1', 'r2', 'r3']);
  world.write('more', 'more\n', worktree);
  await world.ok(['resume', '1']);
  await world.ok(['wait', '1']);
  writeFileSync(lock, 'somebody is at work');
  const refused = [
    [`r1`, `something else has come to ${lock}`],
    [`r2`, `refs/heads/${branch} has moved`],
  ] as const;
  for (const [operation, why] of refused) {
    const before = stateOf(world);
    const ran = await world.phasr(['undo', operation]);
    expect([ran.code, ran.stderr + ran.stdout]).toEqual([1, expect.stringContaining(why)]);
    expect(stateOf(world)).toEqual(before);
  }
  expect(readFileSync(join(worktree, 'more'), 'utf8')).toBe('more\n');
  expect((await world.phasr(['undo', 'r7'])).code).toBe(1);
});

test('undo puts a damaged database back in its place, and the one that was rebuilt is kept', async () => {
  await using world = makeWorld('undo-records');
  world.init();
  const task = await world.task('echo 1 > file');
  await settle(world);
  const database = join(world.repo, '.git/phasr/phasr.db');
  for (const ending of ['-wal', '-shm']) rmSync(database + ending, { force: true });
  const damaged = 'this is no database '.repeat(1000);
  writeFileSync(database, damaged);
  const repairs = await fix(world);
  expect(repairs[0]).toMatchObject({ operation: 'r1' });
  expect((await world.json(['list'])).tasks).toMatchObject([{ id: 1 }]);
  await world.ok(['undo', 'r1']);
  expect(readFileSync(database, 'utf8')).toBe(damaged);
  expect(existsSync(repairs[0]?.aside ?? '')).toBe(false);
  const ran = await world.phasr(['list']);
  expect([ran.code, ran.stderr]).toEqual([1, expect.stringContaining('phasr doctor --fix')]);
  await fix(world);
  expect((await world.json(['list'])).tasks).toMatchObject([{ id: 1, branch: task.branch }]);
});
