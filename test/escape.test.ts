/** An agent that reaches out of its place is held back, or noticed and named, and nothing of it is merged before its person has looked (user pains P7, P12, P13). */

import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { TaskJson } from './support/answer.ts';
import { ESCAPES, hasSandbox, makeNeighbours, type Outcome, startServices } from './support/escapes.ts';
import { listFiles } from './support/files.ts';
import { waitFor } from './support/wait-for.ts';
import { makeWorld, type World } from './support/world.ts';

const OFF = { PHASR_SANDBOX: 'off' };

/** Of the tasks that tried: all but the first one. */
const OWN =
  /phasr\/tasks\/(?!1\/)\d+\/|\/(?!1-)\d+-escape\/|worktrees\/phasr-(?!1\/)\d+\/|\.prompts\/(?!1\.)\d+\.|phasr\/task-\d+-escape(?![^\n]*refs\/tags)|refs\/phasr\/\w+\/(?!1\b)\d+\b/;
const BOOKS =
  /\.git\/phasr\/(?:phasr\.db|mutex|places|code)|\.phasr\/(?:places|code)|\.git\/phasr\/trash|\.git\/index$/;

/** All that is not the task's own: without what Phasr itself writes about its run. New objects change nothing. */
function stateOf(world: World): object {
  const files = Object.entries(listFiles(world.root)).filter(
    ([path]) => !BOOKS.test(path) && (!OWN.test(path) || path.includes('refs/tags')),
  );
  const isLasting = ([path]: readonly [string, string]): boolean => !/\.git\/objects\/(?!info\/)/.test(path);
  return {
    files: Object.fromEntries(files.filter(isLasting)),
    refs: world
      .git(['for-each-ref', '--format=%(objectname) %(refname)'])
      .split('\n')
      .filter((line) => !/ refs\/(?:heads\/phasr\/task-\d+-escape|phasr\/\w+\/(?!1\b)\d)/.test(line)),
    status: world.git(['-c', 'core.fsmonitor=false', 'status', '--porcelain', '--ignored']),
    unreferenced: world.git(['cat-file', '-t', world.git(['hash-object', 'by-hand'])]),
    fsck: world.git(['-c', 'core.fsmonitor=false', 'fsck', '--no-dangling']),
    database: existsSync(join(world.repo, '.git/phasr/phasr.db')),
  };
}

function look(world: World): object | string {
  try {
    return stateOf(world);
  } catch (error) {
    return String(error);
  }
}

async function launch(world: World, sandbox: string, script: string): Promise<TaskJson | undefined> {
  const { root, repo } = world;
  const services = /\$(?:VICTIM|NOTE)|env\.(?:PORT|SOCKET)/.test(script) ? await startServices() : undefined;
  const other = await world.json(['show', '1']);
  const places = `R=${repo} G=${repo}/.git O=${other.worktree} M=${root}/mine X=${root}/remote; export R G O M X; cd "$PHASR_WORKTREE"`;
  const whole = `exec 2>/dev/null; ${places}; ${script}; cd "$PHASR_WORKTREE"; test -s leak || rm -f leak; echo honest > honest`;
  const env = { PHASR_SANDBOX: sandbox, ...services?.variables };
  const ran = await world.phasr(['run', 'escape', '--json', '--', 'sh', '-c', whole], { env });
  services?.end();
  await waitFor('background processes to end', () => world.processes().length === 0);
  try {
    return (JSON.parse(ran.stdout) as { readonly tasks: readonly TaskJson[] }).tasks[0];
  } catch {
    // The repository is gone.
    return undefined;
  }
}

async function findOutcome(world: World, before: object): Promise<Outcome> {
  if (!existsSync(world.repo)) return 'wrecked';
  const shown = await world.phasr(['show', '2', '--json']);
  const escape = shown.code === 0 ? (JSON.parse(shown.stdout) as TaskJson).escape : null;
  // A look by a git of the person's own would run what was planted; it is for what was not noticed alone.
  const isAsBefore = escape === null && JSON.stringify(look(world)) === JSON.stringify(before);
  const ran = await world.phasr(['merge', '2', '--json']);
  if (ran.code === 0) return isAsBefore && !world.has('leak') ? 'prevented' : 'open';
  const refusal = /"code":"([\w-]+)"/.exec(ran.stdout)?.[1];
  if (refusal !== 'escaped') return 'wrecked';
  expect(escape).toMatchObject({ run: 1, isVictim: false, blocks: true });
  expect(escape?.changes.length).toBeGreaterThan(0);
  return 'blocked';
}

