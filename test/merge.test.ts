/** Merging: exactly what was shown lands, and nothing of the user's is touched or lost on the way. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { listFiles as files } from './support/files.ts';
import { withGit } from './support/git-program.ts';
import { waitFor } from './support/wait-for.ts';
import { CLI, makeWorld, type World } from './support/world.ts';

type UserState = Readonly<Record<string, string | readonly string[] | Readonly<Record<string, string>>>> & {
  readonly files: Readonly<Record<string, string>>;
};

/** Everything of the user's that a task may never change. */
function userState(world: World): UserState {
  return {
    files: files(world.repo),
    staged: world.git(['ls-files', '-s']),
    stash: world.git(['stash', 'list', '--format=%H %gs']),
    config: world.read('.git/config'),
    head: world.read('.git/HEAD'),
    refs: world.git([
      'for-each-ref',
      '--format=%(objectname) %(refname)',
      'refs/heads',
      'refs/tags',
      'refs/remotes',
      'refs/stash',
    ]),
    hooks: readdirSync(join(world.repo, '.git/hooks')).sort(),
    exclude: world.read('.git/info/exclude'),
  };
}

/** A stash, a staged file, an unstaged one, an untracked one and an ignored one. */
function makeUserBusy(world: World): void {
  world.append('README.md', 'to be stashed\n');
  world.git(['stash', '-q']);
  world.append('src/a.ts', 'staged\n');
  world.git(['add', 'src/a.ts']);
  world.append('src/a.ts', 'and unstaged\n');
  world.append('notes.txt', 'unstaged\n');
  world.write('untracked.txt', 'mine\n');
  world.write('secret.env', 'KEY=1\n');
}

const FILES = {
  'README.md': '# Demo\n',
  'src/a.ts': 'export const a = 1;\n',
  'src/b.ts': 'export const b = 1;\n',
  'notes.txt': 'notes\n',
  'gone.txt': 'gone\n',
  'moved.txt': 'a long enough file\n'.repeat(10),
  'tool.sh': '#!/bin/sh\n',
  '.gitignore': '*.env\n',
};

const EVERYTHING = [
  'echo committed > committed && git add committed && git commit -qm "the agent\'s own"',
  'echo staged > staged && git add staged',
  'echo "export const b = 2;" > src/b.ts',
  'echo untracked > untracked-of-task',
  'rm gone.txt; mv moved.txt elsewhere.txt; chmod +x tool.sh; ln -s src/b.ts link',
  `printf x > "$(printf 'caf\\351')"`,
].join('\n');

test('diff shows exactly what the agent left, and merge lands exactly that while the user keeps every byte of his own', async () => {
  await using world = makeWorld('merge');
  world.init(FILES);
  makeUserBusy(world);
  const before = userState(world);
  const task = await world.task(EVERYTHING);
  expect(task.state).toBe('done');
  expect({ ...userState(world), refs: '' }).toEqual({ ...before, refs: '' });

  const diff = await world.json(['diff', '1']);
  const shown = diff.files
    .map((file) => `${file.status} ${file.oldPath ?? ''}>${file.pathBase64 ?? file.path}`)
    .sort();
  expect(shown).toEqual([
    `A >${Buffer.from('caf\xe9', 'latin1').toString('base64')}`,
    'A >committed',
    'A >link',
    'A >staged',
    'A >untracked-of-task',
    'D >gone.txt',
    'M >src/b.ts',
    'M >tool.sh',
    'R moved.txt>elsewhere.txt',
  ]);
  expect(diff.files.find((file) => file.path === 'tool.sh')).toMatchObject({
    oldMode: '100644',
    newMode: '100755',
  });

  expect(world.git(['log', '--format=%an <%ae>|%s', `main..${task.branch}`])).toBe(
    "Ada Tester <ada@example.com>|do it\nAda Tester <ada@example.com>|the agent's own",
  );
  expect(world.git(['log', '-1', '--format=%B', task.branch])).toBe(
    'do it\n\nPhasr-Task: 1\nPhasr-Run: 1\nPhasr-Agent: sh\n',
  );

  await world.ok(['merge', '1']);
  expect(world.git(['rev-parse', 'main^{tree}'])).toBe(diff.tree);
  const mine = ['src/a.ts', 'notes.txt', 'untracked.txt', 'secret.env', 'README.md', '.gitignore'];
  const after = userState(world);
  for (const path of mine) expect(after.files[path], path).toBe(before.files[path]);
  expect(after.stash).toBe(before.stash);
  expect(after.config).toBe(before.config);
  expect(world.git(['status', '--porcelain=v1']).split('\n').sort()).toEqual([
    ' M notes.txt',
    '?? untracked.txt',
    'MM src/a.ts',
  ]);
  expect(world.git(['diff', '--cached', '--name-only'])).toBe('src/a.ts');
});

