/**
 * Full disks, read-only ones, and files that may not be read: refused or stopped in a named state with nothing half-written, and one command goes on
 * when there is room again.
 */

import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { canMount, checkDatabase, mountMemory } from './support/disk.ts';
import { waitFor } from './support/wait-for.ts';
import { makeWorld, type Ran, type World } from './support/world.ts';

const isPossible = canMount('memory');

/** The user's repository and Phasr's records are as they should be, whatever has just failed. */
function expectIntact(world: World, checkout = ''): void {
  expect(world.git(['fsck', '--full', '--strict', '--no-dangling'])).toBe('');
  world.git(['worktree', 'list']);
  expect(world.git(['status', '--porcelain'])).toBe(checkout);
  if (world.has('.git/phasr/phasr.db'))
    expect(checkDatabase(join(world.repo, '.git/phasr/phasr.db'))).toBe('ok');
}

/** It failed for a reason that was foreseen, and said which. */
function expectFailure(ran: Ran): void {
  expect([ran.code, ran.stderr]).toEqual([1, expect.stringMatching(/^phasr: .+\n  .+\n$/s)]);
  expect(ran.stderr).toMatch(/\n  .*[Ff]ree some (?:disk )?space, then try again/);
}

function setFloor(world: World, floor: string): void {
  world.write('.config/phasr/config.toml', `[disk]\nfloor = "${floor}"\n`, world.home);
}

test.skipIf(!isPossible)(
  'below the free-space floor nothing is launched or resumed, it is said how much is free and which setting it is, and nothing is made',
  async () => {
    using disk = mountMemory(50);
    await using world = makeWorld('floor', disk.path);
    world.init();
    const refused = await world.phasr(['run', 'do it', '--', 'true']);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(
      /^phasr: the disk of the worktrees has \d+ MB free, and below 500 MB nothing is started \(.*\)\n  .*floor = "100MB" below \[disk\]/,
    );
    expect(await world.json(['run', 'do it', '--', 'true'])).toMatchObject({
      code: 'disk-full',
      details: { floorBytes: 500_000_000 },
    });
    expect(world.git(['for-each-ref', '--format=%(refname)'])).toBe('refs/heads/main');
    expect([world.has('.git/phasr'), world.has('.phasr', world.home)]).toEqual([false, false]);

    setFloor(world, '10MB');
    expect((await world.task('true')).state).toBe('done');
    setFloor(world, '60MB');
    expect(await world.json(['resume', '1'])).toMatchObject({ code: 'disk-full' });
    setFloor(world, '0');
    await world.ok(['resume', '1']);
  },
);

test.skipIf(!isPossible)(
  'a task that has waited while the disk filled up fails by name, and resume goes on with it',
  async () => {
    using disk = mountMemory(50);
    await using world = makeWorld('floor-waiting', disk.path);
    world.init();
    setFloor(world, '20MB');
    const go = join(world.root, 'go');
    const script = `until test -e ${go}; do sleep 0.05; done`;
    await world.ok(['run', 'first', '--detach', '--jobs', '1', '--', 'sh', '-c', script]);
    await world.ok(['run', 'second', '--detach', '--', 'sh', '-c', 'echo done >file']);
    await waitFor(
      'the first to run',
      async () => (await world.json(['list'])).tasks?.[0].state === 'running',
    );
    setFloor(world, '60MB');
    world.write('go', '', world.root);
    const ended = await waitFor('the second to end', async () => {
      const task = (await world.json(['list'])).tasks?.[1];
      return task?.state === 'failed' && task;
    });
    expect(ended.evidence).toMatch(
      /^no worktree: the disk of the worktrees has \d+ MB free, and below 60 MB nothing is started/,
    );
    expect(world.git(['worktree', 'list']).split('\n')).toHaveLength(2);
    expectIntact(world);
    setFloor(world, '20MB');
    await world.ok(['resume', '2']);
    expect((await world.json(['list'])).tasks).toMatchObject([
      { state: 'done' },
      { state: 'done', changes: { files: 1 } },
    ]);
  },
);

/** How much is still free when a step begins: none, and more each time, so that each write of it is once the one that fails. */
const LEFT_KIB = [0, 40, 70, 130, 400, 1600, 4500, 7000];

const BIG = 'head -c 2000000 /dev/urandom >big && cksum <big >sum';

/** At first nothing fits, at last everything does, so that in between lies every point. */
function expectBoth(successes: readonly boolean[]): void {
  expect([successes[0], successes.at(-1)]).toEqual([false, true]);
}

async function helpersEnd(world: World): Promise<void> {
  await waitFor('helpers to end', () => world.processes().length === 0);
}

/** A command on a full disk, then one when there is room again. Gives the first one's exit code; whatever it is, nothing is half-written. */
async function tryOn(
  world: World,
  disk: ReturnType<typeof mountMemory>,
  { kib, args }: { readonly kib: number; readonly args: readonly string[] },
): Promise<number | null> {
  disk.fill(kib * 1024);
  const ran = await world.phasr(args);
  if (ran.code !== 0) expectFailure(ran);
  await helpersEnd(world);
  disk.free();
  await world.ok(['list']);
  await helpersEnd(world);
  expectIntact(world);
  return ran.code;
}