async function tryRow(sandbox: string, script: string, outcome: Outcome): Promise<void> {
  await using world = makeWorld('escape');
  await makeNeighbours(world);
  const before = stateOf(world);
  await launch(world, sandbox, script);
  expect(await findOutcome(world, before)).toBe(outcome);
  // Nothing that it has planted was run by what looks at it.
  expect(existsSync(join(world.repo, 'pwned'))).toBe(false);
  if (outcome === 'prevented') expect(world.read('honest')).toBe('honest\n');
  else if (outcome !== 'open') expect(existsSync(join(world.repo, 'honest'))).toBe(false);
}

const TITLED = ESCAPES.map((row) => ({
  walls: [`${row.what} (${row.row}): ${row.walls}`, row] as const,
  strict: [`${row.what} (${row.row}): ${row.strict}`, row] as const,
  off: [`${row.what} (${row.row}): ${row.off}`, row] as const,
}));

// They leave everything as it is, so that one world is enough for all of them.
let neighbours: World | undefined;
afterAll(async () => neighbours?.[Symbol.asyncDispose]());

test.skipIf(!hasSandbox).each(TITLED.map(({ walls }) => walls))(
  'behind walls an agent %s',
  async (_title, { script, walls }) => {
    if (walls !== 'prevented') return tryRow('auto', script, walls);
    if (neighbours === undefined) {
      neighbours = makeWorld('walled');
      await makeNeighbours(neighbours);
    }
    const before = stateOf(neighbours);
    const task = await launch(neighbours, 'auto', script);
    expect(stateOf(neighbours)).toEqual(before);
    expect(task).toMatchObject({
      state: 'done',
      escape: null,
      run: { sandbox: { level: 'light', why: null } },
    });
    // And what it has done in its own place is its work as ever.
    expect(neighbours.git(['show', `${task?.branch}:honest`])).toBe('honest');
    expect(neighbours.git(['ls-tree', '--name-only', `${task?.branch}`, 'leak'])).toBe('');
  },
);

test.skipIf(!hasSandbox).each(TITLED.map(({ strict }) => strict).filter(([, { strict }]) => strict !== null))(
  'in a strict sandbox an agent %s',
  async (_title, { script, strict }) => tryRow('strict', script, strict ?? 'prevented'),
);

test.each(TITLED.map(({ off }) => off))('without walls an agent %s', async (_title, { script, off }) =>
  tryRow('off', script, off),
);

test.each([
  ['a broken line', (world: World) => `echo "[broken" >> ${world.repo}/.git/config`, 'bad config line'],
  [
    'another format',
    (world: World) => `git -C ${world.repo} config core.repositoryFormatVersion 9`,
    'Expected git repo version',
  ],
])(
  'a repository that git does not open any more for %s in its settings is given them back by doctor --fix',
  async (_what, script, words) => {
    await using world = makeWorld('closed');
    world.init();
    const before = world.read('.git/config');
    await world.phasr(['run', 'x', '--', 'sh', '-c', `${script(world)}; echo honest > honest`], { env: OFF });
    const listed = await world.phasr(['list']);
    expect(listed.stderr).toContain(`git cannot open the repository ${world.repo}/.git: `);
    expect(listed.stderr).toContain(words);
    const planned = await world.phasr(['doctor', '--fix', '--dry-run']);
    expect(planned.stdout).toContain('would be given the settings back');
    expect(world.read('.git/config')).not.toBe(before);
    await world.phasr(['doctor', '--fix']);
    expect(world.read('.git/config')).toBe(before);
    await waitFor('the run to be over', async () => (await world.json(['show', '1'])).state === 'done');
    expect((await world.phasr(['merge', '1'])).stderr).toContain('phasr acknowledge 1');
    await world.ok(['acknowledge', '1']);
    await world.ok(['merge', '1']);
    expect(world.read('honest')).toBe('honest\n');
  },
);

