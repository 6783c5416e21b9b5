/** Discarding: instant, refused while anything lives, and nothing is lost by it. */

import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import type { TaskJson } from './support/answer.ts';
import { waitFor } from './support/wait-for.ts';
import { makeWorld, type World } from './support/world.ts';

async function swept(world: World): Promise<void> {
  const trash = join(world.repo, '.git/phasr/trash');
  await waitFor(
    'the trash to be emptied',
    () => (!existsSync(trash) || readdirSync(trash).length === 0) && world.processes().length === 0,
  );
}

/** Nothing of the task may be left at the moment the command returns. */
function expectGone(world: World, task: TaskJson): void {
  expect(existsSync(task.worktree)).toBe(false);
  expect(world.git(['worktree', 'list', '--porcelain'])).not.toContain(task.worktree);
  expect(world.git(['branch', '--list', task.branch])).toBe('');
  expect(existsSync(join(world.repo, `.git/worktrees/phasr-${task.id}`))).toBe(false);
  expect(existsSync(join(world.repo, `.git/phasr/tasks/${task.id}/git`))).toBe(false);
  expect(existsSync(join(world.repo, `.git/phasr/tasks/${task.id}/clean`))).toBe(false);
  expect(world.git(['for-each-ref', `refs/phasr/base/${task.id}`])).toBe('');
}

test('discard keeps everything in a ref: commits, staged, unstaged, untracked and ignored files, stashes, other branches, detached commits', async () => {
  await using world = makeWorld('everything');
  world.init({ 'README.md': 'demo\n', '.gitignore': '*.env\nnode_modules/\nlocal/\n', gone: 'gone\n' });
  const task = await world.task(
    [
      'echo own > own; git add own; git commit -qm own',
      'git switch -qc side; echo side > side; git add side; git commit -qm "on a side branch"; git switch -q -',
      'echo stashed >> README.md; git stash -q; echo older >> README.md; git stash -q',
      'git switch -q --detach; git commit -q --allow-empty -m "detached only"; git switch -q -',
      'echo SECRET=1 > .env.local.env; mkdir -p local/db node_modules/x; echo data > local/db/data.sqlite; echo big > node_modules/x/index.js',
      'rm gone; ln -s README.md link; echo run > run.sh; chmod +x run.sh',
      'echo staged > both; git add both; echo unstaged > both',
    ].join('\n'),
  );
  expect(task.state).toBe('done');
  // What a person does in the worktree afterwards counts as well.
  writeFileSync(join(task.worktree, 'by-hand.txt'), 'by hand\n');
  writeFileSync(join(task.worktree, 'own'), 'staged by hand\n');
  world.git(['add', 'own'], task.worktree);
  writeFileSync(join(task.worktree, 'own'), 'and changed again\n');
  const reachable = (subject: string): string =>
    world.git(['log', '--format=%s', `--grep=^${subject}$`, 'refs/phasr/trash/1']);
  await world.ok(['discard', '1']);
  expectGone(world, task);
  // The commits are kept at once …
  expect(reachable('own')).toBe('own');
  await swept(world);
  // … and every other file before any was deleted.
  const show = (path: string): string => world.git(['show', `refs/phasr/trash/1:${path}`]);
  expect([
    show('by-hand.txt'),
    show('own'),
    show('both'),
    show('.env.local.env'),
    show('local/db/data.sqlite'),
    show('link'),
  ]).toEqual(['by hand', 'and changed again', 'unstaged', 'SECRET=1', 'data', 'README.md']);
  expect(world.git(['ls-tree', '-r', 'refs/phasr/trash/1'])).toMatch(/^100755 blob \w+\trun.sh$/m);
  expect(world.git(['ls-tree', '-r', '--name-only', 'refs/phasr/trash/1'])).not.toMatch(
    /node_modules|^gone$/m,
  );
  expect(reachable('on a side branch')).toBe('on a side branch');
  expect(reachable('detached only')).toBe('detached only');
  expect(
    world
      .git(['log', '--format=%s', 'refs/phasr/trash/1'])
      .split('\n')
      .filter((line) => line.startsWith('WIP on')),
  ).toHaveLength(2);
  expect(world.git(['show', 'refs/phasr/trash/1^2:index/own'])).toBe('staged by hand');
  world.git(['reflog', 'expire', '--expire=now', '--all']);
  world.git(['gc', '-q', '--prune=now']);
  expect(show('.env.local.env')).toBe('SECRET=1');
  expect(
    existsSync(join(dirname(task.worktree), '.trash')) &&
      readdirSync(join(dirname(task.worktree), '.trash')).length > 0,
  ).toBe(false);
});