for (const strategy of ['merge', 'squash', 'rebase'] as const) {
  test(`${strategy} onto a target that has moved on gives the same files as git would`, async () => {
    await using world = makeWorld('strategy');
    world.init(FILES);
    const task = await world.task(
      'echo 1 > one && git add . && git commit -qm first; echo 2 > two && git add . && git commit -qm second; echo left > three',
    );
    world.commit('meanwhile', { 'meanwhile.txt': 'yes\n' });
    const target = world.git(['rev-parse', 'main']);
    const merged = await world.json(['merge', '1', '--strategy', strategy]);
    expect(merged.merges[0].outcome).toBe('merged');
    const reference = world.git(['merge-tree', '--write-tree', target, task.head]);
    expect(world.git(['rev-parse', 'main^{tree}'])).toBe(reference);
    const subjects = world.git(['log', '--format=%s', '--first-parent', `${target}..main`]).split('\n');
    const parents = world.git(['rev-list', '--parents', '-1', 'main']).split(' ').length - 1;
    expect({ subjects, parents }).toEqual(
      {
        merge: { subjects: ["Merge branch 'phasr/task-1-do-it' into main"], parents: 2 },
        squash: { subjects: ['do it'], parents: 1 },
        rebase: { subjects: ['do it', 'second', 'first'], parents: 1 },
      }[strategy],
    );
    expect(world.git(['status', '--porcelain'])).toBe('');
    const kept = world.git(['for-each-ref', '--format=%(objectname)', 'refs/phasr/trash']);
    // After squash and rebase the agent's own commits are reachable from the trash ref only.
    expect(kept).toBe(strategy === 'merge' ? '' : task.head);
  });
}

test('a conflict moves no ref, changes no file and lists the paths', async () => {
  await using world = makeWorld('conflict');
  world.init(FILES);
  await world.task('echo theirs > src/a.ts; echo theirs > "notes.txt"; echo fine > fine');
  world.commit('mine', { 'src/a.ts': 'mine\n', 'notes.txt': 'mine\n' });
  const before = userState(world);
  for (const strategy of ['merge', 'squash', 'rebase']) {
    const ran = await world.phasr(['merge', '1', '--strategy', strategy]);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain('task 1 conflicts with main');
    expect(ran.stderr).toMatch(/ {4}notes.txt\n {4}src\/a.ts/);
    expect(userState(world)).toEqual(before);
  }
  expect((await world.json(['show', '1'])).state).toBe('done');
});

const OBSTACLES: readonly (readonly [name: string, setUp: (world: World) => void, path: string])[] = [
  ['an unstaged edit', (world) => world.append('src/a.ts', 'mine\n'), 'src/a.ts'],
  [
    'a staged edit',
    (world) => {
      world.append('src/a.ts', 'mine\n');
      world.git(['add', 'src/a.ts']);
    },
    'src/a.ts',
  ],
  ['an untracked file', (world) => world.write('new.txt', 'mine\n'), 'new.txt'],
  ['an ignored file', (world) => world.write('made.env', 'mine\n'), 'made.env'],
  ['an untracked file where a folder must be', (world) => world.write('folder', 'mine\n'), 'folder'],
  [
    'an untracked file in a folder that becomes a file',
    (world) => world.write('becomes-file/mine', 'mine\n'),
    'becomes-file/mine',
  ],
  ['a deletion', (world) => world.git(['rm', '-q', 'src/a.ts']), 'src/a.ts'],
];