/** Starts a task whose agent waits for a gate, and is at work when this returns. */
async function startGated(
  world: World,
  script: string,
  env: Record<string, string> = OFF,
): Promise<{ readonly id: number; readonly open: () => Promise<TaskJson> }> {
  const gate = join(world.root, `gate-${world.read('.git/HEAD').length}-${Date.now()}`);
  const whole = `touch "$PHASR_WORKTREE/at-work"; ${script}; while ! test -e ${gate}; do sleep 0.02; done; cd "$PHASR_WORKTREE"; echo work > work`;
  const launched = await world.json(['run', 'gated', '--detach', '--', 'sh', '-c', whole], { env });
  const id = launched.tasks[0]?.id ?? 0;
  await waitFor('the agent', async () => {
    const { worktree, state } = await world.json(['show', String(id)]);
    return state === 'running' && worktree !== null && existsSync(join(worktree, 'at-work'));
  });
  return {
    id,
    open: async () => {
      writeFileSync(gate, '');
      await world.ok(['wait', String(id)]);
      return await world.json(['show', String(id)]);
    },
  };
}

test('what Phasr does for other tasks meanwhile is no escape: launch, merge, undo, sync, rewind, discard, restore, cleanup', async () => {
  await using world = makeWorld('told-apart');
  world.init();
  world.write('README.md', 'uncommitted, and stays so\n');
  world.git(['init', '-q', '--bare', join(world.root, 'remote')]);
  world.git(['push', '-q', join(world.root, 'remote'), 'main']);
  world.git(['remote', 'add', 'origin', join(world.root, 'remote')]);
  await world.task('git tag made; echo 1 > one', { env: OFF });
  await world.task('echo 2 > two', { env: OFF });
  const gated = await startGated(world, 'true');
  await world.task('echo 4 > four', { env: OFF });
  await world.ok(['sync', '1', '--tag', 'made']);
  await world.ok(['merge', '1']);
  await world.ok(['undo']);
  await world.ok(['merge', '1', '--strategy', 'squash']);
  await world.ok(['discard', '2']);
  await world.ok(['restore', '2']);
  await world.ok(['snapshot', '2']);
  await world.ok(['resume', '2', 'more'], { env: OFF });
  await world.ok(['rewind', '2', '1']);
  // As git itself does now and then.
  world.git(['-c', 'gc.auto=1', 'gc', '-q']);
  world.git(['repack', '-q']);
  world.git(['prune-packed', '-q']);
  world.git(['reflog', 'expire', '--expire=1.year.ago', '--all']);
  // As editors do every few minutes.
  world.git(['fetch', '-q', 'origin']);
  world.git(['push', '-q', 'origin', 'HEAD:refs/heads/pushed']);
  await world.ok(['merge', '4']);
  await world.phasr(['cleanup']);
  expect((await gated.open()).escape).toBeNull();
  await world.ok(['merge', String(gated.id)]);
  expect(world.read('README.md')).toBe('uncommitted, and stays so\n');
});

test("ignored files that editors, servers and tools make, change and delete are nobody's escape; a deleted one of another kind is", async () => {
  await using world = makeWorld('ignored');
  world.init({
    '.gitignore': '*.swp\n*.log\n*.db\n*.db-wal\n.env\ncache/\ndist/\nnode_modules/\n',
    a: 'a\n',
  });
  const write = (names: readonly string[], content: string): void =>
    names.forEach((name) => world.write(name, content));
  const coming = ['.a.swp', 'dev.log', 'data.db-wal', 'dist/a.js', 'cache/x', 'node_modules/.cache/x'];
  write(
    [...coming, 'data.db', '.env', 'kept.db', 'node_modules/lib/a.js', 'node_modules/other/b.js'],
    'before\n',
  );
  const { open } = await startGated(world, 'true');
  for (const name of coming) rmSync(join(world.repo, name));
  write(['data.db', 'new.db', '.b.swp', 'node_modules/.vite/x'], 'changed\n');
  expect((await open()).escape).toBeNull();
  const { open: openAgain } = await startGated(world, 'true');
  rmSync(join(world.repo, 'kept.db'));
  write(['.env', 'node_modules/lib/a.js'], 'changed\n');
  expect(
    (await openAgain()).escape?.changes.toSorted((one, other) => (one.name < other.name ? -1 : 1)),
  ).toEqual([
    { kind: 'file', name: join(world.repo, '.env'), what: 'changed' },
    { kind: 'file', name: join(world.repo, 'kept.db'), what: 'deleted' },
    { kind: 'file', name: join(world.repo, 'node_modules/lib'), what: 'changed' },
  ]);
});

