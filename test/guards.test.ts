/** Nothing but the very worktree that Phasr made for a task is ever removed, and not while somebody works in it (user pains P2, P11, P12). */

import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { findForeignTrash } from '../src/operations/guard.ts';
import { readRecord, writeRecord } from './support/record.ts';
import { waitFor } from './support/wait-for.ts';
import { makeWorld, type World } from './support/world.ts';

/** Every file, folder and link of a world by inode, and every ref; without Phasr's own database and logs. */
function everything(world: World): string {
  const lines: string[] = [];
  const walk = (directory: string): void => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name);
      if (/\.(?:db|db-wal|db-shm|log)$/.test(path)) continue;
      // Where git and the clean room look, they may leave objects and lists.
      if (path.endsWith('/.git/phasr') || path.endsWith('/.git/objects')) continue;
      // The compiled program is written when a process has time for it.
      if (path.endsWith('/.phasr/code')) continue;
      lines.push(`${path} ${lstatSync(path).ino}`);
      if (entry.isDirectory()) walk(path);
    }
  };
  walk(world.root);
  return [...lines.sort(), world.git(['for-each-ref'])].join('\n');
}

/** What a task needs to be removed is still there. */
function ownFolders(world: World, id: number): boolean {
  return ['git', 'clean'].every((name) => existsSync(join(world.repo, `.git/phasr/tasks/${id}/${name}`)));
}

async function expectRefused(world: World, id: number, code = 'worktree-broken'): Promise<void> {
  const before = everything(world);
  const shown = String(id);
  expect((await world.json(['discard', shown])).tasks[0]).toMatchObject({
    outcome: 'refused',
    refusal: { code },
  });
  expect((await world.json(['merge', shown])).merges[0]).toMatchObject({
    outcome: 'refused',
    refusal: { code },
  });
  const [sorted] = (await world.json(['cleanup', shown])).worktrees;
  expect(sorted.sorted).toBe(code === 'in-use' ? 'in use' : 'not ours');
  expect(sorted.isRemoved).toBe(false);
  expect(everything(world)).toBe(before);
  expect(ownFolders(world, id)).toBe(true);
}

test('a record whose path is the repository, /, the home, a folder above, another task or a link to one removes nothing', async () => {
  await using world = makeWorld('edited');
  world.init();
  const task = await world.task('echo 1 > one');
  const other = await world.task('echo 2 > two', { prompt: 'another' });
  const record = readRecord(world, 1);
  const link = join(dirname(task.worktree), 'link');
  symlinkSync(other.worktree, link);
  for (const worktreePath of [
    world.repo,
    '/',
    world.home,
    join(world.repo, '..'),
    `${world.repo}/..`,
    other.worktree,
    link,
    // The right name in the wrong place, and on a way that leads elsewhere.
    join(world.repo, basename(task.worktree)),
    join(world.root, 'worktrees', 'repo-01234567', basename(task.worktree)),
    `${dirname(task.worktree)}/../${basename(dirname(task.worktree))}/${basename(task.worktree)}`,
    basename(task.worktree),
    '',
  ]) {
    writeRecord(world, 1, { ...record, worktreePath });
    await expectRefused(world, 1);
  }
  writeRecord(world, 1, record);
  await world.ok(['discard', '1']);
  expect(existsSync(task.worktree)).toBe(false);
  expect(world.read('two', other.worktree)).toBe('2\n');
});

test("a record that names another branch or is another task's deletes no branch and no worktree", async () => {
  await using world = makeWorld('branch');
  world.init();
  const tasks = await world.json(['run', 'same', 'same', '--', 'sh', '-c', 'true']);
  const [one, two] = [tasks.tasks[0], tasks.tasks[1]];
  expect(one.worktree).not.toBe(two?.worktree);
  expect(one.branch).not.toBe(two?.branch);
  const [record, another] = [readRecord(world, 1), readRecord(world, 2)];
  // Both are where the task began, so that compare-and-swap alone would let them go.
  for (const branch of ['main', String(another['branch'])]) {
    writeRecord(world, 1, { ...record, branch });
    await expectRefused(world, 1);
  }
  // All of the other task's names and its directory: its token alone tells them apart.
  writeRecord(world, 1, { ...another, token: record['token'] });
  const before = everything(world);
  const refused = await world.phasr(['discard', '1']);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('does not carry the token');
  expect(everything(world)).toBe(before);
});

