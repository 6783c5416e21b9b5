/** Whatever a task does to git, nobody else notices (user pains P8, P9), and everybody's git still shows what it should. */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRequire } from 'node:module';
import fs from 'node:fs';
import { simpleGit } from 'simple-git';
import { expect, test } from 'vitest';
import { fix } from './support/doctor.ts';
import { listFiles } from './support/files.ts';
import { withGit } from './support/git-program.ts';
import { waitFor } from './support/wait-for.ts';
import { makeWorld, type World } from './support/world.ts';

const LOOPS = 20;

/** Loops everything that is shared between plain worktrees; fails when its own state is ever disturbed. */
const RESTLESS = `
set -e
me=$PHASR_TASK
for n in $(seq ${LOOPS}); do
  echo "$me $n" >> own.txt
  git stash -q
  test ! -e own.txt || test "$(grep -vc "^$me " own.txt)" = 0
  git config user.email "$me-$n@example.com"
  git config core.hooksPath /nonexistent
  git branch "mine-$n"; git tag "tag-$n"
  git stash pop -q
  test "$(grep -vc "^$me " own.txt)" = 0
  test "$(git config user.email)" = "$me-$n@example.com"
  git add own.txt; git commit -qm "$me $n"
  git branch -q -D "mine-$n"
  git gc -q --prune=now
  git reflog expire --expire=now --all
  git worktree prune
  git remote add "fork-$n" http://example.invalid/x
  git pack-refs --all
done
test "$(wc -l < own.txt)" = ${LOOPS}
test "$(git rev-list --count "$PHASR_BASE..HEAD")" = ${LOOPS}
test "$(git stash list | wc -l)" = 0
`;

function sharedState(world: World): object {
  return {
    files: listFiles(world.repo),
    config: world.read('.git/config'),
    stash: world.git(['stash', 'list', '--format=%H']),
    refs: world
      .git(['for-each-ref', '--format=%(objectname) %(refname)'])
      .split('\n')
      .filter((line) => !line.includes('phasr')),
    reflog: world.git(['reflog', '--format=%H %gs', 'main']),
    worktrees: world.git(['worktree', 'list']).split('\n').length,
    status: world.git(['status', '--porcelain']),
  };
}

test(`tasks that loop stash, config, gc --prune=now, branch -D and more disturb neither each other nor the user (${LOOPS} rounds each)`, async () => {
  await using world = makeWorld('restless');
  world.init({ 'own.txt': '', 'README.md': 'demo\n' });
  world.commit('empty', {});
  world.append('README.md', 'stashed\n');
  world.git(['stash', '-q']);
  world.append('README.md', 'dirty\n');
  await world.ok([
    'run',
    'one',
    'two',
    'three',
    '--detach',
    '--',
    'sh',
    '-c',
    'while ! test -e ../go; do sleep 0.02; done;' + RESTLESS,
  ]);
  const tasks = await waitFor('all to run', async () => {
    const listed = (await world.json(['list'])).tasks;
    return listed.length === 3 && listed.every((task) => task.state === 'running') && listed;
  });
  const before = sharedState(world);
  writeFileSync(join(tasks[0].worktree, '../go'), '');
  // Meanwhile the user's own stash works on his own entry.
  world.git(['stash', '-q']);
  world.git(['stash', 'pop', '-q']);
  const { tasks: ended } = await world.json(['wait', '1', '2', '3']);
  const logs = await Promise.all(ended.map((task) => world.ok(['logs', String(task.id)])));
  expect(
    ended.map((task) => task.state),
    logs.join('\n'),
  ).toEqual(['done', 'done', 'done']);
  const after = sharedState(world);
  expect({ ...after, stash: '', files: '', status: '' }).toEqual({
    ...before,
    stash: '',
    files: '',
    status: '',
  });
  expect(world.git(['stash', 'list']).split('\n')).toHaveLength(1);
  for (const task of ended) {
    expect(world.git(['rev-list', '--count', `${task.base.oid}..${task.head}`])).toBe(String(LOOPS));
    expect(world.git(['show', `${task.head}:own.txt`]).split('\n')).toEqual(
      Array.from({ length: LOOPS }, (_, n) => `${task.id} ${n + 1}`),
    );
  }
  expect(world.git(['fsck', '--strict', '--no-dangling'])).toBe('');
});