for (const [name, setUp, path] of OBSTACLES) {
  test(`a merge is refused by name, with nothing changed, when this is in the way: ${name}`, async () => {
    await using world = makeWorld('obstacle');
    world.init({ ...FILES, 'becomes-file/a': 'a\n' });
    await world.task(
      'echo 2 > src/a.ts; echo n > new.txt; echo e > made.env; git add -f made.env; git commit -qm env; mkdir folder; echo x > folder/x; rm -r becomes-file; echo f > becomes-file',
    );
    setUp(world);
    const before = userState(world);
    const refused = await world.json(['merge', '1']);
    expect(refused.merges[0]).toMatchObject({
      outcome: 'refused',
      refusal: { code: 'target-dirty', details: { paths: [path] } },
    });
    expect(userState(world)).toEqual(before);
    // Once the cause is gone, the same command works.
    world.git(['reset', '-q', '--hard']);
    world.git(['clean', '-qfdx']);
    await world.ok(['merge', '1']);
    expect(world.git(['status', '--porcelain'])).toBe('');
    expect(world.read('made.env')).toBe('e\n');
  });
}

test('a target that is checked out in another worktree follows there, and one that is checked out nowhere just moves', async () => {
  await using world = makeWorld('elsewhere');
  world.init(FILES);
  world.git(['branch', 'release']);
  world.git(['worktree', 'add', '-q', join(world.root, 'elsewhere'), '-b', 'side']);
  writeFileSync(join(world.root, 'elsewhere', 'mine.txt'), 'mine\n');
  await world.task('echo 1 > one');
  await world.task('echo 2 > two');
  const before = userState(world);
  await world.ok(['merge', '1', '--into', 'side']);
  expect(readdirSync(join(world.root, 'elsewhere'))).toEqual(expect.arrayContaining(['one', 'mine.txt']));
  expect(world.git(['status', '--porcelain'], join(world.root, 'elsewhere'))).toBe('?? mine.txt');
  await world.ok(['merge', '2', '--into', 'release']);
  expect(world.git(['show', 'release:two'])).toBe('2');
  expect(userState(world).files).toEqual(before.files);
  expect(world.git(['rev-parse', 'main'])).toBe(world.git(['rev-parse', 'HEAD']));
});

test('a merge is refused while the user is in the middle of one of his own', async () => {
  await using world = makeWorld('busy');
  world.init(FILES);
  await world.task('echo 1 > one');
  world.git(['switch', '-qc', 'other']);
  world.commit('other', { 'notes.txt': 'other\n' });
  world.git(['switch', '-q', 'main']);
  world.commit('main', { 'notes.txt': 'main\n' });
  expect(() => world.git(['merge', 'other'])).toThrow();
  const before = userState(world);
  const refused = await world.phasr(['merge', '1']);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('is in the middle of a merge');
  expect(userState(world)).toEqual(before);
});

test('a task that changed nothing, a missing target and another task as target are refused by name', async () => {
  await using world = makeWorld('refusals');
  world.init(FILES);
  await world.task('true');
  await world.task('echo 1 > one');
  const refusal = async (...args: string[]): Promise<string> =>
    (await world.json(['merge', ...args])).merges[0].refusal.code;
  expect(await refusal('1')).toBe('nothing-to-merge');
  expect(await refusal('2', '--into', 'nowhere')).toBe('target-missing');
  expect(await refusal('2', '--into=-f')).toBe('target-missing');
  expect(await refusal('2', '--into', 'phasr/task-1-do-it')).toBe('target-is-a-task');
  await world.ok(['merge', '2']);
  expect(await refusal('2')).toBe('already-merged');
  world.git(['switch', '-q', '--detach']);
  await world.task('echo 3 > three');
  expect(await refusal('3')).toBe('no-target');
  await world.ok(['merge', '3', '--into', 'main']);
});