/** As after a merge or discard that was never made, so that a small disk suffices for all rounds. */
function forget(world: World, main: string): void {
  world.git(['reset', '-q', '--hard', main]);
  for (const ref of world.git(['for-each-ref', '--format=%(refname)', 'refs/phasr']).split('\n'))
    if (ref !== '') world.git(['update-ref', '-d', ref]);
  world.git(['reflog', 'expire', '--expire=now', '--all']);
  world.git(['gc', '-q', '--prune=now']);
}

test.skipIf(!isPossible)(
  'a disk that is full at any point of a launch: refused or failed by name, nothing half-made, and one command goes on',
  async () => {
    using disk = mountMemory(50);
    await using world = makeWorld('full-launch', disk.path);
    world.init({ 'big.bin': randomBytes(1_500_000) });
    setFloor(world, '0');
    const codes: (number | null)[] = [];
    for (const kib of LEFT_KIB) {
      disk.fill(kib * 1024);
      const ran = await world.phasr(['run', `with ${kib} KiB`, '--', 'sh', '-c', 'echo done >file']);
      codes.push(ran.code);
      await helpersEnd(world);
      disk.free();
      // What was recorded and not yet started is started within moments.
      const tasks = await waitFor('nothing to be under way', async () => {
        const now = (await world.json(['list'])).tasks ?? [];
        return now.every(({ state }) => ['done', 'failed'].includes(state)) && now;
      });
      await helpersEnd(world);
      expectIntact(world);
      expect(tasks.length).toBeLessThanOrEqual(1);
      if (ran.code === 0) expect(tasks).toMatchObject([{ state: 'done' }]);
      else expect(ran.stderr + ran.stdout).toMatch(/full|No space left|MB free|queued/);
      for (const task of tasks) {
        if (task.state === 'failed')
          expect(world.git(['worktree', 'list']).split('\n'), task.evidence).toHaveLength(1);
        if (task.state === 'failed') await world.ok(['resume', String(task.id)]);
        expect(world.git(['show', `${task.branch}:file`])).toBe('done');
        await world.ok(['discard', String(task.id)]);
      }
      await helpersEnd(world);
      expect(world.git(['worktree', 'list']).split('\n')).toHaveLength(1);
    }
    expectBoth(codes.map((code) => code === 0));
  },
);

test.skipIf(!isPossible)(
  'a disk that is full at any point of a commit: the run has ended by name, its files are untouched, and the next command commits them',
  async () => {
    using disk = mountMemory(50);
    await using world = makeWorld('full-commit', disk.path);
    world.init();
    setFloor(world, '0');
    const main = world.git(['rev-parse', 'main']);
    const states: string[] = [];
    const evidence: string[] = [];
    for (const kib of LEFT_KIB) {
      const go = join(world.root, `go-${kib}`);
      const script = `${BIG}; touch started; until test -e ${go}; do sleep 0.02; done; rm started`;
      await world.ok(['run', 'do it', '--detach', '--', 'sh', '-c', script]);
      const task = await waitFor('it to run', async () => {
        const now = (await world.json(['list'])).tasks?.[0];
        return now !== undefined && world.has('started', now.worktree ?? '') && now;
      });
      world.write(`go-${kib}`, '', world.root);
      // How the agent ended is on the disk; else that is what does not fit, and the run is called interrupted.
      const exit = `.git/phasr/tasks/${task.id}/runs/1/exit`;
      await waitFor('its end', () => world.has(exit) && world.read(exit) !== '');
      disk.fill(kib * 1024);
      await helpersEnd(world);
      // Looking works on a full disk, and says what it is that waits for room.
      const [during] = (await world.json(['list'])).tasks ?? [];
      states.push(during?.state ?? '');
      evidence.push(during?.evidence ?? '');
      await helpersEnd(world);
      const sum = world.read('sum', task.worktree);
      disk.free();
      await world.ok(['list']);
      await helpersEnd(world);
      expectIntact(world);
      const [now] = (await world.json(['list'])).tasks ?? [];
      expect(now).toMatchObject({ state: 'done', trouble: null });
      expect(world.git(['show', `${task.branch}:sum`])).toBe(sum.trim());
      await world.ok(['discard', String(task.id)]);
      await helpersEnd(world);
      forget(world, main);
    }
    expectBoth(states.map((state) => state === 'done'));
    expect(evidence.join('\n')).toContain('its work could not be committed: ');
  },
);

