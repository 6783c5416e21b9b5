/** The line of runs: nobody starts what would only fail, or what the machine cannot bear; and it says why it stands (user pain P32). */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { waitFor } from './support/wait-for.ts';
import { makeWorld, type World } from './support/world.ts';

async function states(world: World): Promise<readonly string[]> {
  return (await world.json(['list'])).tasks.map(({ state }) => state);
}

const names = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => `task ${index + 1}`);

test('three runs in a row that fail for a used-up quota pause the line; the others wait, it says why, and resume goes on', async () => {
  await using world = makeWorld('queue-quota');
  world.init();
  const quota = join(world.root, 'quota');
  const script = `test -e "${quota}" && exit 0; echo "API error: 429, your quota is used up until noon"; exit 1`;
  await world.ok(['run', ...names(6), '--jobs', '1', '--detach', '--', 'sh', '-c', script]);
  await waitFor(
    'three to fail',
    async () => (await states(world)).filter((state) => state === 'failed').length === 3,
  );
  await waitFor('the supervisors to end', () => world.processes().length === 0);
  // Whatever command comes: nothing more is started.
  const { tasks } = await world.json(['list']);
  expect(tasks.map(({ state }) => state)).toEqual([...Array(3).fill('failed'), ...Array(3).fill('queued')]);
  expect(tasks[3]?.evidence).toBe(
    'paused: 3 runs in a row failed with rate limit (API error: 429, your quota is used up until noon): phasr queue resume',
  );
  const queue = await world.json(['queue']);
  expect([queue.paused?.reason, queue.runs.map(({ position, title }) => [position, title])]).toEqual([
    '3 runs in a row failed with rate limit (API error: 429, your quota is used up until noon)',
    [
      [1, 'task 4'],
      [2, 'task 5'],
      [3, 'task 6'],
    ],
  ]);
  expect(await world.ok(['queue'])).toContain('let it move again: phasr queue resume');
  writeFileSync(quota, '');
  expect(await world.ok(['queue', 'resume'])).toContain('the line moves again');
  await world.ok(['wait', '4-6']);
  expect(await states(world)).toEqual([...Array(3).fill('failed'), ...Array(3).fill('done')]);
  expect((await world.json(['queue'])).paused).toBe(null);
});

test('failures of other kinds, and three with a success between them, pause nothing', async () => {
  await using world = makeWorld('queue-others');
  world.init();
  const script = [
    'case $PHASR_TASK in',
    '1|2|4|5) echo "429 too many requests"; exit 1;;',
    '6|7|8) echo "segmentation fault"; exit 1;;',
    'esac',
  ].join('\n');
  await world.phasr(['run', ...names(8), '--jobs', '1', '--', 'sh', '-c', script]);
  expect(await states(world)).toEqual(names(8).map((_, index) => (index === 2 ? 'done' : 'failed')));
  expect((await world.json(['queue'])).paused).toBe(null);
});

test('with too little memory nothing is started beside what runs; the line goes on one by one and says why', async () => {
  await using world = makeWorld('queue-memory');
  world.init();
  mkdirSync(join(world.home, '.config/phasr'), { recursive: true });
  for (const [setting, why] of [
    ['memory = "900000GB"', /^waits until more memory is free \(.* of .*\) \(1 of 2 in the line\)$/],
    ['memory = "0"\nload = 0', null],
  ] as const) {
    writeFileSync(join(world.home, '.config/phasr/config.toml'), `[queue]\n${setting}\n`);
    const gate = join(world.root, `gate-${why === null ? 'open' : 'held'}`);
    const before = (await world.json(['list', '--all'])).tasks.length;
    const script = `while ! test -e "${gate}"; do sleep 0.05; done`;
    await world.ok(['run', ...names(3), '--jobs', '3', '--detach', '--', 'sh', '-c', script]);
    const present = await waitFor('the first to run', async () => {
      const tasks = (await world.json(['list'])).tasks.slice(before);
      const running = tasks.filter(({ state }) => state === 'running').length;
      return running >= (why === null ? 3 : 1) ? tasks : undefined;
    });
    if (why !== null) {
      expect(present.map(({ state }) => state)).toEqual(['running', 'queued', 'queued']);
      expect(present[1]?.evidence).toMatch(why);
      expect(present[2]?.evidence).toBe('waits for a free place (2 of 2 in the line)');
      expect((await world.json(['queue'])).hold).toContain('more memory is free');
    }
    writeFileSync(gate, '');
    await world.ok(['wait', `${before + 1}-${before + 3}`]);
    expect((await states(world)).slice(before)).toEqual(Array(3).fill('done'));
  }
});

test('paused by hand the line stands and what runs goes on; a word that it does not know is a mistake', async () => {
  await using world = makeWorld('queue-pause');
  world.init();
  const gate = join(world.root, 'gate');
  await world.ok([
    'run',
    'first',
    '--jobs',
    '1',
    '--detach',
    '--',
    'sh',
    '-c',
    `while ! test -e "${gate}"; do sleep 0.05; done`,
  ]);
  await world.ok(['run', 'second', '--detach', '--', 'true']);
  await world.ok(['queue', 'pause']);
  writeFileSync(gate, '');
  await world.ok(['wait', '1']);
  await waitFor('the supervisor to end', () => world.processes().length === 0);
  expect(await states(world)).toEqual(['done', 'queued']);
  expect((await world.json(['list'])).tasks[1]?.evidence).toBe('paused: by hand: phasr queue resume');
  expect((await world.phasr(['queue', 'empty'])).code).toBe(2);
  await world.ok(['queue', 'resume']);
  await world.ok(['wait', '2']);
  expect(await states(world)).toEqual(['done', 'done']);
  expect(await world.ok(['queue', 'resume'])).toContain('the line was not paused');
});