/** `PHASR_RESTLESS=20x60`: so many agents, for so many seconds; fewer and shorter by default. */
const [AGENTS = 4, SECONDS = 4] = (process.env['PHASR_RESTLESS'] ?? '')
  .split('x')
  .filter(Boolean)
  .map(Number);

/** Does all that is shared between plain worktrees, again and again; every command that fails is written down, with what git said. */
const BUSY = `
do_git() { git "$@" > "$tmp/said" 2>&1 || { echo "git $*: $(cat "$tmp/said")" >> "$tmp/failed"; }; }
tmp=$(mktemp -d "$out/XXXXXX"); n=0; end=$(($(date +%s) + ${SECONDS}))
while test "$(date +%s)" -lt "$end"; do
  n=$((n + 1))
  echo "$me $n" >> "$file"
  do_git stash push -q -- "$file"; do_git stash pop -q
  do_git config user.name "$me $n"; do_git config "branch.x$n.note" "$n"; do_git config --unset "branch.x$n.note"
  do_git add "$file"; do_git commit -q -m "$me $n"
  do_git branch "gone-$me"; do_git branch -q -D "gone-$me"
  do_git fetch -q origin
  do_git gc -q --prune=now
done
echo "$n" > "$tmp/rounds"
test ! -e "$tmp/failed"
`;

test(
  `${AGENTS} agents and their person loop stash, commit, config, branch -D, fetch and gc --prune=now for ${SECONDS} s: nobody's command fails, and nothing is lost`,
  async () => {
    await using world = makeWorld('busy');
    world.init({ 'README.md': '# Demo\n', agents: '', mine: '' });
    const remote = join(world.root, 'remote.git');
    world.git(['clone', '-q', '--bare', world.repo, remote]);
    world.git(['remote', 'add', 'origin', remote]);
    world.append('README.md', 'stashed\n');
    world.git(['stash', '-q']);
    const [stash, base] = [world.git(['stash', 'list', '--format=%H']), world.git(['rev-parse', 'HEAD'])];
    const out = join(world.root, 'out');
    mkdirSync(out);
    const set = (me: string, file: string): string => `out="${out}"; me=${me}; file=${file}`;
    const prompts = Array.from({ length: AGENTS }, (_, index) => `agent ${index + 1}`);
    // Behind walls, where there are any: without them git's own gc takes away the index of a pack that another gc is just putting in place (docs/isolation.md).
    await world.ok(
      [
        'run',
        ...prompts,
        ...['--jobs', String(AGENTS), '--detach', '--', 'sh', '-c'],
        `${set('agent-$PHASR_TASK', 'agents')}\n${BUSY}`,
      ],
      { env: { PHASR_SANDBOX: 'auto' } },
    );
    const ran = await world.program('sh', ['-c', `${set('person', 'mine')}\n${BUSY}`]);
    const { tasks } = await world.json(['wait', `1-${AGENTS}`, '--timeout', '10m']);
    const failed = readdirSync(out)
      .map((name) => join(out, name, 'failed'))
      .flatMap((path) => (existsSync(path) ? [readFileSync(path, 'utf8')] : []));
    expect([failed, tasks.map(({ state }) => state)]).toEqual([[], prompts.map(() => 'done')]);
    expect([ran.code, ran.stdout, ran.stderr]).toEqual([0, '', '']);

    const linesOf = (ref: string, file: string): number =>
      world.git(['show', `${ref}:${file}`]).split('\n').length;
    for (const task of tasks) {
      const rounds = Number(world.git(['rev-list', '--count', `${task.base.oid}..${task.branch}`]));
      // Each has given itself a name.
      const notes = task.notes.filter(
        (note) => !/ is by agent-\d+ \d+ <|more commits like these$/.test(note),
      );
      expect([rounds, notes]).toEqual([linesOf(task.branch, 'agents'), []]);
      expect(rounds).toBeGreaterThan(0);
    }
    const mine = Number(world.git(['rev-list', '--count', `${base}..main`]));
    expect(linesOf('main', 'mine')).toBe(mine);
    expect(world.git(['config', 'user.name'])).toBe(`person ${mine}`);
    expect(world.read('.git/config')).not.toContain('note');
    expect(world.git(['stash', 'list', '--format=%H'])).toBe(stash);
    expect(world.git(['for-each-ref', '--format=%(refname)', 'refs/heads', 'refs/tags']).split('\n')).toEqual(
      ['refs/heads/main', ...tasks.map(({ branch }) => `refs/heads/${branch}`)].sort(),
    );
    expect(world.git(['status', '--porcelain'])).toBe('');
    expect(world.git(['fsck', '--full', '--no-dangling'])).toBe('');
  },
  (SECONDS + 120) * 1000,
);