test('a worktree that git does not list, lists elsewhere, with another branch or without its token is not removed', async () => {
  await using world = makeWorld('registered');
  world.init();
  const task = await world.task('echo 1 > one');
  const registration = join(world.repo, '.git/worktrees/phasr-1');
  const aside = join(world.root, 'aside');
  renameSync(registration, aside);
  await expectRefused(world, 1);
  renameSync(aside, registration);
  for (const [name, content] of [
    ['gitdir', `${world.repo}/.git\n`],
    ['phasr-token', 'another\n'],
    ['HEAD', 'ref: refs/heads/main\n'],
  ] as const) {
    const path = join(registration, name);
    const before = readFileSync(path);
    writeFileSync(path, content);
    await expectRefused(world, 1);
    writeFileSync(path, before);
  }
  // Renamed by the person: it is his now.
  world.git(['branch', '-m', task.branch, 'mine']);
  await expectRefused(world, 1);
  world.git(['branch', '-m', 'mine', task.branch]);
  await world.ok(['discard', '1']);
  expect(world.git(['branch', '--format=%(refname:short)'])).toBe('main');
});

test('a task that was recorded before there were tokens is removed as ever', async () => {
  await using world = makeWorld('older');
  world.init();
  const task = await world.task('echo 1 > one');
  const { token, ...older } = readRecord(world, 1);
  expect(typeof token).toBe('string');
  rmSync(join(world.repo, '.git/worktrees/phasr-1/phasr-token'));
  writeRecord(world, 1, older);
  await world.ok(['discard', '1']);
  expect(existsSync(task.worktree)).toBe(false);
});

test('a record that is damaged while its worktree is being made or removed lets neither touch anything else, and no other command stops', async () => {
  await using world = makeWorld('half-way');
  world.init();
  const gate = join(world.root, 'gate');
  const wait = `while ! test -e "${gate}"; do sleep 0.02; done`;
  await world.ok(['run', 'one', 'two', '--detach', '--jobs', '1', '--', 'sh', '-c', wait]);
  const queued = readRecord(world, 2);
  writeRecord(world, 2, { ...queued, worktreePath: world.repo });
  writeFileSync(gate, '');
  await world.phasr(['wait', '1', '2']);
  expect(await world.json(['show', '2'])).toMatchObject({ state: 'failed' });
  expect(world.read('README.md')).toBe('# Demo\n');
  expect(world.git(['status', '--porcelain'])).toBe('');

  const record = readRecord(world, 1);
  for (const worktreePath of [world.repo, world.home]) {
    writeRecord(world, 1, { ...record, worktreePath, phase: { kind: 'cleaning', after: 'discarded' } });
    await world.ok(['list']);
    await world.ok(['run', '--detach', 'three', '--', 'true']);
    await world.ok(['wait']);
    expect(world.read('README.md')).toBe('# Demo\n');
    expect(existsSync(join(world.home, '.gitconfig'))).toBe(true);
  }
  writeRecord(world, 1, { ...record, phase: { kind: 'cleaning', after: 'discarded' } });
  await world.ok(['list']);
  expect((await world.json(['show', '1'])).state).toBe('discarded');
});

test('a link in place of a worktree, of the folder around it or of the trash is never followed', async () => {
  await using world = makeWorld('linked');
  world.init();
  const task = await world.task('echo 1 > one');
  const precious = join(world.root, 'precious');
  mkdirSync(precious);
  writeFileSync(join(precious, 'file'), 'precious\n');
  const folder = dirname(task.worktree);
  for (const path of [task.worktree, folder, join(folder, '.trash')]) {
    const aside = `${path}.aside`;
    if (existsSync(path)) renameSync(path, aside);
    symlinkSync(existsSync(aside) ? aside : precious, path);
    await expectRefused(world, 1);
    rmSync(path);
    if (existsSync(aside)) renameSync(aside, path);
  }
  expect(readdirSync(precious)).toEqual(['file']);
  await world.ok(['discard', '1']);
  expect(existsSync(task.worktree)).toBe(false);
});

test('links inside a worktree that goes are unlinked: what they point to survives', async () => {
  await using world = makeWorld('inside');
  world.init({ 'README.md': 'demo\n', '.gitignore': 'node_modules\n' });
  const sibling = join(world.root, 'sibling');
  for (const [root, path] of [
    [world.repo, 'node_modules/x/index.js'],
    [sibling, 'src/a.ts'],
  ] as const)
    world.write(path, 'sentinel\n', root);
  const task = await world.task(
    `ln -s "${world.repo}/node_modules" node_modules; ln -s "${sibling}" sibling; echo 1 > one`,
  );
  world.git(['merge', '-q', task.branch]);
  const [cleaned] = (await world.json(['cleanup', '1'])).worktrees;
  expect(cleaned).toMatchObject({ sorted: 'landed', isRemoved: true });
  await waitFor('the sweeper', () => world.processes().length === 0);
  expect(existsSync(task.worktree)).toBe(false);
  expect(world.read('node_modules/x/index.js')).toBe('sentinel\n');
  expect(world.read('src/a.ts', sibling)).toBe('sentinel\n');
});