test('an escape is noticed within five seconds while the agent works, names paths and who was seen, and tells the person; an acknowledged one is told once', async () => {
  await using world = makeWorld('within');
  world.init();
  const told = join(world.root, 'told');
  world.write(
    '.config/phasr/config.toml',
    `[notify]\ncommand = ["sh", "-c", "echo $PHASR_TASK $PHASR_STATE: $PHASR_REASON >> ${told}"]\n`,
    world.home,
  );
  const { id, open } = await startGated(
    world,
    `cd ${world.repo}; echo evil > evil; date +%s%3N > ${world.root}/when`,
  );
  const seen = await waitFor('the escape', async () => {
    const { escape } = await world.json(['show', String(id)]);
    return escape ?? undefined;
  });
  expect(seen).toMatchObject({ run: 1, isVictim: false, blocks: true });
  expect(seen.changes).toEqual([{ kind: 'file', name: join(world.repo, 'evil'), what: 'created' }]);
  expect(seen.by).toMatch(/^its process \d+ \(sh\) was seen in /);
  const since = Date.parse((seen as unknown as { since: string }).since);
  // Not a measurement: a limit of the product, and the machine may be busy. It is looked every three.
  expect(since - Number(world.read('../when'))).toBeLessThan(20_000);
  expect((await world.ok(['list'])).replaceAll(/\s+/g, ' ')).toContain(
    '1 thing outside its worktree changed',
  );
  await world.ok(['acknowledge', String(id)]);
  const shown = await open();
  expect(shown.escape).toBeNull();
  expect(
    readFileSync(told, 'utf8')
      .split('\n')
      .filter((line) => line.includes('escaped')),
  ).toHaveLength(1);
  await world.ok(['merge', String(id)]);
});

test('what a supervisor that died has begun to look after, the next one goes on with', async () => {
  await using world = makeWorld('taken-over');
  world.init();
  const { id, open } = await startGated(world, 'true');
  const supervisor = world.processes().find((pid) => world.commandLine(pid).includes(' supervise ')) ?? 0;
  expect(supervisor).toBeGreaterThan(0);
  process.kill(supervisor, 'SIGKILL');
  await waitFor('its end', () => !world.processes().includes(supervisor));
  world.write('new', 'by the person, or the agent\n');
  const shown = await open();
  expect(shown.escape?.changes).toEqual([{ kind: 'file', name: join(world.repo, 'new'), what: 'created' }]);
  expect((await world.phasr(['merge', String(id)])).stderr).toContain('phasr acknowledge');
});

