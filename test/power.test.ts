/**
 * The power goes. What a command has said is done is there when it comes back: the disk of these tests is cut off from what was written and
 * not flushed, and its journal replayed.
 */

import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { canMount, checkDatabase, ImageDisk } from './support/disk.ts';
import { waitFor } from './support/wait-for.ts';
import { makeWorld, type World } from './support/world.ts';

/** Files that hold nothing. */
function listEmpty(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => statSync(path).size === 0)
    .map((path) => path.slice(directory.length + 1));
}

/** Refs, objects, worktrees and records are whole. */
function expectWhole(world: World): void {
  expect(world.git(['fsck', '--full', '--strict', '--no-dangling'])).toBe('');
  world.git(['rev-list', '--objects', '--all']);
  world.git(['worktree', 'list']);
  world.git(['branch', '--list']);
  expect(checkDatabase(join(world.repo, '.git/phasr/phasr.db'))).toBe('ok');
}

/** Cuts the power; nothing of git's, of Phasr's and of the worktrees that held something may be empty afterwards. */
async function cutAndCompare(world: World, disk: ImageDisk): Promise<void> {
  await waitFor('helpers to end', () => world.processes().length === 0);
  const before = listEmpty(world.root);
  disk.cutPower();
  expect(listEmpty(world.root).filter((path) => !before.includes(path))).toEqual([]);
  expectWhole(world);
}

const isPossible = canMount('image');
/** The images are smaller than what a launch wants to find free. */
const noFloor = (world: World): void =>
  world.write('.config/phasr/config.toml', '[disk]\nfloor = "0"\n', world.home);

test.skipIf(!isPossible)(
  'a finished run survives a power cut: its commits, its record, its worktree; and it merges as it was',
  async () => {
    using disk = new ImageDisk(256);
    await using world = makeWorld('power-run', disk.path);
    world.init();
    noFloor(world);
    disk.flush();
    const script =
      'echo committed >one && git add one && git commit -qm mine && echo left >two && rm README.md';
    const task = await world.task(script);
    await cutAndCompare(world, disk);
    expect(world.git(['log', '--format=%s', '-2', task.branch]).split('\n')[1]).toBe('mine');
    expect((await world.json(['list'])).tasks).toMatchObject([{ id: 1, state: 'done' }]);
    expect(world.git(['status', '--porcelain'], task.worktree)).toBe('');

    await world.ok(['merge', '1']);
    await cutAndCompare(world, disk);
    expect(world.git(['rev-parse', 'main'])).toBe(task.head);
    const files = ['one', 'two', 'src/a.ts'].map((path) => world.git(['show', `main:${path}`]));
    expect(files).toEqual(['committed', 'left', 'export const a = 1;']);
    expect((await world.json(['list', '--all'])).tasks).toMatchObject([{ id: 1, state: 'merged' }]);
  },
);

test.skipIf(!isPossible)(
  'a discarded task survives a power cut: its commits and its ignored work',
  async () => {
    using disk = new ImageDisk(256);
    await using world = makeWorld('power-discard', disk.path);
    world.init({ '.gitignore': '*.secret\n' });
    noFloor(world);
    disk.flush();
    const script =
      'echo committed >one && git add one && git commit -qm mine && echo left >two && echo mine >my.secret';
    const task = await world.task(script);
    await world.ok(['discard', '1']);
    await cutAndCompare(world, disk);
    expect((await world.json(['list', '--all'])).tasks).toMatchObject([{ id: 1, state: 'discarded' }]);
    const kept = 'refs/phasr/trash/1';
    world.git(['merge-base', '--is-ancestor', task.head, kept]);
    const files = ['one', 'two', 'my.secret'].map((path) => world.git(['show', `${kept}:${path}`]));
    expect(files).toEqual(['committed', 'left', 'mine']);
  },
);

test.skipIf(!isPossible)(
  'a power cut in the middle of a run leaves what the agent had committed and what the task began with; the next command commits what is there, and says what is empty',
  async () => {
    using disk = new ImageDisk(256);
    await using world = makeWorld('power-middle', disk.path);
    world.init();
    noFloor(world);
    disk.flush();
    world.write('src/a.ts', 'export const a = 2;\n');
    world.write('new.ts', 'new\n');
    const commit = (name: string): string =>
      `echo ${name} >${name} && git add ${name} && git commit -qm ${name}`;
    const script = `${commit('first')} && ${commit('second')} && echo left >two && sleep 300`;
    await world.ok(['run', 'do it', '--with-changes', '--detach', '--', 'sh', '-c', script]);
    await waitFor('the last file', async () => {
      const [running] = (await world.json(['list'])).tasks ?? [];
      return world.has('two', running?.worktree ?? '');
    });
    world.killAll();
    await waitFor('everything to end', () => world.processes().length === 0);
    disk.cutPower();
    expectWhole(world);
    const [task] = (await world.json(['list'])).tasks ?? [];
    expect(task).toMatchObject({ id: 1, state: 'interrupted', trouble: null });
    expectWhole(world);
    const branch = task?.branch ?? '';
    // The second one had not moved its branch on the disk; nothing says that it had.
    const first = world.git(['log', '--format=%H', '--grep=^first$', branch]);
    expect(world.git(['show', `${first}:first`])).toBe('first');
    const emptied =
      /^5 files are empty now \(README\.md, first, new\.ts, …\); if the machine went down, they had not reached the disk$/;
    expect(task?.notes).toEqual([expect.stringMatching(emptied)]);
    expect(world.git(['show', 'refs/phasr/base/1:new.ts'])).toBe('new');
    expect(world.git(['show', 'refs/phasr/base/1:src/a.ts'])).toBe('export const a = 2;');
  },
);
