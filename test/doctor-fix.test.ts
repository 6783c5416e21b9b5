/** `phasr doctor --fix`: what people, tools and crashes have done to tasks behind Phasr's back is put right, and nothing is lost by it. */

import { spawn } from 'node:child_process';
import { existsSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { TaskJson } from './support/answer.ts';
import { fix, told } from './support/doctor.ts';
import { listFiles } from './support/files.ts';
import { waitFor } from './support/wait-for.ts';
import { makeWorld, type World } from './support/world.ts';

/** One task a word, each with a commit of Phasr's and something that is not committed. */
async function makeTasks(world: World, titles: readonly string[]): Promise<readonly TaskJson[]> {
  const tasks: TaskJson[] = [];
  for (const title of titles) {
    const task = await world.task(`echo ${title} > ${title}.txt`, { prompt: title });
    world.write('by-hand', `${title}\n`, task.worktree);
    tasks.push(task);
  }
  return tasks;
}

async function evidence(world: World): Promise<Record<string, string>> {
  const { tasks } = await world.json(['list']);
  return Object.fromEntries(tasks.map((task) => [task.title, task.evidence]));
}

test('after rm -rf, worktree remove, branch -m, switch and prune by hand, list tells the truth and doctor --fix makes whole tasks again', async () => {
  await using world = makeWorld('fix-hands');
  world.init();
  const titles = ['deleted', 'removed', 'renamed', 'switched', 'pruned', 'shifted', 'untouched'] as const;
  const tasks = await makeTasks(world, titles);
  const of = (title: (typeof titles)[number]): TaskJson => {
    const task = tasks.find((candidate) => candidate.title === title);
    if (task === undefined) throw new Error(title);
    return task;
  };
  rmSync(of('deleted').worktree, { recursive: true });
  world.git(['switch', '-q', '-c', 'other'], of('switched').worktree);
  // Only then does git let itself be told to remove it; it re-points all the others on the way.
  world.git(['worktree', 'repair', of('removed').worktree]);
  world.git(['worktree', 'remove', '-f', '-f', of('removed').worktree]);
  world.git(['branch', '-m', of('renamed').branch, 'mine']);
  world.git(['worktree', 'unlock', of('pruned').worktree]);
  renameSync(of('pruned').worktree, `${of('pruned').worktree}-away`);
  world.git(['worktree', 'prune']);
  renameSync(of('shifted').worktree, join(world.root, 'elsewhere'));

  expect(await evidence(world)).toEqual({
    deleted: `its worktree is gone from ${of('deleted').worktree}: phasr doctor --fix`,
    removed: `its worktree is gone from ${of('removed').worktree}: phasr doctor --fix`,
    renamed: 'its branch is gone: phasr doctor --fix',
    switched: 'exit code 0',
    pruned: `its worktree is gone from ${of('pruned').worktree}: phasr doctor --fix`,
    shifted: `its worktree is gone from ${of('shifted').worktree}: phasr doctor --fix`,
    untouched: 'exit code 0',
  });

  await waitFor('the supervisors to end', () => world.processes().length === 0);
  const before = listFiles(world.root);
  const planned = told(await fix(world, { isDryRun: true }));
  expect(listFiles(world.root)).toEqual(before);
  // From within the worktree that was moved to where nobody would look.
  const repaired = told(await fix(world, { cwd: join(world.root, 'elsewhere') }));
  expect(repaired.filter((line) => !line.startsWith('done: '))).toEqual([]);
  for (const part of [
    `the worktree of task 1 is gone from ${of('deleted').worktree}: made anew from what is committed`,
    `the worktree of task 2 is gone from ${of('removed').worktree}: made anew from what is committed`,
    'the repository does not list the worktree of task 2 any more: registered again',
    `refs/heads/${of('renamed').branch} of task 3 is gone (renamed to mine, which stays): made again where the record says`,
    `the worktree of task 5 was moved from ${of('pruned').worktree} to ${of('pruned').worktree}-away: moved back to ${of('pruned').worktree}`,
  ]) {
    expect(repaired).toContain(`done: ${part}`);
    expect(planned).toContain(`planned: ${part.replace(/: (?=made|moved back|registered)/, ': would be ')}`);
  }
  expect(repaired).toContain(
    `done: the worktree of task 6 was moved from ${of('shifted').worktree} to ${join(world.root, 'elsewhere')}: moved back to ${of('shifted').worktree}`,
  );
  expect(await fix(world)).toEqual([]);
  expect(new Set(Object.values(await evidence(world)))).toEqual(new Set(['exit code 0']));

  // What was only moved is as it was; what was deleted is as it was committed.
  for (const { title, worktree, branch, id } of tasks) {
    expect(world.read(`${title}.txt`, worktree)).toBe(`${title}\n`);
    expect(existsSync(join(worktree, 'by-hand'))).toBe(!['deleted', 'removed'].includes(title));
    const on = title === 'switched' ? 'other' : branch;
    expect(world.git(['branch', '--show-current'], worktree)).toBe(on);
    expect(world.git(['status', '--porcelain'], worktree)).toBe(
      ['deleted', 'removed'].includes(title) ? '' : '?? by-hand',
    );
    expect(world.git(['worktree', 'list', '--porcelain'])).toContain(`worktree ${worktree}\n`);
    expect(world.read(`.git/worktrees/phasr-${id}/HEAD`)).toBe(`ref: refs/heads/${branch}\n`);
  }
  expect(world.git(['rev-parse', 'mine'])).toBe(of('renamed').head);

  // Every verb goes on from there, without git by hand.
  await world.ok(['merge', '3']);
  expect([world.read('renamed.txt'), world.read('by-hand')]).toEqual(['renamed\n', 'renamed\n']);
  const again = await world.json(['resume', '1']);
  await world.ok(['wait', String(again.id)]);
  for (const id of [1, 2, 4, 5, 6, 7]) await world.ok(['discard', String(id)]);
  expect(world.git(['for-each-ref', '--format=%(refname)', 'refs/heads'])).toBe(
    'refs/heads/main\nrefs/heads/mine',
  );
  expect((await makeTasks(world, ['deleted', 'renamed'])).map(({ state }) => state)).toEqual([
    'done',
    'done',
  ]);
});

test('discard and new launches work on what was deleted and pruned by hand, and after a repair on what was renamed', async () => {
  await using world = makeWorld('fix-not');
  world.init();
  const tasks = await makeTasks(world, ['one', 'two', 'three']);
  rmSync(tasks[0]?.worktree ?? '', { recursive: true });
  world.git(['branch', '-m', tasks[1]?.branch ?? '', 'mine']);
  world.git(['worktree', 'unlock', tasks[2]?.worktree ?? '']);
  rmSync(tasks[2]?.worktree ?? '', { recursive: true });
  world.git(['worktree', 'prune']);
  await world.ok(['discard', '1', '3']);
  // It might be somebody else's by now: the guard before a removal asks for the branch as recorded.
  expect((await world.phasr(['discard', '2'])).stderr).toContain('phasr doctor --fix');
  await fix(world);
  await world.ok(['discard', '2']);
  for (const { id, title } of tasks)
    expect(world.git(['show', `refs/phasr/trash/${id}:${title}.txt`])).toBe(title);
  expect((await makeTasks(world, ['one', 'two', 'three'])).map(({ state }) => state)).toEqual(
    Array(3).fill('done'),
  );
  expect(world.git(['rev-parse', 'mine'])).toBe(tasks[1]?.head);
});

test('what an agent had staged before its worktree was deleted is put aside, and a branch that was deleted comes back', async () => {
  await using world = makeWorld('fix-staged');
  world.init();
  const { worktree, branch, head } = await world.task('echo 1 > file');
  world.write('staged', 'only in the index\n', worktree);
  world.git(['add', 'staged'], worktree);
  rmSync(worktree, { recursive: true });
  world.git(['worktree', 'unlock', worktree]);
  world.git(['worktree', 'prune']);
  world.git(['branch', '-D', branch]);
  const repairs = await fix(world);
  expect(world.git(['rev-parse', branch])).toBe(head);
  const aside = repairs.find((repair) => repair.aside !== null)?.aside ?? '';
  expect(world.git(['show', ':staged'], worktree, { GIT_INDEX_FILE: aside })).toBe('only in the index');
  expect(world.git(['status', '--porcelain'], worktree)).toBe('');
});

test('a worktree that is gone with its whole folder may be on a disk that is not mounted, and is left alone', async () => {
  await using world = makeWorld('fix-unmounted');
  world.init();
  const { worktree } = await world.task('echo 1 > file');
  world.write('by-hand', 'mine\n', worktree);
  const disk = join(world.home, '.phasr/worktrees');
  renameSync(disk, `${disk}-unmounted`);
  const [left, ...more] = await fix(world);
  expect(more).toEqual([]);
  expect(left).toMatchObject({
    outcome: 'left',
    message: `the worktree of task 1 is gone from ${worktree}; its disk may not be mounted`,
  });
  expect(left?.hint).toMatch(/^Mount its disk/);
  expect(existsSync(disk)).toBe(false);
  expect(world.git(['worktree', 'list'])).toContain(worktree);
  renameSync(`${disk}-unmounted`, disk);
  expect(await fix(world)).toEqual([]);
  expect(world.read('by-hand', worktree)).toBe('mine\n');
});

/** A lock that a git command has left some minutes ago. */
function leaveLock(path: string, content: string): string {
  writeFileSync(path, content);
  const time = new Date(Date.now() - 120_000);
  utimesSync(path, time, time);
  return path;
}

test('locks of dead git commands are put aside as they are; one that is held, or young, is named and stays', async () => {
  await using world = makeWorld('fix-locks');
  world.init();
  const { worktree } = await world.task('echo 1 > file');
  const mine = join(world.root, 'mine');
  world.git(['worktree', 'add', '-q', mine, '-b', 'mine']);
  const git = join(world.repo, '.git');
  const dead = [
    'index.lock',
    'config.lock',
    'packed-refs.lock',
    'HEAD.lock',
    'refs/heads/main.lock',
    'worktrees/mine/index.lock',
    'phasr/tasks/1/git/worktrees/phasr-1/index.lock',
    'phasr/tasks/1/git/refs/heads/phasr/task-1-do-it.lock',
  ].map((name) => leaveLock(join(git, name), `of ${name}`));
  expect(() => world.git(['commit', '-q', '--allow-empty', '-m', 'no'])).toThrow('index.lock');

  const held = join(git, 'shallow.lock');
  const holder = spawn('sh', ['-c', `exec 9> '${held}'; echo held; exec sleep 600`], { env: world.env });
  await new Promise((resolve) => holder.stdout.once('data', resolve));
  leaveLock(held, '');
  const young = join(git, 'refs/heads/mine.lock');
  writeFileSync(young, 'young');

  expect(
    told(await fix(world, { isDryRun: true })).filter((line) => line.startsWith('planned')),
  ).toHaveLength(8);
  expect(dead.filter((path) => !existsSync(path))).toEqual([]);
  const repairs = await fix(world);
  for (const path of dead) {
    const repair = repairs.find(({ message }) => message.startsWith(`${path} `));
    expect(repair, path).toMatchObject({ outcome: 'done' });
    expect(existsSync(path)).toBe(false);
    expect(readFileSync(repair?.aside ?? '', 'utf8')).toBe(`of ${path.slice(git.length + 1)}`);
  }
  expect(told(repairs).filter((line) => line.startsWith('left'))).toEqual([
    `left: ${held}: a git command is at work`,
    `left: ${young}: nobody holds it, but it is not a minute old`,
  ]);
  expect([existsSync(held), existsSync(young)]).toEqual([true, true]);
  for (const directory of [world.repo, mine, worktree]) {
    rmSync(young, { force: true });
    world.git(['commit', '-q', '--allow-empty', '-m', 'works'], directory);
  }
});

test('a git command that works in the repository keeps every lock of it from being touched', async () => {
  await using world = makeWorld('fix-git-at-work');
  world.init();
  const lock = leaveLock(join(world.repo, '.git/index.lock'), '');
  const git = spawn('git', ['cat-file', '--batch'], { cwd: world.repo, env: world.env });
  git.stdin.write('HEAD\n');
  await new Promise((resolve) => git.stdout.once('data', resolve));
  expect(told(await fix(world))).toEqual([`left: ${lock}: a git command is at work`]);
  git.stdin.end();
  await new Promise((resolve) => git.once('close', resolve));
  expect(told(await fix(world))).toEqual([
    `done: ${lock} (of the repository) was left by a git command that has died: put aside`,
  ]);
});

test('what killed processes have left half done is finished and said: a run, a registration, a removed worktree', async () => {
  await using world = makeWorld('fix-crash');
  world.init();
  await world.json(['run', 'one', '--detach', '--', 'sh', '-c', 'echo 1 > file; exec sleep 600']);
  await waitFor('the run', async () => (await world.json(['show', '1'])).state === 'running');
  const { worktree } = await world.json(['show', '1']);
  await waitFor('its file', () => existsSync(join(worktree, 'file')));
  await waitFor('everything to be dead', () => {
    world.killAll();
    return world.processes().length === 0;
  });
  world.write('.git/worktrees/phasr-7/locked', 'phasr task 7; see: phasr show 7\n');
  world.write('.git/worktrees/phasr-8/locked', 'mine, although it is called so\n');
  expect(told(await fix(world, { isDryRun: true }))).toEqual([
    `planned: ${world.repo}/.git/worktrees/phasr-7 registers a worktree of no open task: would be put aside`,
    'planned: task 1 is running, and nobody is at it: would be taken up',
  ]);
  const repairs = await fix(world);
  expect(told(repairs)).toEqual([
    `done: ${world.repo}/.git/worktrees/phasr-7 registers a worktree of no open task: put aside`,
    'done: task 1: its run had ended, its supervisor having died',
  ]);
  expect(readFileSync(join(repairs[0]?.aside ?? '', 'locked'), 'utf8')).toContain('phasr task 7');
  expect(world.has('.git/worktrees/phasr-8/locked')).toBe(true);
  expect(await world.json(['show', '1'])).toMatchObject({ state: 'interrupted', changes: { files: 1 } });
});

test('a task whose agent works is left to it, with everything that is wrong; an agent may not call doctor --fix', async () => {
  await using world = makeWorld('fix-live');
  world.init();
  const said = join(world.root, 'said');
  const phasr = `${process.execPath} ${join(import.meta.dirname, '../dist/cli.cjs')}`;
  await world.json([
    ...['run', 'one', '--detach', '--'],
    ...[
      'sh',
      '-c',
      `${phasr} doctor --fix > ${said} 2>&1; echo $? >> ${said}; mv ${said} ${said}.whole; exec sleep 600`,
    ],
  ]);
  await waitFor('the agent to have tried', () => existsSync(`${said}.whole`));
  expect(readFileSync(`${said}.whole`, 'utf8')).toBe(
    'phasr: an agent does not repair the repository of its person\n  phasr doctor   (looks, and changes nothing)\n1\n',
  );
  world.git(['branch', '-m', 'phasr/task-1-one', 'mine']);
  expect(told(await fix(world))).toEqual([
    expect.stringMatching(/^left: its run goes on \(refs\/heads\/phasr\/task-1-one of task 1 is gone/),
  ]);
  await world.ok(['stop', '1']);
  await world.ok(['wait', '1']).catch(() => undefined);
  await fix(world);
  expect(world.git(['branch', '--list', 'phasr/*', '--format=%(refname:short)'])).toBe('phasr/task-1-one');
});

test('--dry-run without --fix is a mistake, and outside a repository there is nothing to repair', async () => {
  await using world = makeWorld('fix-usage');
  world.init();
  expect(await world.phasr(['doctor', '--dry-run'])).toMatchObject({ code: 2 });
  expect(await fix(world, { cwd: world.home })).toEqual([]);
  expect(await world.ok(['doctor', '--fix'])).toMatch(/^nothing to repair\n\n/);
});