test.skipIf(!isPossible)(
  'a disk that is full at any point of a merge: refused or failed by name, the target is old or new as a whole, and one command goes on',
  async () => {
    using disk = mountMemory(50);
    await using world = makeWorld('full-merge', disk.path);
    world.init();
    setFloor(world, '0');
    const codes: (number | null)[] = [];
    for (const kib of LEFT_KIB) {
      const task = await world.task(BIG);
      world.commit('meanwhile', { [`other-${kib}`]: 'other\n' });
      const before = world.git(['rev-parse', 'main']);
      codes.push(await tryOn(world, disk, { kib, args: ['merge', String(task.id)] }));
      const [now] = (await world.json(['list'])).tasks ?? [];
      // Where the target had moved, the next command has finished the merge.
      if (now !== undefined) {
        expect(now.state).toBe('done');
        expect(world.git(['rev-parse', 'main'])).toBe(before);
        await world.ok(['merge', String(task.id)]);
      }
      await helpersEnd(world);
      expectIntact(world);
      expect(world.read('sum')).toBe(`${world.git(['show', `${task.head}:sum`])}\n`);
      forget(world, before);
    }
    expectBoth(codes.map((code) => code === 0));
  },
);

test.skipIf(!isPossible)(
  'a disk that is full at any point of a discard: refused or failed by name, nothing is lost, and one command goes on',
  async () => {
    using disk = mountMemory(50);
    await using world = makeWorld('full-discard', disk.path);
    world.init({ '.gitignore': 'big\n' });
    setFloor(world, '0');
    const main = world.git(['rev-parse', 'main']);
    const codes: (number | null)[] = [];
    for (const kib of LEFT_KIB) {
      const task = await world.task(BIG);
      const big = readFileSync(join(task.worktree, 'big'));
      codes.push(await tryOn(world, disk, { kib, args: ['discard', String(task.id)] }));
      const [now] = (await world.json(['list'])).tasks ?? [];
      if (now !== undefined) await world.ok(['discard', String(task.id)]);
      await helpersEnd(world);
      const gone = (await world.json(['list', '--all'])).tasks?.at(-1);
      expect(gone?.state).toBe('discarded');
      const kept =
        typeof gone?.held === 'string'
          ? readFileSync(join(gone.held.replace(/ \(.*\)$/, ''), 'big'))
          : world.gitBytes(['show', `${gone?.kept}:big`]);
      expect(kept.equals(big)).toBe(true);
      forget(world, main);
    }
    expectBoth(codes.map((code) => code === 0));
  },
);

/** Both `big` and its sum, so that half a file is seen. */
function expectWhole(worktree: string, big: Buffer): void {
  expect(readFileSync(join(worktree, 'big')).equals(big)).toBe(true);
  execFileSync('sh', ['-c', 'cksum <big | cmp - sum'], { cwd: worktree });
}

test.skipIf(!isPossible)(
  'a disk that is full at any point of a restore: refused or failed by name, what was kept is kept, and one command goes on',
  async () => {
    using disk = mountMemory(50);
    await using world = makeWorld('full-restore', disk.path);
    world.init({ '.gitignore': 'big\n' });
    setFloor(world, '0');
    const main = world.git(['rev-parse', 'main']);
    const codes: (number | null)[] = [];
    for (const kib of LEFT_KIB) {
      const task = await world.task(BIG);
      const id = String(task.id);
      const big = readFileSync(join(task.worktree, 'big'));
      await world.ok(['discard', id]);
      await helpersEnd(world);
      codes.push(await tryOn(world, disk, { kib, args: ['restore', id] }));
      const [now] = (await world.json(['list'])).tasks ?? [];
      if (now === undefined) await world.ok(['restore', id]);
      const back = await world.json(['show', id]);
      expect(back.state).toBe('done');
      expectWhole(back.worktree, big);
      expect(world.git(['status', '--porcelain'], back.worktree)).toBe('');
      await world.ok(['discard', id]);
      await helpersEnd(world);
      forget(world, main);
    }
    expectBoth(codes.map((code) => code === 0));
  },
);

test.skipIf(!isPossible)(
  'a disk that is full at any point of a rewind: refused or failed by name, both states are kept, and one command goes on',
  async () => {
    using disk = mountMemory(50);
    await using world = makeWorld('full-rewind', disk.path);
    world.init();
    setFloor(world, '0');
    const main = world.git(['rev-parse', 'main']);
    const codes: (number | null)[] = [];
    for (const kib of LEFT_KIB) {
      const task = await world.task(BIG);
      const id = String(task.id);
      const big = readFileSync(join(task.worktree, 'big'));
      await world.ok(['snapshot', id]);
      const other = randomBytes(1_000_000);
      writeFileSync(join(task.worktree, 'other'), other);
      rmSync(join(task.worktree, 'big'));
      codes.push(await tryOn(world, disk, { kib, args: ['rewind', id, '1'] }));
      await world.ok(['rewind', id, '1']);
      expectWhole(task.worktree, big);
      expect(existsSync(join(task.worktree, 'other'))).toBe(false);
      const { snapshots } = await world.json(['history', id]);
      const holder = snapshots.find(({ reason }) => reason.startsWith('before'));
      expect(world.gitBytes(['show', `${holder?.commit}:other`]).equals(other)).toBe(true);
      await world.ok(['discard', id]);
      await helpersEnd(world);
      forget(world, main);
    }
    expectBoth(codes.map((code) => code === 0));
  },
);
