/** `phasr doctor --fix` on a database that is damaged or gone: kept aside, its tasks rebuilt from git. */

import {
  copyFileSync,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import type { TaskJson } from './support/answer.ts';
import { fix, told } from './support/doctor.ts';
import { listFiles } from './support/files.ts';
import { waitFor } from './support/wait-for.ts';
import { makeWorld, type World } from './support/world.ts';

function databaseOf(world: World): string {
  return join(world.repo, '.git/phasr/phasr.db');
}

/** Waits for whoever still has the database open, and lets SQLite put everything into the one file. */
async function settle(world: World): Promise<void> {
  await waitFor('the supervisors to end', () => world.processes().length === 0);
  await world.ok(['list']);
}

/** What must come back. */
function identityOf({ id, title, branch, base, head, worktree, changes }: TaskJson): object {
  return { id, title, branch, base: base.oid, head, worktree, changes };
}

async function listed(world: World): Promise<readonly object[]> {
  return (await world.json(['list'])).tasks.map(identityOf);
}

const DAMAGES: readonly (readonly [string, (path: string) => void])[] = [
  ['garbage in its place', (path) => writeFileSync(path, 'this is no database '.repeat(1000))],
  ['cut off in the middle', (path) => truncateSync(path, 5000)],
  ['cut off to nothing', (path) => truncateSync(path, 0)],
  [
    'its pages overwritten',
    (path) => {
      const bytes = readFileSync(path);
      bytes.fill(0xff, 4096);
      writeFileSync(path, bytes);
    },
  ],
];

test.each(DAMAGES)(
  'a database with %s is named in one sentence, kept aside, and its tasks come back from git',
  async (_, damage) => {
    await using world = makeWorld('records-damaged');
    world.init();
    await world.task('echo 1 > one', { prompt: 'Fix the "odd" title: ümlaut' });
    await world.task('git commit -q --allow-empty -m "own words"; echo 2 > two', { prompt: 'second task' });
    await world.task('true', { prompt: 'changes nothing' });
    const gone = await world.task('echo 4 > four', { prompt: 'discarded before' });
    await world.ok(['discard', String(gone.id)]);
    const { worktree } = await world.json(['show', '1']);
    world.write('by-hand', 'not committed\n', worktree);
    world.git(['stash', 'push', '-q', '--include-untracked'], worktree);
    world.write('by-hand', 'newer\n', worktree);
    await settle(world);
    const before = await listed(world);
    const database = databaseOf(world);
    damage(database);
    const bad = readFileSync(database);

    for (const command of [['list'], ['show', '1'], ['run', 'x', '--', 'true'], ['discard', '1']]) {
      const error = await world.json(command);
      expect(error, command.join(' ')).toMatchObject({ code: 'database-corrupt' });
      expect(error.hint).toMatch(/^phasr doctor --fix /);
    }
    const files = listFiles(world.root);
    expect(told(await fix(world, { isDryRun: true }))).toEqual([
      `planned: ${database} is damaged: would be put aside`,
      expect.stringMatching(
        /^planned: 4 tasks without a record: 1, 2, 3, 4: would be recorded anew from git, /,
      ),
    ]);
    expect(listFiles(world.root)).toEqual(files);

    const repairs = await fix(world);
    expect(repairs).toMatchObject([{ outcome: 'done' }, { outcome: 'done', aside: null }]);
    expect(repairs[0]?.aside).toMatch(/phasr\.db\.damaged-\d{8}T\d{6}Z$/);
    expect(readFileSync(repairs[0]?.aside ?? '')).toEqual(bad);
    expect(await fix(world)).toEqual([]);
    const { tasks } = await world.json(['list']);
    // Where there is no commit of Phasr's the title comes from the branch's name.
    expect(tasks.map(identityOf)).toEqual(before);
    expect(tasks[0]).toMatchObject({
      state: 'interrupted',
      evidence: 'its record was lost and has been rebuilt from git',
      target: 'main',
      run: { prompt: 'Fix the "odd" title: ümlaut' },
    });
    expect(world.git(['stash', 'list'], worktree)).toContain('stash@{0}');

    // It is a task like any other: looked at, merged with what is not committed, discarded; its number is not used again.
    expect(await world.ok(['logs', '2'])).toBe('');
    expect(await world.ok(['diff', '1'])).toContain('+newer');
    await world.ok(['merge', '1', '2']);
    expect([world.read('by-hand'), world.read('two')]).toEqual(['newer\n', '2\n']);
    expect(await world.json(['resume', '3'])).toMatchObject({ code: 'no-command' });
    await world.ok(['discard', '3']);
    expect((await world.task('true')).id).toBeGreaterThan(gone.id);
    expect(world.git(['worktree', 'list', '--porcelain']).match(/^worktree /gm)).toHaveLength(2);
  },
);

test('a database that is gone is not taken for a new repository; tasks with what they began with come back', async () => {
  await using world = makeWorld('records-gone');
  world.init();
  world.write('staged', 'staged\n');
  world.git(['add', 'staged']);
  world.write('untracked', 'untracked\n');
  const before = await world.task('echo 1 > one', { args: ['--with-changes'] });
  await settle(world);
  const database = databaseOf(world);
  for (const ending of ['', '-wal', '-shm']) rmSync(database + ending, { force: true });
  expect(await world.json(['list'])).toMatchObject({ code: 'database-corrupt' });
  expect(existsSync(database)).toBe(false);
  expect(told(await fix(world))).toEqual([expect.stringMatching(/^done: 1 task without a record: 1: /)]);
  const after = await world.json(['show', '1']);
  expect(identityOf(after)).toEqual(identityOf(before));
  expect(after).toMatchObject({ carried: { count: 2 } });
  expect(await world.ok(['diff', '1', '--stat'])).not.toContain('untracked');
});

test('a task that is missing in a whole database is added; a branch alone, from another clone, is no task', async () => {
  await using world = makeWorld('records-partial');
  world.init();
  await world.task('echo 1 > one', { prompt: 'first' });
  await settle(world);
  const early = join(world.root, 'early.db');
  copyFileSync(databaseOf(world), early);
  await world.task('echo 2 > two', { prompt: 'second' });
  await settle(world);
  const before = await listed(world);
  for (const ending of ['-wal', '-shm']) rmSync(databaseOf(world) + ending, { force: true });
  copyFileSync(early, databaseOf(world));
  world.git(['branch', 'phasr/task-9-of-a-colleague']);
  expect(told(await fix(world))).toEqual([expect.stringMatching(/^done: 1 task without a record: 2: /)]);
  expect(await listed(world)).toEqual(before);
});

test('while an agent works whose record is lost its task is left to it, and comes back when it has ended', async () => {
  await using world = makeWorld('records-live');
  world.init();
  const release = join(world.root, 'release');
  await world.json([
    ...['run', 'works on', '--detach', '--'],
    ...['sh', '-c', `echo 1 > file; until [ -e ${release} ]; do sleep 0.05; done; echo 2 > file`],
  ]);
  await world.task('echo 2 > two', { prompt: 'at rest' });
  await waitFor('the run', async () => (await world.json(['show', '1'])).state === 'running');
  const { worktree, run } = await world.json(['show', '1']);
  await waitFor('its file', () => existsSync(join(worktree, 'file')));
  await waitFor('the supervisors to be dead', () => {
    const helpers = world.processes().filter((pid) => world.commandLine(pid).includes('helper.cjs'));
    for (const pid of helpers) process.kill(pid, 'SIGKILL');
    return helpers.length === 0;
  });
  for (const ending of ['', '-wal', '-shm']) rmSync(databaseOf(world) + ending, { force: true });
  expect(told(await fix(world))).toEqual([
    expect.stringMatching(/^done: 1 task without a record: 2: /),
    expect.stringMatching(/^left: task 1 has no record, and process \d+ works in its worktree$/),
  ]);
  expect(existsSync(join(worktree, 'file'))).toBe(true);
  writeFileSync(release, '');
  await waitFor('the agent to end', () => !existsSync(`/proc/${run.pid}`));
  expect(told(await fix(world))).toEqual([expect.stringMatching(/^done: 1 task without a record: 1: /)]);
  expect(await world.json(['show', '1'])).toMatchObject({
    title: 'works on',
    state: 'interrupted',
    worktree,
  });
  expect(await world.ok(['diff', '1'])).toContain('+2');
});

test('a worktree that was half made when the record was lost is put aside, and the next run makes it anew', async () => {
  await using world = makeWorld('records-half');
  world.init();
  const { worktree } = await world.task('true', { prompt: 'half made' });
  await settle(world);
  // As after a kill during the checkout: no index for the agent, no run.
  rmSync(join(world.repo, '.git/phasr/tasks/1/git/worktrees/phasr-1/index'));
  rmSync(join(world.repo, '.git/phasr/tasks/1/runs'), { recursive: true });
  rmSync(join(worktree, 'README.md'));
  for (const ending of ['', '-wal', '-shm']) rmSync(databaseOf(world) + ending, { force: true });
  const repairs = await fix(world);
  expect(told(repairs)).toEqual([
    'done: remains of task 1, of which the worktree is half made or gone: put aside',
    expect.stringMatching(/^done: 1 task without a record: 1: /),
  ]);
  expect(existsSync(join(repairs[0]?.aside ?? '', 'git'))).toBe(true);
  expect(existsSync(worktree)).toBe(false);
  const kept = Object.keys(listFiles(dirname(worktree)));
  expect(kept).toContainEqual(expect.stringMatching(/^1-half-made\.aside-\d{8}T\d{6}Z\/src\/a\.ts$/));
  await world.ok(['discard', '1']);
  expect(await world.task('true', { prompt: 'half made' })).toMatchObject({ id: 2, state: 'done' });
});

test('discarded and merged tasks come back to the trash when the database is lost, and their snapshots with them', async () => {
  await using world = makeWorld('records-trash');
  world.init({ '.gitignore': '.env\n' });
  world.write('mine', 'not committed\n');
  const leave = 'echo all > left; git add left; echo more >> left; echo secret > .env; git stash list';
  const carried = await world.task(leave, { prompt: 'Begun with changes', args: ['--with-changes'] });
  const squashed = await world.task(`echo 2 > two; ${leave}`, { prompt: 'Squash me' });
  const merged = await world.task('echo 3 > three; echo secret > .env', { prompt: 'Merge me' });
  const open = await world.task('echo 4 > four', { prompt: 'stays open' });
  const given = await world.task('echo 5 > five; git stash -uq; echo 6 > six', { prompt: 'just given up' });
  world.write('later', 'by hand\n', carried.worktree);
  const files = listFiles(carried.worktree);
  await world.ok(['snapshot', String(open.id)]);
  world.write('four', 'changed\n', open.worktree);
  await world.ok(['snapshot', String(open.id)]);
  const { snapshots } = await world.json(['history', String(open.id)]);
  expect(snapshots.length).toBeGreaterThan(1);
  await world.ok(['discard', String(carried.id)]);
  await world.ok(['merge', String(squashed.id), '--strategy', 'squash']);
  await world.ok(['merge', String(merged.id), '--strategy', 'merge']);
  await world.ok(['discard', String(given.id)]);
  await settle(world);
  const before = (await world.json(['list', '--all'])).tasks.map(identityOf);
  for (const ending of ['', '-wal', '-shm']) rmSync(databaseOf(world) + ending, { force: true });

  expect(told(await fix(world))).toContainEqual(
    expect.stringMatching(/^done: 5 tasks without a record: 1, 2, 3, 4, 5: /),
  );
  await settle(world);
  expect(await fix(world)).toEqual([]);
  const { tasks } = await world.json(['list', '--all']);
  expect(tasks.map(({ id, state }) => [id, state])).toEqual([
    [1, 'discarded'],
    [2, 'discarded'],
    [3, 'merged'],
    [4, 'interrupted'],
    [5, 'discarded'],
  ]);
  const after = tasks.map(identityOf);
  expect([after[0], after[3]]).toEqual([before[0], before[3]]);
  expect(tasks[1]?.notes).toContainEqual(expect.stringContaining('is not known'));
  const again = (await world.json(['history', String(open.id)])).snapshots;
  // A snapshot that is a commit of the agent's own has no reason in it.
  expect(again.map(({ number, reason }) => [number, reason])).toEqual([
    [1, 'found when the record was lost'],
    [2, 'by hand'],
  ]);
  expect(again.map(({ number }) => number)).toEqual(snapshots.map(({ number }) => number));

  // The next one takes a number of its own: what was kept is not overwritten.
  world.write('four', 'changed again\n', open.worktree);
  await world.ok(['snapshot', String(open.id)]);
  await world.ok(['rewind', String(open.id), String(snapshots.at(-1)?.number)]);
  expect(readFileSync(join(open.worktree, 'four'), 'utf8')).toBe('changed\n');

  world.git(['gc', '-q', '--prune=now']);
  await world.ok(['restore', '1', '5']);
  expect(listFiles(carried.worktree)).toEqual(files);
  expect(world.git(['diff', '--cached', '--name-only'], carried.worktree)).toBe('');
  expect(world.git(['stash', 'list'], given.worktree)).toContain('stash@{0}');
  expect(readFileSync(join(given.worktree, 'six'), 'utf8')).toBe('6\n');
});

test('a database that is gone is missed also when all its tasks were removed, and when nothing of them is kept', async () => {
  await using world = makeWorld('records-removed');
  world.init();
  const task = await world.task('echo 1 > one');
  const lose = async (): Promise<void> => {
    await settle(world);
    for (const ending of ['', '-wal', '-shm']) rmSync(databaseOf(world) + ending, { force: true });
    const ran = await world.phasr(['list', '--all']);
    expect([ran.code, ran.stderr]).toEqual([1, expect.stringContaining('the record of 1 task is gone')]);
    expect(existsSync(databaseOf(world))).toBe(false);
  };
  await world.ok(['discard', '1']);
  await lose();
  expect(told(await fix(world))).toEqual([expect.stringMatching(/^done: 1 task without a record: 1: /)]);
  await world.ok(['restore', '1']);
  expect(world.read('one', task.worktree)).toBe('1\n');

  await world.ok(['discard', '1']);
  await settle(world);
  await world.ok(['trash', 'empty', '1', '--yes']);
  await lose();
  expect(told(await fix(world))).toEqual([
    'done: the record of 1 removed task is gone, and git holds nothing of them: begun anew (their transcripts stay)',
  ]);
  expect(await fix(world)).toEqual([]);
  expect((await world.json(['list', '--all'])).tasks).toEqual([]);
  // Its transcripts are not taken for those of another one.
  expect((await world.task('echo 2 > two')).id).toBe(2);
});

test("the user's damaged list of places is put aside, and runs start again", async () => {
  await using world = makeWorld('records-places');
  world.init();
  await world.task('true');
  await waitFor('the supervisor to end', () => world.processes().length === 0);
  const places = join(world.home, '.phasr/places.db');
  for (const ending of ['-wal', '-shm']) rmSync(places + ending, { force: true });
  writeFileSync(places, 'this is no database '.repeat(1000));
  const error = await world.json(['run', 'x', '--', 'true']);
  expect(error).toMatchObject({ code: 'database-corrupt' });
  expect(error.hint).toMatch(/^phasr doctor --fix /);
  const repairs = await fix(world);
  expect(repairs[0]).toMatchObject({ check: 'places', outcome: 'done' });
  expect(readFileSync(repairs[0]?.aside ?? '', 'utf8')).toContain('this is no database');
  expect(await world.task('true')).toMatchObject({ state: 'done' });
  renameSync(places, `${places}.kept`);
});
