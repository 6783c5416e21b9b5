/** Snapshots while agents work, and back to them. */

import {
  appendFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { waitFor } from './support/wait-for.ts';
import { makeWorld, type World } from './support/world.ts';

/** The world's own settings. */
function settle(world: World, text: string): void {
  mkdirSync(join(world.home, '.config/phasr'), { recursive: true });
  writeFileSync(join(world.home, '.config/phasr/config.toml'), text);
}

test('what an agent wrote and deleted again while it worked is in a snapshot, and nothing is taken while nothing changes', async () => {
  await using world = makeWorld('while-working');
  world.init();
  settle(world, '[snapshots]\nevery = "1s"\n');
  const [gate, next] = [join(world.root, 'gate'), join(world.root, 'next')];
  await world.ok([
    'run',
    'go',
    '--detach',
    '--',
    'sh',
    '-c',
    [
      'echo precious > precious; git add precious; echo SECRET > untracked',
      `until [ -e "${gate}" ]; do sleep 0.02; done`,
      'rm precious untracked; git reset -q; echo other > other',
      `until [ -e "${next}" ]; do sleep 0.02; done`,
    ].join('\n'),
  ]);
  const taken = async (): Promise<number> => (await world.json(['history', '1'])).snapshots.length;
  await waitFor('a snapshot', async () => (await taken()) === 1);
  writeFileSync(gate, '');
  await waitFor('another', async () => (await taken()) === 2);
  writeFileSync(next, '');
  await world.ok(['wait', '1']);
  const { snapshots } = await world.json(['history', '1']);
  expect(snapshots.map(({ reason }) => reason)).toEqual(['while working', 'while working', 'run 1 ended']);
  const [first] = snapshots;
  expect(world.git(['show', `refs/phasr/snapshots/1/1:precious`])).toBe('precious');
  expect(world.git(['show', `refs/phasr/snapshots/1/1:untracked`])).toBe('SECRET');
  expect(world.git(['rev-parse', 'refs/phasr/snapshots/1/1'])).toBe(first?.commit);
  const { files } = await world.json(['diff', '1', '--from', '1', '--to', '2']);
  expect(files.map(({ status, path }) => `${status} ${path}`)).toEqual([
    'A other',
    'D precious',
    'D untracked',
  ]);
});

test('rewind puts files, staged contents and branch back, keeps what was there before, and undo goes forward again', async () => {
  await using world = makeWorld('rewind');
  world.init({ 'README.md': '# Demo\n', '.gitignore': '.env\nnode_modules/\n' });
  const task = await world.task(
    'echo one > one; git add one; echo two > two; echo SECRET=1 > .env; echo run >> runs',
  );
  const first = await world.json(['history', '1']);
  expect(first.snapshots.map(({ reason }) => reason)).toEqual(['run 1 ended']);
  await world.ok(['resume', '1', 'more']);
  const head = (await world.json(['show', '1'])).head;
  expect(head).not.toBe(task.head);
  appendFileSync(join(task.worktree, 'one'), 'by hand\n');
  rmSync(join(task.worktree, 'two'));
  rmSync(join(task.worktree, '.env'));
  mkdirSync(join(task.worktree, 'node_modules'));
  writeFileSync(join(task.worktree, 'node_modules/x'), 'rebuildable\n');
  writeFileSync(join(task.worktree, 'new'), 'new\n');
  const before = world.git(['status', '--porcelain', '-uall'], task.worktree);
  const rewound = await world.json(['rewind', '1', '1']);
  const at = (name: string): string => readFileSync(join(task.worktree, name), 'utf8');
  expect([at('one'), at('two'), at('.env'), at('node_modules/x')]).toEqual([
    'one\n',
    'two\n',
    'SECRET=1\n',
    'rebuildable\n',
  ]);
  expect(existsSync(join(task.worktree, 'new'))).toBe(false);
  expect(world.git(['status', '--porcelain'], task.worktree)).toBe('');
  expect(world.git(['rev-parse', task.branch])).toBe(task.head);
  expect(rewound).toMatchObject({ to: 1 });
  await world.ok(['undo']);
  expect(world.git(['status', '--porcelain', '-uall'], task.worktree)).toBe(before);
  expect(at('one')).toBe('one\nby hand\n');
  expect(existsSync(join(task.worktree, '.env'))).toBe(false);
  expect(world.git(['rev-parse', task.branch])).toBe(head);
  // The rewound task is one like any other.
  await world.ok(['rewind', '1', '1']);
  await world.ok(['merge', '1']);
  expect(world.git(['ls-tree', '--name-only', 'main']).split('\n')).toEqual([
    '.gitignore',
    'README.md',
    'one',
    'runs',
    'two',
  ]);
});

test('a snapshot that does not exist is named, and a running task is not rewound', async () => {
  await using world = makeWorld('rewind-refused');
  world.init();
  await world.task('echo one > one');
  expect((await world.phasr(['rewind', '1', '9'])).stderr).toBe(
    'phasr: task 1 has no snapshot 9\n  phasr history 1\n',
  );
  const gate = join(world.root, 'gate');
  await world.ok(['run', 'two', '--detach', '--', 'sh', '-c', `until [ -e "${gate}" ]; do sleep 0.02; done`]);
  await waitFor('it to run', async () => (await world.json(['show', '2'])).state === 'running');
  expect((await world.phasr(['rewind', '2', '1'])).stderr).toContain('task 2 is still running');
  writeFileSync(gate, '');
  await world.ok(['wait', '2']);
});

test('a snapshot by hand keeps the present state, leaves index and times alone, and none is taken while nothing has changed', async () => {
  await using world = makeWorld('by-hand');
  world.init({ 'README.md': '# Demo\n', '.gitignore': '.env\n' });
  const task = await world.task('echo one > one');
  const take = async (): Promise<string> => {
    const { outcome, number } = await world.json(['snapshot', '1']);
    return `${outcome} ${number}`;
  };
  expect(await take()).toBe('unchanged 1');
  const changes: readonly (() => void)[] = [
    () => writeFileSync(join(task.worktree, 'two'), 'two\n'),
    () => void world.git(['add', 'two'], task.worktree),
    () => writeFileSync(join(task.worktree, 'two'), 'owt\n'),
    () => writeFileSync(join(task.worktree, '.env'), 'SECRET=1\n'),
    () => writeFileSync(join(task.worktree, '.env'), 'SECRET=2\n'),
    () => void world.git(['stash', '-q'], task.worktree),
    () => void world.git(['config', 'some.thing', 'else'], task.worktree),
    () => rmSync(join(task.worktree, 'one')),
    () => void world.git(['switch', '-q', '--detach'], task.worktree),
  ];
  const index = join(world.repo, '.git/phasr/tasks/1/git/worktrees/phasr-1/index');
  for (const [at, change] of changes.entries()) {
    change();
    const before = [readFileSync(index).toString('base64'), timesBelow(task.worktree)];
    expect(await take(), `after change ${at}`).toBe(`kept ${at + 2}`);
    expect(await take()).toBe(`unchanged ${at + 2}`);
    expect([readFileSync(index).toString('base64'), timesBelow(task.worktree)]).toEqual(before);
  }
  // What a task looks at in between is no reason to overlook a change.
  writeFileSync(join(task.worktree, 'three'), 'three\n');
  await world.ok(['diff', '1', '--stat']);
  expect(await take()).toBe(`kept ${changes.length + 2}`);
});

function timesBelow(root: string): readonly string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' }).map((path) => {
    const { mtimeNs, ctimeNs } = lstatSync(join(root, path), { bigint: true });
    return `${path} ${mtimeNs} ${ctimeNs}`;
  });
}
