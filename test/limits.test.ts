/** What a run takes of the machine has limits where the person sets them, and what hit one is said in words (user pain P33). */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { waitFor } from './support/wait-for.ts';
import { makeWorld } from './support/world.ts';

/** 300 MB in a child of a child, in a session of its own. */
const HUNGRY = `echo kept > kept; setsid sh -c '"${process.execPath}" -e "const a = Buffer.alloc(3e8, 1); setInterval(() => a, 1000)" & wait' & wait`;
const FORKS = 'echo kept > kept; for n in $(seq 60); do sleep 600 & done; wait';
const FILLS =
  'echo kept > kept; mkdir -p a/b; while :; do head -c 3000000 /dev/zero > a/b/big.$(date +%N); sleep 0.05; done';

test.skipIf(process.platform !== 'linux').each([
  ['memory = "150MB"', HUNGRY, /^stopped at its memory limit: \d+ MB, 150 MB allowed$/],
  ['processes = 20', FORKS, /^stopped at its process limit: 6\d processes, 20 allowed$/],
  ['disk = "20MB"', FILLS, /^stopped at its disk limit: \d+ MB added, 20 MB allowed$/],
])(
  'a run that goes over [limits] %s is stopped, says so, and its work is kept',
  async (limit, script, said) => {
    await using world = makeWorld('limits');
    world.init();
    mkdirSync(join(world.home, '.config/phasr'), { recursive: true });
    writeFileSync(join(world.home, '.config/phasr/config.toml'), `[limits]\n${limit}\n`);
    const modest = await world.task('echo 1 > one; sleep 2', { prompt: 'modest' });
    expect([modest.state, modest.evidence]).toEqual(['done', 'exit code 0']);
    const task = await world.task(script, { prompt: 'immodest' });
    expect([task.state, task.evidence]).toEqual(['stopped', expect.stringMatching(said)]);
    expect(world.git(['show', `${task.branch}:kept`])).toBe('kept');
    await waitFor('everything to end', () => world.processes().length === 0);
  },
);