test('doctor --fix puts settings, hooks and refs back as they were, keeps what was there, and undo takes that back; what has moved on stays', async () => {
  await using world = makeWorld('put-back');
  await makeNeighbours(world);
  const hook = join(world.repo, '.git/hooks/pre-commit');
  const stateOfRepository = (): object => ({
    refs: world
      .git(['for-each-ref', '--format=%(objectname) %(refname)'])
      .split('\n')
      .filter((line) => !line.includes('phasr/')),
    stash: world.git(['stash', 'list']),
    config: world.read('.git/config'),
    hook: [readFileSync(hook, 'utf8'), statSync(hook).mode],
  });
  const before = stateOfRepository();
  const script = `cd ${world.repo}; git config core.fsmonitor evil; echo evil > ${hook}; chmod 644 ${hook}; echo x > .git/hooks/post-merge; git stash drop -q; git branch -D -q spare; git update-ref refs/heads/mine main~1`;
  const task = await world.task(script, { env: OFF });
  const kinds = new Set(task.escape?.changes.map(({ kind }) => kind));
  expect([...kinds].toSorted()).toEqual(['file', 'history', 'ref', 'setting']);
  const after = stateOfRepository();
  expect(after).not.toEqual(before);
  expect((await world.phasr(['doctor'])).stdout).toContain('phasr doctor --fix');
  const planned = await world.phasr(['doctor', '--fix', '--dry-run']);
  expect(planned.stdout).toContain('would be put back');
  expect(stateOfRepository()).toEqual(after);
  await world.phasr(['doctor', '--fix']);
  expect(stateOfRepository()).toEqual(before);
  expect(existsSync(join(world.repo, '.git/hooks/post-merge'))).toBe(false);
  for (let repair = 0; repair < 7; repair++) await world.ok(['undo']);
  expect(stateOfRepository()).toEqual(after);
  expect(existsSync(join(world.repo, '.git/hooks/post-merge'))).toBe(true);
  await world.phasr(['doctor', '--fix']);
  expect(stateOfRepository()).toEqual(before);
  await world.ok(['acknowledge', String(task.id)]);
  // What the person does from now on is nobody's escape.
  world.git(['config', 'core.abbrev', '12']);
  await world.phasr(['doctor', '--fix']);
  expect(world.git(['config', 'core.abbrev'])).toBe('12');
});

test('what a discarded task has changed can still be put back, and no longer once it is acknowledged', async () => {
  await using world = makeWorld('discarded');
  world.init();
  const before = world.read('.git/config');
  await world.task(`git -C ${world.repo} config core.x 1`, { env: OFF });
  await world.ok(['discard', '1']);
  expect((await world.phasr(['doctor'])).stdout).toContain('phasr acknowledge 1');
  await world.phasr(['doctor', '--fix']);
  expect(world.read('.git/config')).toBe(before);
  await world.ok(['acknowledge', '1']);
  expect((await world.phasr(['doctor'])).stdout).not.toContain('phasr acknowledge 1');
  expect(existsSync(join(world.repo, '.git/phasr/tasks/1/runs/1/fingerprint.json'))).toBe(false);
});

test("a person's commits meanwhile are named as what they are, and doctor --fix takes none of them away", async () => {
  await using world = makeWorld('own-commits');
  world.init();
  const { id, open } = await startGated(world, 'true');
  const mine = world.commit('my own commit', { mine: 'mine\n' });
  const shown = await open();
  expect(shown.escape?.changes).toEqual([
    {
      kind: 'ref',
      name: 'refs/heads/main',
      what: expect.stringMatching(/^moved from \w{9} to \w{9} \(commit: my own commit\)$/),
    },
  ]);
  const fixed = await world.phasr(['doctor', '--fix']);
  expect(fixed.stdout).toContain('nothing that it had is lost');
  expect(world.git(['rev-parse', 'main'])).toBe(mine);
  await world.ok(['acknowledge', String(id)]);
  await world.ok(['merge', String(id)]);
});

test('a task at rest whose files somebody changes is marked as well, and not merged before somebody has looked', async () => {
  await using world = makeWorld('victim');
  world.init();
  const other = await world.task('echo good > good', { env: OFF });
  const task = await world.task(`echo evil > ${other.worktree}/good`, { env: OFF });
  expect(task.escape?.changes).toEqual([
    { kind: 'file', name: join(other.worktree, 'good'), what: 'changed' },
  ]);
  const victim = await world.json(['show', '1']);
  expect(victim.escape).toMatchObject({ isVictim: true, blocks: true, by: null });
  for (const id of ['1', '2']) expect((await world.phasr(['merge', id])).code).toBe(1);
  await world.ok(['rewind', '1', '1']);
  await world.ok(['acknowledge', '1']);
  await world.ok(['merge', '1']);
  expect(world.read('good')).toBe('good\n');
  expect((await world.phasr(['acknowledge', '1'])).stderr).toContain('nothing outside task 1');
});