test("the user's own gc --prune=now, at rest and while an agent works, costs no task anything", async () => {
  await using world = makeWorld('gc');
  world.init();
  const gate = join(world.root, 'gate');
  await world.ok([
    'run',
    'x',
    '--detach',
    '--',
    'sh',
    '-c',
    `while ! test -e "${gate}"; do echo $((n=n+1)) > n; git add n; git commit -qm "$n" || exit 5; done; git log --oneline | wc -l > count`,
  ]);
  await waitFor(
    'commits',
    () => world.has('.git/phasr/tasks/1/git/logs/refs/heads/phasr/task-1-x') || undefined,
  );
  // The base commit is given up by the user: only the task's own ref keeps it.
  world.git(['commit', '-q', '--amend', '--allow-empty', '-m', 'rewritten']);
  for (let n = 0; n < 5; n++) {
    world.git(['reflog', 'expire', '--expire=now', '--all']);
    world.git(['gc', '-q', '--prune=now']);
    await world.ok(['diff', '1', '--stat']);
  }
  writeFileSync(gate, '');
  const task = (await world.json(['wait', '1'])).tasks[0];
  expect(`${task.state} ${task.trouble}`).toBe('done null');
  world.git(['gc', '-q', '--prune=now']);
  expect(Number(world.git(['show', `${task.head}:count`]))).toBe(
    Number(world.git(['rev-list', '--count', task.head])) - 1,
  );
  await world.ok(['discard', '1']);
  await waitFor('the trash to be emptied', () => world.processes().length === 0);
  world.git(['reflog', 'expire', '--expire=now', '--all']);
  world.git(['gc', '-q', '--prune=now']);
  expect(world.git(['show', 'refs/phasr/trash/1:count'])).toMatch(/^\d+$/);
});

const PYTHON = '/usr/bin/python3';
const hasLibgit2 = spawnSync(PYTHON, ['-c', 'import pygit2']).status === 0;

/** Branch, bareness and status of a worktree, as libgit2 sees them; 128 is a new file, 256 a changed one. */
const LIBGIT2 = `
import json, pygit2, sys
repository = pygit2.Repository(sys.argv[1])
print(json.dumps([repository.head.name, str(repository.head.target), repository.is_bare, repository.status()]))
`;