test('with signing on and a key that cannot sign, nothing is merged and nothing is lost', async () => {
  await using world = makeWorld('signing');
  world.init(FILES);
  const signer = join(world.home, 'signer');
  writeFileSync(signer, '#!/bin/sh\necho "no pinentry" >&2\nexit 2\n');
  chmodSync(signer, 0o755);
  const task = await world.task('echo 1 > one');
  world.git(['config', '--global', 'commit.gpgSign', 'true']);
  world.git(['config', '--global', 'gpg.program', signer]);
  const before = userState(world);
  const refused = await world.json(['merge', '1']);
  expect(refused.merges[0].refusal.code).toBe('signing-failed');
  expect(userState(world)).toEqual(before);
  expect(world.git(['rev-parse', task.branch])).toBe(task.head);
  world.git(['config', '--global', 'commit.gpgSign', 'false']);
  await world.ok(['merge', '1']);
});

test('merge=union and other drivers of the user apply as in git merge', async () => {
  await using world = makeWorld('union');
  world.init({ ...FILES, 'CHANGELOG.md': '# Log\n', '.gitattributes': 'CHANGELOG.md merge=union\n' });
  await world.task('echo "- task" >> CHANGELOG.md');
  world.commit('mine', { 'CHANGELOG.md': '# Log\n- mine\n' });
  await world.ok(['merge', '1']);
  expect(world.read('CHANGELOG.md').split('\n').sort()).toEqual(['', '# Log', '- mine', '- task']);
});

test('hooks of the repository do not run in a merge, and it says so', async () => {
  await using world = makeWorld('hooks');
  world.init(FILES);
  mkdirSync(join(world.repo, '.git/hooks'), { recursive: true });
  for (const hook of [
    'post-merge',
    'post-checkout',
    'pre-commit',
    'reference-transaction',
    'post-index-change',
  ]) {
    world.write(`.git/hooks/${hook}`, `#!/bin/sh\necho ${hook} >> "${world.root}/hooks-run"\n`);
    chmodSync(join(world.repo, '.git/hooks', hook), 0o755);
  }
  await world.task('echo 1 > one');
  const out = await world.ok(['merge', '1']);
  expect(out).toContain('hooks not run: post-merge');
  // post-checkout runs once, when the worktree is made, as `git worktree add` does.
  expect(readFileSync(join(world.root, 'hooks-run'), 'utf8')).toBe('post-checkout\n');
});

test('a git that outlives the phasr that started it is waited for: a merge is never called refused and then happens', async () => {
  await using world = makeWorld('merge-orphan');
  world.init();
  await world.task('echo 1 > file');
  await waitFor('the supervisor to end', () => world.processes().length === 0);
  const begun = join(world.root, 'begun');
  // A disk that is slow to flush.
  const slow = withGit(world, 'update-ref', `touch '${begun}'; sleep 2`);
  const merging = spawn(process.execPath, [CLI, 'merge', '1'], {
    cwd: world.repo,
    env: { ...world.env, ...slow },
    stdio: 'ignore',
  });
  await waitFor('the target to be moved', () => existsSync(begun));
  merging.kill('SIGKILL');
  await once(merging, 'close');
  const { tasks } = await world.json(['list', '--all']);
  expect(tasks.map(({ state }) => state)).toEqual(['merged']);
  await waitFor('git to end', () => world.processes().length === 0);
  expect(world.git(['log', '-1', '--format=%s', 'main'])).toBe('do it');
  expect(world.read('file')).toBe('1\n');
  expect((await world.json(['list', '--all'])).tasks[0].state).toBe('merged');
});