for (const sandbox of ['auto', 'strict', 'off'])
  test.skipIf(sandbox !== 'off' && !hasSandbox)(
    `what an agent writes through a hard link that was made before the walls is noticed: sandbox ${sandbox}`,
    async () => {
      await using world = makeWorld('linked');
      world.init();
      const script = `if test -e linked; then echo evil > linked; else ln ${world.repo}/src/a.ts linked; fi`;
      const first = await world.task(script, { env: OFF });
      expect(first.escape).toBeNull();
      const second = await world.json(['resume', '1', 'more'], { env: { PHASR_SANDBOX: sandbox } });
      expect(world.read('src/a.ts')).toBe('evil\n');
      const levels = { auto: 'light', strict: 'strict', off: 'off' };
      expect(second.run.sandbox?.level).toBe(levels[sandbox as keyof typeof levels]);
      const shown = await world.json(['show', '1']);
      expect(shown.escape?.changes).toEqual([
        { kind: 'file', name: join(world.repo, 'src/a.ts'), what: 'changed' },
      ]);
      expect((await world.phasr(['merge', '1'])).stderr).toContain('phasr acknowledge 1');
    },
  );

for (const sandbox of ['auto', 'off'])
  test.skipIf(sandbox !== 'off' && !hasSandbox)(
    `an agent that deletes its own worktree takes nothing away that was in a snapshot: sandbox ${sandbox}`,
    async () => {
      await using world = makeWorld('own-worktree');
      world.init();
      const script =
        'if test -e precious; then rm -rf "$PHASR_WORKTREE"; else echo precious > precious; echo x > .env; fi; true';
      const env = { PHASR_SANDBOX: sandbox };
      const { worktree } = await world.task(script, { env });
      await world.json(['resume', '1', 'more'], { env });
      expect(world.has('precious', worktree)).toBe(false);
      // Behind walls its folder itself cannot go.
      if (!existsSync(worktree)) {
        expect((await world.phasr(['rewind', '1', '1'])).stderr).toContain(
          'phasr discard 1 && phasr restore 1',
        );
        await world.ok(['discard', '1']);
        await world.ok(['restore', '1']);
      } else await world.ok(['rewind', '1', '1']);
      expect(world.read('precious', (await world.json(['show', '1'])).worktree)).toBe('precious\n');
      await world.ok(['merge', '1']);
      expect([world.read('precious'), world.read('README.md')]).toEqual(['precious\n', '# Demo\n']);
    },
  );

test('detection = "show" says it and lets merge, "off" does not look; a repository has no say', async () => {
  await using world = makeWorld('detection');
  world.init();
  const settings = (value: string): void =>
    world.write('.config/phasr/config.toml', `[isolation]\ndetection = "${value}"\n`, world.home);
  settings('show');
  const shown = await world.task(`echo evil > ${world.repo}/evil; echo 1 > one`, { env: OFF });
  expect(shown.escape).toMatchObject({ blocks: false });
  await world.ok(['merge', '1']);
  settings('off');
  const unseen = await world.task(`echo evil > ${world.repo}/evil-2; echo 2 > two`, { env: OFF });
  expect(unseen.escape).toBeNull();
  world.write('phasr.toml', '[isolation]\ndetection = "off"\n');
  expect((await world.phasr(['run', 'x', '--', 'true'])).code).toBeGreaterThan(0);
});

test('settings that an agent has changed are named by their keys, without values, and are put back byte for byte (P9)', async () => {
  await using world = makeWorld('keys');
  world.init();
  const before = world.read('.git/config');
  const script = `cd ${world.repo}; git config user.email a@x; git config core.hooksPath /tmp/h; git remote add fork http://token@x; git config core.bare true`;
  const task = await world.task(script, { env: OFF });
  const changed = task.escape?.changes.find(({ name }) => name.endsWith('/config'));
  expect(changed?.what).toBe(
    'changed: core.bare, core.hooksPath, user.email, remote.fork.url, remote.fork.fetch',
  );
  for (const args of [['show', '1'], ['list']]) expect(await world.ok(args)).not.toContain('token');
  expect(JSON.stringify(task.escape)).not.toContain('token');
  await world.phasr(['doctor', '--fix']);
  expect(world.read('.git/config')).toBe(before);
});