test.skipIf(!hasLibgit2)(
  "libgit2 opens a task's worktree and the checkout, and shows their branches and status",
  async () => {
    await using world = makeWorld('libgit2');
    world.init();
    const task = await world.task('echo 1 > one; git add one; git commit -qm own');
    world.write('README.md', 'changed by hand\n', task.worktree);
    world.write('new', 'by hand\n', task.worktree);
    world.write('mine', 'mine\n');
    const seen = (path: string): unknown =>
      JSON.parse(spawnSync(PYTHON, ['-c', LIBGIT2, path], { env: world.env, encoding: 'utf8' }).stdout);
    expect(seen(task.worktree)).toEqual([
      `refs/heads/${task.branch}`,
      task.head,
      false,
      { 'README.md': 256, new: 128 },
    ]);
    expect(seen(world.repo)).toEqual(['refs/heads/main', task.base.oid, false, { mine: 128 }]);
  },
);

test('git worktree list, status and log in the checkout, simple-git and isomorphic-git see what they should', async () => {
  await using world = makeWorld('interop');
  world.init();
  const task = await world.task('echo 1 > one; git add one; git commit -qm own; echo 2 > two');
  expect(world.git(['worktree', 'list', '--porcelain'])).toContain(
    `worktree ${task.worktree}\nHEAD ${task.head}\nbranch refs/heads/${task.branch}\nlocked phasr task 1; see: phasr show 1`,
  );
  expect(world.git(['status', '--porcelain'])).toBe('');
  expect(world.git(['log', '--all', '--format=%s']).split('\n').sort()).toEqual(['base', 'do it', 'own']);
  // The branch is protected as one that is checked out is.
  expect(() => world.git(['branch', '-D', task.branch])).toThrow(/checked out at|used by worktree/);
  world.git(['worktree', 'prune']);
  world.git(['gc', '-q']);
  expect(world.git(['worktree', 'list'])).toContain(task.worktree);
  expect(world.git(['fsck'])).toBe('');

  const { GIT_CONFIG_NOSYSTEM: _, ...env } = world.env;
  const simple = simpleGit({ baseDir: world.repo }).env(env);
  expect((await simple.branchLocal()).all.sort()).toEqual(['main', task.branch]);
  expect((await simple.status()).isClean()).toBe(true);
  const inside = simpleGit({ baseDir: task.worktree }).env(env);
  expect((await inside.status()).current).toBe(task.branch);
  expect((await inside.status()).isClean()).toBe(true);
  expect((await inside.log()).latest?.hash).toBe(task.head);

  const isomorphic = createRequire(import.meta.url)('isomorphic-git');
  expect(await isomorphic.currentBranch({ fs, dir: world.repo })).toBe('main');
  expect(await isomorphic.resolveRef({ fs, dir: world.repo, ref: task.branch })).toBe(task.head);
  const rows: [string, number, number, number][] = await isomorphic.statusMatrix({ fs, dir: world.repo });
  expect(rows.every(([, head, workdir, stage]) => head === 1 && workdir === 1 && stage === 1)).toBe(true);
});

test("after the agent's end its own git sees its work committed, and the user's repair of the link is put back", async () => {
  await using world = makeWorld('after');
  world.init();
  const task = await world.task('echo 1 > one');
  expect(world.git(['status', '--porcelain=v1', '--branch'], task.worktree)).toBe(`## ${task.branch}`);
  expect(world.git(['rev-parse', 'HEAD'], task.worktree)).toBe(task.head);
  const link = readFileSync(join(task.worktree, '.git'), 'utf8');
  world.git(['worktree', 'repair', task.worktree]);
  expect(readFileSync(join(task.worktree, '.git'), 'utf8')).not.toBe(link);
  expect(world.git(['status', '--porcelain'], task.worktree)).toMatch(/one|^$/);
  await world.json(['resume', '1']);
  expect(readFileSync(join(task.worktree, '.git'), 'utf8')).toBe(link);
});

