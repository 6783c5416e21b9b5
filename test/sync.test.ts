/** What an agent makes in git stays its own until its person takes it by name; and the person's newer refs reach the task when he says so. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { waitFor } from './support/wait-for.ts';
import { makeWorld } from './support/world.ts';

const MAKES = [
  'set -e',
  'echo 1 > one; git add one; git commit -qm one',
  'git tag light; git tag -a -m annotated v1',
  'git branch side; git checkout -q side; echo 2 > two; git add two; git commit -qm two; git tag on-side; git checkout -q -',
  'echo 3 > three; git add three; git stash -q; echo 4 > four; git stash -qu',
  'git config user.name Agent; git config --add remote.fork.url http://example.invalid/x; git config --unset core.logallrefupdates',
  'git notes add -m noted; git update-ref refs/odd/one HEAD',
  'git branch -q -D old; git gc -q --prune=now',
].join('\n');

test('what else an agent has made is listed, taken by name with all it needs, given back by undo, and never comes by itself', async () => {
  await using world = makeWorld('sync');
  world.init();
  // A key that is set for the repository and by Phasr must be one that the agent can set.
  world.git(['config', 'user.name', 'Local']);
  world.git(['branch', 'old']);
  world.git(['tag', 'yours']);
  const task = await world.task(MAKES);
  expect([task.state, await world.ok(['logs', '1'])]).toEqual(['done', '']);
  const refs = world.git(['for-each-ref', '--format=%(refname)', 'refs/heads', 'refs/tags', 'refs/notes']);
  expect(refs).toBe(`refs/heads/main\nrefs/heads/old\nrefs/heads/${task.branch}\nrefs/tags/yours`);
  const listed = await world.json(['sync', '1']);
  expect(listed.made.refs.map(({ name }) => name).sort()).toEqual([
    'refs/heads/side',
    'refs/notes/commits',
    'refs/odd/one',
    'refs/tags/light',
    'refs/tags/on-side',
    'refs/tags/v1',
  ]);
  expect([listed.made.stashes, listed.made.settings]).toEqual([
    2,
    ['core.logallrefupdates', 'remote.fork.url', 'user.name'],
  ]);
  expect(await world.ok(['show', '1'])).toMatch(/\n {2}also made branch side, .*\n {2}also made 2 stashes\n/);

  const taken = await world.json(['sync', '1', '--tag', 'v1', '--tag', 'on-side', '--branch', 'side']);
  expect(taken.taken.map(({ name }) => name)).toEqual([
    'refs/tags/v1',
    'refs/tags/on-side',
    'refs/heads/side',
  ]);
  expect(taken.made.refs).toHaveLength(3);
  // Everything that it needs is there, whatever becomes of the task.
  await world.ok(['discard', '1']);
  await waitFor('the sweeper', () => world.processes().length === 0);
  await world.ok(['trash', 'empty', '1', '--yes']);
  world.git(['reflog', 'expire', '--expire=now', '--all']);
  world.git(['gc', '-q', '--prune=now']);
  expect(world.git(['show', 'on-side:two'])).toBe('2');
  expect(world.git(['cat-file', '-t', 'v1'])).toBe('tag');
  expect(world.git(['fsck', '--full', '--no-dangling'])).toBe('');
});

test('TAB offers the tags and branches that an agent has made', async () => {
  await using world = makeWorld('sync-completion');
  world.init();
  world.git(['tag', 'mine']);
  await world.task('git tag v1; git branch side; git pack-refs --all; git tag v2; git stash -q');
  await world.task('git tag v3');
  const offered = async (...words: string[]): Promise<string> =>
    world.ok(['complete', '--', 'sync', ...words]);
  expect(await offered('1', '--tag', '')).toBe('v1\tmade by task 1\nv2\tmade by task 1\n');
  expect(await offered('1', '--branch=')).toBe('--branch=side\tmade by task 1\n');
  expect(await offered('--tag', 'v3')).toBe('v3\tmade by task 2\n');
  await world.ok(['discard', '1']);
  expect(await offered('1', '--tag', '')).toBe('');
});

test('undo gives back what was taken, and takes it again; what has moved since, or stands in the way, is refused by name', async () => {
  await using world = makeWorld('sync-undo');
  world.init();
  await world.task('git tag v1; echo 1 > one; git add one; git commit -qm one; git tag v2; git branch side');
  await world.ok(['sync', '1', '--tag', 'v2', '--branch', 'side']);
  const refs = (): string =>
    world.git(['for-each-ref', '--format=%(objectname) %(refname)', 'refs/heads', 'refs/tags']);
  const after = refs();
  expect((await world.json(['operations'])).operations[0]).toMatchObject({ kind: 'sync', task: 1 });
  expect(await world.ok(['undo', '--dry-run'])).toContain('would delete refs/tags/v2');
  expect(refs()).toBe(after);
  await world.ok(['undo']);
  expect(refs()).not.toContain('v2');
  world.git(['gc', '-q', '--prune=now']);
  await world.ok(['undo']);
  expect(refs()).toBe(after);
  // Another run of the task has nothing to do with it.
  await world.phasr(['resume', '1']);
  await world.ok(['undo']);
  expect(refs()).not.toContain('v2');
  await world.ok(['undo']);
  expect(refs()).toContain('v2');
  world.git(['branch', '-f', 'side', 'main']);
  const moved = await world.phasr(['undo']);
  expect([moved.code, moved.stderr]).toEqual([1, expect.stringContaining('moved in between')]);
  expect(refs()).toContain('refs/tags/v2');

  world.git(['tag', '-f', 'v1', 'v2']);
  for (const [args, why] of [
    [['--tag', 'v1'], 'you have another refs/tags/v1'],
    [['--tag', 'nope'], 'has made no refs/tags/nope'],
    [['--tag', '../heads/side'], 'has made no refs/tags/../heads/side'],
    [['--branch', '--all'], 'has made no refs/heads/--all'],
  ] as const) {
    const before = refs();
    const ran = await world.phasr(['sync', '1', ...args]);
    expect([ran.code === 0, ran.stderr], args.join(' ')).toEqual([false, expect.stringMatching(/./)]);
    if (!args[1].startsWith('--')) expect(ran.stderr).toContain(why);
    expect(refs()).toBe(before);
  }
});

test('refreshed, a task has its newer refs, an agent at work can use them at once, and keeps what it has made itself', async () => {
  await using world = makeWorld('sync-refresh');
  world.init();
  for (const branch of ['stays', 'moves', 'goes', 'contested']) world.git(['branch', branch]);
  const gate = join(world.root, 'gate');
  const script = [
    'set -e',
    'git branch -f contested $(git commit-tree -m mine HEAD^{tree}); git branch mine; git pack-refs --all',
    'touch ready; while ! test -e "' + gate + '"; do sleep 0.05; done; rm ready',
    'git rebase -q moves; git log --format=%s > log',
  ].join('\n');
  await world.ok(['run', 'x', '--detach', '--', 'sh', '-c', script]);
  const { worktree } = await waitFor('the agent to wait', async () => {
    const shown = (await world.json(['list'])).tasks[0];
    return shown.state === 'running' && world.has('ready', shown.worktree) ? shown : undefined;
  });
  const moved = world.commit('newer', { newer: '1\n' });
  for (const branch of ['moves', 'contested']) world.git(['branch', '-f', branch, moved]);
  world.git(['branch', '-D', '-q', 'goes']);
  world.git(['tag', 'new']);
  const { refreshed } = await world.json(['sync', '1', '--refresh']);
  expect(refreshed).toEqual({ changed: 4, kept: ['refs/heads/contested'] });
  writeFileSync(gate, '');
  const { tasks } = await world.json(['wait', '1']);
  expect(`${tasks[0].state} ${await world.ok(['logs', '1'])}`).toBe('done ');
  expect(world.read('log', worktree)).toContain('newer\n');
  const own = world.git(['for-each-ref', '--format=%(refname)', 'refs/heads', 'refs/tags'], worktree);
  expect(own.split('\n').filter((name) => !name.includes('phasr/'))).toEqual([
    'refs/heads/contested',
    'refs/heads/main',
    'refs/heads/mine',
    'refs/heads/moves',
    'refs/heads/stays',
    'refs/tags/new',
  ]);
  expect(world.git(['log', '-1', '--format=%s', 'contested'], worktree)).toBe('mine');
  expect(world.git(['fsck', '--no-dangling'], worktree)).toBe('');
});
