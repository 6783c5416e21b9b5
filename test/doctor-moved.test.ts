/** A repository, or the folder of all worktrees, that was moved: `phasr doctor --fix` in the new place makes all tasks whole again. */

import { cpSync, existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import type { TaskJson } from './support/answer.ts';
import { fix, told } from './support/doctor.ts';
import { listFiles } from './support/files.ts';
import { waitFor } from './support/wait-for.ts';
import { makeWorld, type RunOptions, type World } from './support/world.ts';

/** A worktree with one of each: a commit of the agent's, staged, changed, untracked and ignored files, a stash. */
async function makeTask(world: World, title: string): Promise<TaskJson> {
  const task = await world.task(`echo 1 > committed; git add -A; git commit -q -m own`, { prompt: title });
  const { worktree } = task;
  world.write('stashed', `${title}\n`, worktree);
  world.git(['stash', 'push', '-q', '--include-untracked'], worktree);
  world.write('staged', `${title}\n`, worktree);
  world.git(['add', 'staged'], worktree);
  world.write('committed', `${title}\n`, worktree);
  world.write('untracked', `${title}\n`, worktree);
  world.write('notes.ignored', `${title}\n`, worktree);
  return task;
}

/** Everything of a worktree that must survive a move; read with git as the agent has it. */
function stateOf(world: World, worktree: string): object {
  return {
    files: listFiles(worktree),
    status: world.git(['status', '--porcelain=v2', '--branch', '--ignored'], worktree),
    staged: world.git(['show', ':staged'], worktree),
    stash: world.git(['stash', 'list', '--format=%H'], worktree),
    log: world.git(['log', '--format=%H %s'], worktree),
  };
}

type Move = { readonly repository: boolean; readonly home: boolean };

const MOVES: readonly (readonly [string, Move])[] = [
  ['the repository', { repository: true, home: false }],
  ['PHASR_HOME', { repository: false, home: true }],
  ['both', { repository: true, home: true }],
];

test.each(MOVES)(
  'after a move of %s doctor --fix in the new place repairs all tasks, uncommitted work intact',
  async (_, move) => {
    await using world = makeWorld('moved');
    world.init({ 'README.md': '# Demo\n', '.gitignore': '*.ignored\n' });
    mkdirSync(join(world.repo, '.git/hooks'), { recursive: true });
    const old = { repo: world.repo, home: join(world.home, '.phasr') };
    const first = await makeTask(world, 'first');
    await makeTask(world, 'second');
    // Something in the trash that no ref can hold.
    const held = await world.task('git init -q sub; cd sub; git commit -q --allow-empty -m x', {
      prompt: 'held',
    });
    await world.ok(['discard', String(held.id)]);
    await waitFor('the sweeper', async () => (await world.json(['show', String(held.id)])).held !== null);
    await waitFor('everybody to end', () => world.processes().length === 0);
    const { tasks } = await world.json(['list']);
    const states = tasks.map(({ worktree }) => stateOf(world, worktree));
    const before = tasks.map(({ id, head, branch, state }) => ({ id, head, branch, state }));

    let options: RunOptions = {};
    if (move.repository) {
      world.repo = join(world.root, 'moved/repo "2"');
      mkdirSync(dirname(world.repo));
      renameSync(old.repo, world.repo);
    }
    if (move.home) {
      const home = join(world.root, 'other home');
      renameSync(old.home, home);
      options = { env: { PHASR_HOME: home } };
    }
    // Of a database that is only read SQLite may leave an empty log.
    const withoutLogs = (): object =>
      Object.fromEntries(
        Object.entries(listFiles(world.root)).filter(([path]) => !/-(?:shm|wal)$/.test(path)),
      );
    const all = withoutLogs();
    const planned = await fix(world, { ...options, isDryRun: true });
    expect(withoutLogs()).toEqual(all);
    const repairs = await fix(world, options);
    expect(repairs.map(({ outcome }) => outcome)).toEqual(planned.map(() => 'done'));
    const count = (part: string): number => repairs.filter(({ message }) => message.includes(part)).length;
    expect(count(`the repository was moved from ${old.repo}/.git`)).toBe(move.repository ? 2 : 0);
    expect(count('was moved from /')).toBe((move.repository ? 2 : 0) + (move.home ? 2 : 0));
    expect(await fix(world, options)).toEqual([]);

    const after = (await world.json(['list'], options)).tasks;
    expect(after.map(({ id, head, branch, state }) => ({ id, head, branch, state }))).toEqual(before);
    expect(after.map(({ worktree }) => stateOf(world, worktree))).toEqual(states);
    const listed = world.git(['worktree', 'list', '--porcelain']);
    for (const { worktree } of after) expect(listed).toContain(`worktree ${worktree}\n`);
    // Nothing names the old places any more: settings, hooks, borrowed objects, links.
    for (const place of [
      ...(move.repository ? [`${old.repo}/`] : []),
      ...(move.home ? [`${old.home}/`] : []),
    ]) {
      const found = await world.program('grep', [
        '-rlF',
        '--exclude=phasr.db*',
        '--exclude-dir=logs',
        '--exclude-dir=sub',
        place,
        '.git/phasr/tasks',
        '.git/worktrees',
      ]);
      expect(found.stdout).toBe('');
      expect(existsSync(place)).toBe(false);
    }
    const entries = readdirSync(join(world.repo, '.git/phasr/trash'));
    const entry = JSON.parse(world.read(join('.git/phasr/trash', entries[0] ?? '', 'entry.json'))) as {
      worktree: string;
    };
    expect(existsSync(join(entry.worktree, 'sub/.git'))).toBe(true);

    // Every verb works in the new place.
    await world.ok(['resume', '1', '--json'], options);
    await world.ok(['wait', '1'], options);
    expect(await world.ok(['diff', '2'], options)).toContain('+second');
    await world.ok(['merge', '2'], options);
    expect(world.read('committed')).toBe('second\n');
    await world.ok(['discard', '1'], options);
    expect(existsSync(join(world.repo, first.branch))).toBe(false);
    expect(await world.task('true', { prompt: 'first', ...options })).toMatchObject({ state: 'done' });
    expect(world.git(['fsck', '--no-dangling'])).toBe('');
  },
);

test('a new repository in the place of a moved one, with a task of the same name, takes nothing from it', async () => {
  await using world = makeWorld('moved-twice');
  world.init();
  const { worktree } = await makeTask(world, 'first');
  await waitFor('the supervisor to end', () => world.processes().length === 0);
  const state = stateOf(world, worktree);
  const old = world.repo;
  const moved = `${old}-moved`;
  renameSync(old, moved);
  world.init({ 'other.txt': 'another repository\n' });
  const task = await world.task('echo theirs > theirs', { prompt: 'first' });
  expect(task).toMatchObject({ state: 'failed' });
  expect(task.evidence).toContain(`${worktree} is in the way, and not of this repository`);
  expect(told(await fix(world, { cwd: moved }))).toEqual([
    expect.stringMatching(/^done: the repository was moved from .* 6 files of task 1 still name: put right$/),
  ]);
  expect(stateOf(world, worktree)).toEqual(state);
  await world.ok(['discard', '1']);
  expect(stateOf(world, worktree)).toEqual(state);
});

test('a copy of a repository is told that its tasks are those of the first one, and changes nothing of them', async () => {
  await using world = makeWorld('moved-copy');
  world.init();
  const { worktree } = await makeTask(world, 'first');
  await waitFor('the supervisor to end', () => world.processes().length === 0);
  const state = stateOf(world, worktree);
  const copy = `${world.repo}-copy`;
  cpSync(world.repo, copy, { recursive: true, preserveTimestamps: true });
  expect(told(await fix(world, { cwd: copy }))).toEqual([
    `left: ${worktree} is not the worktree of task 1: it is another folder, or of a task of another repository`,
  ]);
  expect(stateOf(world, worktree)).toEqual(state);
  expect(await fix(world)).toEqual([]);
});

test('a worktree that was copied back, as from a backup, is taken for what it is; one that is something else is not', async () => {
  await using world = makeWorld('moved-backup');
  world.init();
  const { worktree } = await makeTask(world, 'first');
  await waitFor('the supervisor to end', () => world.processes().length === 0);
  const state = stateOf(world, worktree);
  const backup = join(world.root, 'backup');
  renameSync(worktree, backup);
  world.write('precious', 'of somebody else\n', worktree);
  const [left] = await fix(world);
  expect(left).toMatchObject({ outcome: 'left' });
  expect(left?.message).toContain(`${worktree} is not the worktree of task 1`);
  expect(world.read('precious', worktree)).toBe('of somebody else\n');
  renameSync(worktree, `${worktree}-precious`);
  cpSync(backup, worktree, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
  renameSync(backup, join(world.root, `${basename(backup)}-2`));
  expect(told(await fix(world))).toEqual([
    `done: the worktree of task 1 at ${worktree} is another directory than the recorded one, with the same content: recorded`,
  ]);
  expect(stateOf(world, worktree)).toEqual(state);
  await world.ok(['discard', '1']);
  expect(world.read('precious', `${worktree}-precious`)).toBe('of somebody else\n');
});