test('discard refuses while the run lives or waits, and does nothing', async () => {
  await using world = makeWorld('live');
  world.init();
  const gate = join(world.root, 'gate');
  await world.ok([
    'run',
    'one',
    'two',
    '--detach',
    '--jobs',
    '1',
    '--',
    'sh',
    '-c',
    `echo 1 > one; while ! test -e "${gate}"; do sleep 0.02; done`,
  ]);
  await waitFor('the first to run', async () => (await world.json(['show', '1'])).state === 'running');
  const refused = await world.phasr(['discard', '1', '2']);
  expect(refused).toMatchObject({ code: 1, stdout: '' });
  expect(refused.stderr).toBe(
    'phasr: task 1 is still running\n  phasr wait 1   or   phasr stop 1\nphasr: task 2 waits for its turn\n  phasr wait 2   or   phasr stop 2\n',
  );
  expect((await world.json(['list'])).tasks.map((task) => task.state)).toEqual(['running', 'queued']);
  writeFileSync(gate, '');
  await world.ok(['wait']);
});

test('links in a worktree are never followed: what they point to survives', async () => {
  await using world = makeWorld('links');
  world.init();
  const precious = join(world.root, 'precious');
  mkdirSync(precious);
  writeFileSync(join(precious, 'file'), 'precious\n');
  const task = await world.task(
    `ln -s "${precious}" link; mkdir d; ln -s "${precious}" d/link; ln -s "${world.repo}" up; ln -s / root`,
  );
  await world.ok(['discard', '1']);
  await swept(world);
  expect(existsSync(task.worktree)).toBe(false);
  expect(readFileSync(join(precious, 'file'), 'utf8')).toBe('precious\n');
  expect(world.has('README.md')).toBe(true);
});

