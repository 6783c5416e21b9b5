/** Many at once: terminals, tasks, and a user who goes on working (user pain P13). */

import { spawn } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { waitFor } from './support/wait-for.ts';
import { makeWorld, type World } from './support/world.ts';

const ROUNDS = 10;

/** Loops `git fetch` and `git config x.y z` in the repository, as a user's own tools do. Gives how often each failed. */
function startUser(world: World): { stop: () => Promise<string> } {
  const stopFile = join(world.root, 'stop-user');
  const script = [
    'n=0; failed=0',
    `while ! test -e "${stopFile}"; do`,
    '  n=$((n + 1))',
    '  git fetch -q origin || failed=$((failed + 1))',
    '  git config x.y "$n" || failed=$((failed + 1))',
    'done',
    'echo "$n rounds, $failed failed"',
  ].join('\n');
  const child = spawn('sh', ['-c', script], {
    cwd: world.repo,
    env: world.env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const over = new Promise<void>((resolve) => child.on('close', () => resolve()));
  return {
    stop: async () => {
      writeFileSync(stopFile, '');
      await over;
      return said;
    },
  };
}

test(`20 launches from 4 terminals in the same second, while the user fetches and configures: 20 tasks, 20 worktrees, 20 branches, no orphan, ${ROUNDS} rounds in a row`, async () => {
  await using world = makeWorld('parallel');
  const upstream = join(world.root, 'upstream');
  world.init({ a: 'a\n' }, upstream);
  world.git(['clone', '-q', upstream, world.repo], world.root);
  const user = startUser(world);
  for (let round = 0; round < ROUNDS; round++) {
    world.commit(`round ${round}`, { a: `${round}\n` }, upstream);
    const launch = async (name: string): Promise<number> => {
      const agent = ['--', 'sh', '-c', 'echo $PHASR_TASK > t'];
      const launched = await world.json([
        'run',
        name,
        '--detach',
        '--jobs',
        '6',
        '--base',
        'origin/main',
        ...agent,
      ]);
      if (launched.tasks === undefined) throw new Error(JSON.stringify(launched));
      return launched.tasks[0].id;
    };
    const terminal = (name: number): Promise<number[]> =>
      Promise.all([0, 1, 2, 3, 4].map((n) => launch(`round ${round} terminal ${name} task ${n}`)));
    const ids = (await Promise.all([0, 1, 2, 3].map(terminal))).flat();
    expect(new Set(ids).size).toBe(20);
    const waited = await world.json(['wait', ...ids.map(String)]);
    expect(waited.tasks.map((task) => `${task.state} ${task.trouble}`)).toEqual(ids.map(() => 'done null'));
    expect(waited.tasks.map((task) => world.git(['show', `${task.branch}:t`])).sort()).toEqual(
      ids.map(String).sort(),
    );
    const registered = readdirSync(join(world.repo, '.git/worktrees'));
    expect(registered.sort()).toEqual(ids.map((id) => `phasr-${id}`).sort());
    expect(world.git(['branch', '--list', 'phasr/*']).split('\n')).toHaveLength(20);
    expect(world.git(['worktree', 'list', '--porcelain']).match(/^worktree /gm)).toHaveLength(21);
    await world.ok(['discard', ...ids.map(String)]);
    expect(world.git(['branch', '--list', 'phasr/*'])).toBe('');
    expect(world.git(['worktree', 'list', '--porcelain']).match(/^worktree /gm)).toHaveLength(1);
  }
  // The user's own commands never failed because of a lock of ours.
  expect(await user.stop()).toMatch(/^\d+ rounds, 0 failed\n$/);
  await waitFor(
    'the trash to be emptied',
    () => !world.has('.git/phasr/trash') || readdirSync(join(world.repo, '.git/phasr/trash')).length === 0,
  );
  expect(world.git(['fsck', '--strict'])).toBe('');
  expect(world.git(['for-each-ref', '--format=%(refname)', 'refs/phasr/base'])).toBe('');
  // 200 tasks on two processors: a limit against hanging for ever, no judgement of the machine.
}, 900_000);

test('no more runs than --jobs go on at once over all terminals and repositories, and the rest wait in order, as rows and not as processes', async () => {
  await using world = makeWorld('jobs');
  world.init();
  const other = join(world.root, 'other');
  world.init({ b: 'b\n' }, other);
  const gate = join(world.root, 'gate');
  const order = join(world.root, 'order');
  const agent = [
    'sh',
    '-c',
    `echo "$PHASR_PROMPT" >> "${order}"; while ! test -e "${gate}-$PHASR_PROMPT"; do sleep 0.02; done`,
  ];
  await world.ok(['run', 'a1', 'a2', 'a3', '--detach', '--jobs', '2', '--', ...agent]);
  await world.ok(['run', 'b1', 'b2', '--detach', '--', ...agent], { cwd: other });
  const states = async (): Promise<string> => {
    const here = (await world.json(['list'])).tasks;
    const there = (await world.json(['list'], { cwd: other })).tasks;
    return [...here, ...there].map((task) => `${task.title} ${task.state}`).join(', ');
  };
  await waitFor('two to run', async () => (await states()).match(/running/g)?.length === 2);
  expect(await states()).toBe('a1 running, a2 running, a3 queued, b1 queued, b2 queued');
  // Two supervisors, two recorders with their agents; nothing waits as a process.
  const helpers = world.processes().filter((pid) => world.commandLine(pid).includes('helper.cjs'));
  expect(helpers).toHaveLength(2);
  writeFileSync(`${gate}-a2`, '');
  await waitFor(
    'the next in line',
    async () => (await states()) === 'a1 running, a2 done, a3 running, b1 queued, b2 queued',
  );
  writeFileSync(`${gate}-a1`, '');
  await waitFor(
    'the next in line',
    async () => (await states()) === 'a1 done, a2 done, a3 running, b1 running, b2 queued',
  );
  // The number is one for all, and can be changed while they wait.
  await world.ok(['run', 'c1', '--detach', '--jobs', '3', '--', ...agent]);
  await waitFor(
    'one place more',
    async () => (await states()) === 'a1 done, a2 done, a3 running, c1 queued, b1 running, b2 running',
  );
  for (const name of ['a3', 'b1', 'b2', 'c1']) writeFileSync(`${gate}-${name}`, '');
  await world.ok(['wait']);
  await world.ok(['wait'], { cwd: other });
  expect(world.read('order', world.root).split('\n').slice(2)).toEqual(['a3', 'b1', 'b2', 'c1', '']);
});

test('50 commands at once lose no task and never meet a broken record', async () => {
  await using world = makeWorld('fifty');
  world.init();
  const one = async (n: number): Promise<void> => {
    if (n % 5 === 0) await world.ok(['run', `task ${n}`, '--detach', '--', 'true']);
    else expect((await world.json(['list'])).tasks).toBeDefined();
  };
  await Promise.all(Array.from({ length: 50 }, (_, n) => one(n)));
  await world.ok(['wait']);
  const { tasks } = await world.json(['list']);
  expect(tasks.map((task) => `${task.title} ${task.state}`).sort()).toEqual(
    [0, 5, 10, 15, 20, 25, 30, 35, 40, 45].map((n) => `task ${n} done`).sort(),
  );
});

test('two merges into the same checked-out branch at once both land, one after the other', async () => {
  await using world = makeWorld('two-merges');
  world.init();
  await world.json([
    'run',
    'one',
    'two',
    'three',
    'four',
    '--',
    'sh',
    '-c',
    'echo $PHASR_TASK > "file-$PHASR_TASK"',
  ]);
  const outs = await Promise.all([1, 2, 3, 4].map((id) => world.phasr(['merge', String(id)])));
  expect(outs.map(({ code, stderr }) => `${code} ${stderr}`)).toEqual(['0 ', '0 ', '0 ', '0 ']);
  expect(world.git(['status', '--porcelain'])).toBe('');
  expect(world.git(['ls-files']).split('\n')).toEqual([
    'README.md',
    'file-1',
    'file-2',
    'file-3',
    'file-4',
    'src/a.ts',
  ]);
});