test('a worktree in use stays, and the process is named: while the agent works, and when it left something that still works there', async () => {
  await using world = makeWorld('in-use');
  world.init();
  const gate = join(world.root, 'gate');
  const command = [
    ...['run', 'one', '--detach', '--', 'sh', '-c'],
    // Nothing of the run's own is in its environment, so that the end of the run does not end it.
    `env -u PHASR_RUN setsid sleep 1000 >/dev/null 2>&1 & echo 1 > one; while ! test -e "${gate}"; do sleep 0.02; done`,
  ];
  // Behind walls it would leave nothing.
  await world.ok(command, { env: { PHASR_SANDBOX: 'off' } });
  const running = await waitFor('the run', async () => {
    const shown = await world.json(['show', '1']);
    return shown.state === 'running' && shown.run.pid > 0 && existsSync(join(shown.worktree, 'one')) && shown;
  });
  const [sorted] = (await world.json(['cleanup'])).worktrees;
  expect(sorted).toMatchObject({ sorted: 'in use', isRemoved: false });
  expect(sorted.words).toContain(`process ${running.run.pid} `);
  expect((await world.phasr(['discard', '1'])).stderr).toContain('task 1 is still running');
  writeFileSync(gate, '');
  await world.ok(['wait', '1']);
  const left = world.processes().find((pid) => world.commandLine(pid).startsWith('sleep 1000')) ?? 0;
  expect(left).toBeGreaterThan(0);
  await expectRefused(world, 1, 'in-use');
  for (const verb of ['discard', 'merge'])
    expect((await world.phasr([verb, '1'])).stderr).toContain(`in use by process ${left} (sleep)`);
  const [named] = (await world.json(['cleanup', '1'])).worktrees;
  expect(named.words).toContain(`in use by process ${left} (sleep)`);
  process.kill(left, 'SIGKILL');
  await waitFor('its end', () => !world.processes().includes(left));
  await world.ok(['merge', '1']);
  expect(existsSync(running.worktree)).toBe(false);
});

test('the terminal that a person discards from does not count; for cleanup, which nobody asked for this task, it does', async () => {
  await using world = makeWorld('standing');
  world.init();
  const task = await world.task('true');
  const phasr = join(world.root, 'phasr');
  const cli = join(import.meta.dirname, '../dist/cli.cjs');
  writeFileSync(phasr, `#!/bin/sh\n"${process.execPath}" "${cli}" "$@"\nexit $?\n`, { mode: 0o755 });
  // A shell in the worktree, which waits for what it has started.
  const inside = (...args: readonly string[]) =>
    world.program('sh', ['-c', `"${phasr}" ${args.join(' ')}; exit $?`], { cwd: task.worktree });
  const cleanup = await inside('cleanup');
  expect(cleanup.stdout).toMatch(/in use by process \d+ \(sh\)/);
  expect(existsSync(task.worktree)).toBe(true);
  expect((await inside('discard', '1')).code).toBe(0);
  expect(existsSync(task.worktree)).toBe(false);
});

test('what a trash entry names is deleted only where cleanup puts it', () => {
  const world = makeWorld('trash');
  try {
    const worktrees = join(world.home, '.phasr/worktrees');
    const trash = join(worktrees, 'repo-01234567/.trash');
    mkdirSync(join(trash, '3.9'), { recursive: true });
    const user = { root: join(world.home, '.phasr'), places: '', worktrees };
    const judge = (worktree: string, name = '3.9') => findForeignTrash({ user }, name, { worktree });
    expect(judge(join(trash, '3.9'))).toBeUndefined();
    // It may be gone already.
    expect(judge(join(trash, '4.9'), '4.9')).toBeUndefined();
    for (const worktree of [
      '/',
      world.home,
      world.repo,
      trash,
      join(trash, '4.9'),
      `${trash}/../.trash/3.9`,
      '',
    ])
      expect(judge(worktree)).toContain('is not where removed worktrees are');
    expect(judge(join(trash, '..'), '..')).toContain('is not where');
    symlinkSync(world.home, join(trash, '5.9'));
    expect(judge(join(trash, '5.9'), '5.9')).toContain('is a link');
    renameSync(trash, `${trash}.aside`);
    symlinkSync(`${trash}.aside`, trash);
    expect(judge(join(trash, '3.9'))).toContain('is a link');
  } finally {
    rmSync(world.root, { recursive: true });
  }
});

test('in a copy of the repository nothing of the tasks of the first one is removed, and there they go on', async () => {
  await using world = makeWorld('copied');
  world.init();
  const task = await world.task('echo work > work');
  const original = world.repo;
  const copy = join(world.root, 'copy');
  cpSync(original, copy, { recursive: true, verbatimSymlinks: true });
  world.repo = copy;
  await expectRefused(world, 1);
  const { stdout, stderr } = await world.phasr(['discard', '1']);
  expect(stdout + stderr).toMatch(/belongs to another repository, .* go on with the task in the other one/s);
  world.repo = original;
  expect(readFileSync(join(task.worktree, 'work'), 'utf8')).toBe('work\n');
  await world.ok(['merge', '1']);
  expect(world.read('work')).toBe('work\n');
});