test.each([
  ['without walls', 'off'],
  ['behind walls, where there are any', 'auto'],
])(
  "the user's repair, unlock, prune, branch -m and gc while an agent works cost it nothing, %s",
  async (_, sandbox) => {
    await using world = makeWorld('hands-meanwhile');
    world.init();
    const gate = join(world.root, 'gate');
    const script = `until test -e "${gate}"; do git rev-parse --absolute-git-dir > where 2> /dev/null; done; echo 1 > one; git add one; git commit -qm own; echo 2 > two`;
    await world.ok(['run', 'x', '--detach', '--', 'sh', '-c', script], { env: { PHASR_SANDBOX: sandbox } });
    const { worktree, branch } = await waitFor('the agent to work', async () => {
      const task = (await world.json(['list'])).tasks[0];
      return task.state === 'running' && world.has('where', task.worktree) ? task : undefined;
    });
    // While git's own repair writes the file it is empty for a moment, and a command of anybody's fails in it.
    const own = join(world.repo, '.git/phasr/tasks/1/git/worktrees/phasr-1');
    const link = readFileSync(join(worktree, '.git'), 'utf8');
    world.git(['worktree', 'repair', worktree]);
    world.git(['worktree', 'unlock', worktree]);
    world.git(['worktree', 'prune']);
    world.git(['branch', '-m', branch, 'mine']);
    world.git(['gc', '-q', '--prune=now']);
    await waitFor('the link to be put back', () => readFileSync(join(worktree, '.git'), 'utf8') === link);
    await waitFor('the agent to see it', () => world.read('where', worktree) === `${own}\n`);
    writeFileSync(gate, '');
    const { tasks } = await world.json(['wait', '1']);
    expect(`${tasks[0].state} ${await world.ok(['logs', '1'])}`).toBe('done ');
    await fix(world);
    const head = (await world.json(['show', '1'])).head;
    expect(world.git(['log', '--format=%s', head]).split('\n')).toEqual(['x', 'own', 'base']);
    expect(world.git(['show', `${head}:two`])).toBe('2');
    // What was renamed is the person's, as it was when he did it.
    expect(world.git(['log', '--format=%s', 'mine'])).toBe('base');
  },
);

test("a person's own git sees an agent's commits while it works, without any command of Phasr's", async () => {
  await using world = makeWorld('followed');
  world.init();
  const gate = join(world.root, 'gate');
  const script = `echo 1 > one; git add one; git commit -qm first; until test -e "${gate}"; do sleep 0.05; done`;
  await world.ok(['run', 'x', '--detach', '--', 'sh', '-c', script]);
  const subject = (): string => world.git(['log', '-1', '--format=%s', 'phasr/task-1-x']);
  await waitFor('the commit', () => subject() === 'first');
  expect((await world.json(['list'])).tasks[0].state).toBe('running');
  writeFileSync(gate, '');
  await world.ok(['wait', '1']);
});

test("commits come over although a gc of the user's takes the pack away that they are being written to", async () => {
  await using world = makeWorld('pack-taken');
  world.init();
  const taken = join(world.root, 'taken');
  const env = withGit(world, 'index-pack', `test -e "${taken}" || { touch "${taken}"; exit 128; }`);
  const task = await world.task('echo 1 > one; git add one; git commit -qm own', { env });
  expect(existsSync(taken)).toBe(true);
  expect([task.state, task.notes]).toEqual(['done', []]);
  expect(world.git(['log', '-1', '--format=%s', task.branch])).toBe('own');
});

test('commits are taken over while the agent works, whenever somebody looks', async () => {
  await using world = makeWorld('look');
  world.init();
  const gate = join(world.root, 'gate');
  await world.ok([
    'run',
    'x',
    '--detach',
    '--',
    'sh',
    '-c',
    `echo 1 > one; git add one; git commit -qm own; touch ready; while ! test -e "${gate}"; do sleep 0.02; done`,
  ]);
  const task = await waitFor('the commit', async () => {
    const found = await world.json(['show', '1']);
    return found.worktree !== null && world.has('ready', found.worktree) && found;
  });
  await world.ok(['show', '1']);
  expect(world.git(['log', '-1', '--format=%s', task.branch])).toBe('own');
  const diff = await world.json(['diff', '1']);
  expect(diff).toMatchObject({ isFinal: false, files: [{ path: 'one' }, { path: 'ready' }] });
  writeFileSync(gate, '');
  await world.ok(['wait', '1']);
});