test('a worktree that was replaced by a link or another directory is left alone', async () => {
  await using world = makeWorld('replaced');
  world.init();
  const precious = join(world.root, 'precious');
  mkdirSync(precious);
  writeFileSync(join(precious, 'file'), 'precious\n');
  for (const replace of [(path: string) => symlinkSync(precious, path), (path: string) => mkdirSync(path)]) {
    const task = await world.task('echo 1 > one');
    renameSync(task.worktree, `${task.worktree}-moved`);
    replace(task.worktree);
    const before = lstatSync(task.worktree).ino;
    expect((await world.json(['diff', String(task.id)])).code).toBe('worktree-broken');
    const [merge] = (await world.json(['merge', String(task.id)])).merges;
    expect(merge.refusal.code).toBe('worktree-broken');
    const refused = await world.phasr(['discard', String(task.id)]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('is no longer the directory that Phasr made, but something else');
    expect(lstatSync(task.worktree).ino).toBe(before);
    expect(readFileSync(join(precious, 'file'), 'utf8')).toBe('precious\n');
    expect(world.git(['show', `${task.branch}:one`])).toBe('1');
    // With the worktree back in its place it goes as any other.
    renameSync(task.worktree, `${task.worktree}-other`);
    renameSync(`${task.worktree}-moved`, task.worktree);
    await world.ok(['discard', String(task.id)]);
    await swept(world);
    expect(world.git(['show', `refs/phasr/trash/${task.id}:one`])).toBe('1');
  }
});

test('an agent that deletes its own worktree loses nothing it had committed, and nothing is taken for deleted', async () => {
  await using world = makeWorld('deleted');
  world.init();
  // Behind walls the folder itself cannot go.
  const task = await world.task(
    'echo 1 > one; git add one; git commit -qm own; d=$(pwd); cd /; rm -rf "$d"',
    {
      env: { PHASR_SANDBOX: 'off' },
    },
  );
  expect(task).toMatchObject({ state: 'done', trouble: null });
  expect(world.git(['ls-tree', '--name-only', task.head]).split('\n')).toEqual(['README.md', 'one', 'src']);
  expect((await world.phasr(['resume', '1'])).stderr).toContain('the worktree of task 1 is gone');
  await world.ok(['merge', '1']);
  expect(world.read('one')).toBe('1\n');
});

test('folders without permission, very deep paths and special files are removed all the same', async () => {
  await using world = makeWorld('stubborn');
  world.init();
  const task = await world.task(
    [
      'mkdir -p locked/inside; echo x > locked/inside/x; mkfifo pipe',
      'd=dddddddddddddddddddddddddddddddddddddddddddddddddd; for n in $(seq 120); do mkdir $d && cd $d || exit 1; done; echo deep > deep; cd "$PHASR_WORKTREE"',
      'chmod 000 locked',
    ].join('\n'),
  );
  expect(['done', 'failed']).toContain(task.state);
  await world.ok(['discard', '1']);
  await waitFor('the sweeper', () => world.processes().length === 0);
  const shown = await world.json(['show', '1']);
  // As root everything can be read and is in the ref; otherwise the files stay on the disk, by name.
  if (shown.held === null)
    expect(
      existsSync(
        join(dirname(task.worktree), '.trash', readdirSync(join(dirname(task.worktree), '.trash'))[0] ?? 'x'),
      ),
    ).toBe(false);
  else expect(shown.held).toContain('.trash/');
  for (const name of existsSync(join(dirname(task.worktree), '.trash'))
    ? readdirSync(join(dirname(task.worktree), '.trash'))
    : []) {
    chmodSync(join(dirname(task.worktree), '.trash', name, 'locked'), 0o700);
  }
});

test('a repository inside a worktree, whose history no ref of ours can hold, stays on the disk, and the task says where', async () => {
  await using world = makeWorld('nested');
  world.init();
  const task = await world.task(
    'mkdir sub && cd sub && git init -q && echo 1 > one && git add one && git commit -qm nested',
  );
  expect(task.notes).toEqual(['sub is a repository of its own; only the commit it is at is recorded']);
  await world.ok(['discard', '1']);
  await waitFor('the sweeper', () => world.processes().length === 0);
  const held = (await world.json(['show', '1'])).held ?? '';
  expect(held).toContain('it holds a repository of its own');
  const path = held.slice(0, held.indexOf(' ('));
  expect(world.git(['log', '--format=%s'], join(path, 'sub'))).toBe('nested');
  expect(await world.ok(['show', '1'])).toContain(`on disk   ${held}`);
});

test('a task whose worktree never came about, and one that changed nothing, leave nothing at all', async () => {
  await using world = makeWorld('nothing');
  world.init();
  await world.task('true');
  expect(await world.ok(['discard', '1'])).toBe('task 1 discarded; it had changed nothing\n');
  await swept(world);
  expect(world.git(['for-each-ref', '--format=%(refname)'])).toBe('refs/heads/main');
  expect(await world.json(['show', '1'])).toMatchObject({
    state: 'discarded',
    kept: null,
    held: null,
    evidence: 'nothing was left',
  });
});

test('killed at any moment, a discard or merge is finished by the next command and nothing is lost', async () => {
  await using world = makeWorld('killed');
  world.init();
  for (let round = 0; round < 16; round++) {
    const verb = round % 2 === 0 ? 'discard' : 'merge';
    const task = await world.task(
      `echo ${round} > "file-${round}"; mkdir ignored; echo x > ignored/x; echo ignored/ > .gitignore`,
      { args: [] },
    );
    expect(task.state).toBe('done');
    const killed = world.kill(['phasr', verb, String(task.id)], round * 12);
    await killed;
    // Phasr's own processes die; a git command that was under way ends by itself, as after any kill of its parent.
    for (const pid of world.processes().filter((one) => world.commandLine(one).includes('helper.cjs')))
      process.kill(pid, 'SIGKILL');
    const after = await world.json(['show', String(task.id)]);
    expect(['done', verb === 'merge' ? 'merged' : 'discarded']).toContain(after.state);
    if (after.state === 'done') await world.ok([verb, String(task.id)]);
    expectGone(world, task);
    if (verb === 'merge') {
      expect(world.read(`file-${round}`)).toBe(`${round}\n`);
      expect(world.git(['show', `main:file-${round}`])).toBe(String(round));
    } else {
      expect(world.git(['show', `refs/phasr/trash/${task.id}:file-${round}`])).toBe(String(round));
    }
    expect(world.git(['status', '--porcelain'])).toBe('');
  }
  await world.ok(['list']);
  await swept(world);
  expect(world.git(['fsck', '--no-dangling'])).toBe('');
});