const HISTORIES: readonly (readonly [
  name: string,
  script: string,
  subjects: readonly string[],
  note: RegExp | null,
])[] = [
  [
    'commits on another branch',
    'git switch -qc other; echo 1 > one; git add .; git commit -qm elsewhere; echo 2 > two',
    ['do it', 'elsewhere'],
    /^the agent left another branch checked out: other$/,
  ],
  [
    'commits on a detached HEAD',
    'git switch -q --detach; echo 1 > one; git add .; git commit -qm detached; echo 2 > two',
    ['do it', 'detached'],
    /^the agent left HEAD detached, at [0-9a-f]{9}$/,
  ],
  [
    'its task branch left behind for another one',
    'echo 1 > one; git add .; git commit -qm first; git switch -qc other HEAD~1; echo 2 > two; git add .; git commit -qm second; git checkout -q phasr/task-1-do-it -- one',
    ['do it', 'first', 'second'],
    /^the agent left another branch checked out: other$/,
  ],
  [
    'the base commit amended away',
    'echo 1 > one; git add .; git commit -q --amend -m rewritten',
    ['do it'],
    /rewrote history below the base commit/,
  ],
  [
    'an orphan branch',
    'git switch -q --orphan fresh; echo 1 > one; git add .; git commit -qm orphan',
    ['do it'],
    /^the agent began a history of its own, without the base commit; its own commits end at \w{9}\nthe agent left another branch checked out: fresh$/,
  ],
  [
    'a merge left half-way',
    'git switch -qc side; echo side > f; git add .; git commit -qm side; git switch -q -; echo main > f; git add .; git commit -qm mine; git merge -q side || true',
    ['do it', 'mine'],
    /left a merge unfinished/,
  ],
  ['its .git file deleted', 'echo 1 > one; rm .git || true', ['do it'], null],
  [
    'its private git dir wrecked',
    'echo 1 > one; rm -rf "$(git rev-parse --git-common-dir)"/*',
    ['do it'],
    /^the agent left a HEAD that cannot be read$/,
  ],
];

for (const [name, script, subjects, note] of HISTORIES) {
  test(`the files are exactly what lands, and commits survive, when the agent leaves ${name}`, async () => {
    await using world = makeWorld('history');
    world.init();
    world.commit('second', { second: 'second\n' });
    const task = await world.task(script);
    expect(task).toMatchObject({ state: 'done', trouble: null });
    const files = listFiles(task.worktree);
    expect(world.git(['ls-tree', '-r', '--name-only', task.head]).split('\n')).toEqual(
      Object.keys(files).sort(),
    );
    expect(
      world
        .git(['log', '--format=%s', `${task.base.oid}..${task.head}`])
        .split('\n')
        .sort(),
    ).toEqual([...subjects].sort());
    if (note === null) expect(task.notes).toEqual([]);
    else expect(task.notes.join('\n')).toMatch(note);
    await world.ok(['merge', '1', '--strategy', 'squash']);
    expect(listFiles(world.repo)).toEqual(files);
    await waitFor('the trash to be emptied', () => world.processes().length === 0);
    expect(world.git(['fsck', '--no-dangling'])).toBe('');
  });
}

test('forged objects of an agent never reach the repository; its files do', async () => {
  await using world = makeWorld('forged');
  world.init();
  const task = await world.task(
    [
      'echo good > one; git add one; git commit -qm own; blob=$(git rev-parse HEAD:one)',
      'file="$(git rev-parse --git-common-dir)/objects/$(echo $blob | cut -c1-2)/$(echo $blob | cut -c3-)"',
      'echo evil > evil; other=$(git hash-object -w evil); rm evil',
      'chmod u+w "$file"; cp "$(git rev-parse --git-common-dir)/objects/$(echo $other | cut -c1-2)/$(echo $other | cut -c3-)" "$file"',
    ].join('\n'),
  );
  expect(task.state).toBe('done');
  expect(task.notes.join()).toContain("the agent's own commits could not be taken over");
  expect(world.git(['show', `${task.head}:one`])).toBe('good');
  expect(world.git(['fsck', '--no-dangling'])).toBe('');
});

test("objects that break git's rules are taken over where the person's own git would fetch them, and nowhere else", async () => {
  await using world = makeWorld('levels');
  world.init();
  const script = [
    'blob=$(echo odd $PHASR_TASK | git hash-object -w --stdin)',
    `tree=$(node -e 'process.stdout.write(Buffer.concat([Buffer.from("0100644 odd\\0"), Buffer.from(process.argv[1], "hex")]))' $blob | git hash-object -t tree -w --literally --stdin)`,
    'git update-ref HEAD $(git commit-tree -m padded -p HEAD $tree)',
    'echo file > file',
  ].join('\n');
  const refused = await world.task(script);
  expect(refused.notes.join('\n')).toContain("the agent's own commits could not be taken over");
  world.git(['config', 'fetch.fsck.zeroPaddedFilemode', 'ignore']);
  const taken = await world.task(script);
  expect(taken.notes).toEqual([]);
  expect(world.git(['log', '--format=%s', taken.branch])).toContain('padded');
  world.git(['config', 'fetch.fsck.zeroPaddedFilemode', 'error']);
  expect((await world.task(script)).notes).toHaveLength(1);
});

test('nothing in a worktree is executed when Phasr looks at it', async () => {
  await using world = makeWorld('hostile');
  world.init({ a: 'a\n', b: 'b\n' });
  const canary = join(world.root, 'canary');
  const evil = `sh -c 'echo "$0 $@" >> ${canary}; cat'`;
  const task = await world.task(`
    private=$(git rev-parse --git-common-dir)
    git config core.fsmonitor "${evil} fsmonitor"; git config filter.evil.clean "${evil} clean"; git config filter.evil.smudge "${evil} smudge"
    git config diff.external "${evil} external"; git config diff.evil.textconv "${evil} textconv"; git config diff.evil.command "${evil} command"
    git config merge.evil.driver "${evil} driver"; git config core.pager "${evil} pager"; git config gpg.program "${evil} gpg"; git config alias.status "!${evil} alias"
    mkdir -p "$private/hooks"; for hook in post-checkout pre-commit post-index-change reference-transaction post-commit; do printf '#!/bin/sh\\necho %s >> ${canary}\\n' $hook > "$private/hooks/$hook"; chmod +x "$private/hooks/$hook"; done
    git config core.hooksPath "$private/hooks"
    printf '* filter=evil diff=evil merge=evil\\n' > .gitattributes; echo changed > a
    mkdir nested && cd nested && git init -q && git config core.fsmonitor "${evil} nested" && git config filter.evil.clean "${evil} nested-clean" && echo x > x && git -c core.fsmonitor=false -c filter.evil.clean=cat add . && git -c core.fsmonitor=false commit -qm nested && echo y > x && cd ..
    mkdir bare && cd bare && git init -q --bare . && git config core.fsmonitor "${evil} bare" && cd ..
    rm -f ${canary}
  `);
  for (const args of [
    ['show', '1'],
    ['diff', '1'],
    ['diff', '1', '--stat'],
    ['list'],
    ['diff', '1'],
    ['resume', '1', '--json', '-d'],
    ['wait', '1'],
    ['diff', '1'],
  ])
    await world.phasr(args);
  expect(world.git(['show', `${task.head}:a`])).toBe('changed');
  await world.ok(['merge', '1']);
  await waitFor('the trash to be looked through', () => world.processes().length === 0);
  expect(readFileOrEmpty(canary)).toBe('');
});

function readFileOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
