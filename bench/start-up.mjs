/** How long a person waits for a command that does next to nothing. */

import { interleave } from './timing.mjs';
import { runCounted } from './tasks.mjs';

/** @import { Bench } from './plan.mjs' */
/** @import { Fixture } from './repositories.mjs' */

export const VERSION = 'version';
export const LIST = 'list of 200 tasks';

const VERSION_RATIO_MAX = 2;
const LIST_RATIO_MAX = 4;
const TASKS = 200;
const JOBS = '8';

/** @param {Bench} bench */
export async function measureVersion({ world, rounds, report }) {
  const pairs = await interleave({
    rounds,
    warmUp: true,
    baseline: () => startNode(world),
    subject: async () => (await world.phasr(['--version'], { cwd: world.root })).ms,
  });
  report({
    name: VERSION,
    baseline: { label: 'node -e 0', values: pairs.baseline },
    subject: { label: 'phasr --version', values: pairs.subject },
    unit: 'ms',
    ratio: 'subject/baseline',
    limit: { of: 'ratio', by: 'median', side: 'at most', value: VERSION_RATIO_MAX },
    git: [],
  });
}

/**
 * @param {Bench} bench
 * @param {Fixture} fixture
 */
export async function measureList({ world, rounds, report }, fixture) {
  const prompts = Array.from({ length: TASKS }, (_, index) => `task number ${index + 1}`);
  const cwd = fixture.repo;
  await world.phasr(['run', ...prompts, '--jobs', JOBS, '--detach', '--', 'true'], { cwd });
  await world.phasr(['wait'], { cwd });
  await world.settle();
  /** @type {number[]} */
  const git = [];
  const pairs = await interleave({
    rounds,
    warmUp: true,
    baseline: () => startNode(world),
    subject: async () => {
      const ran = await runCounted(world, fixture, { args: ['list'] });
      const shown = ran.stdout.split('\n').filter((line) => line.includes('task number '));
      if (shown.length < TASKS)
        throw new Error(`list shows ${shown.length} of ${TASKS} tasks:\n${ran.stdout}`);
      git.push(ran.git.length);
      return ran.ms;
    },
  });
  report({
    name: LIST,
    baseline: { label: 'node -e 0', values: pairs.baseline },
    subject: { label: 'phasr list', values: pairs.subject },
    unit: 'ms',
    ratio: 'subject/baseline',
    limit: { of: 'ratio', by: 'median', side: 'at most', value: LIST_RATIO_MAX },
    git,
  });
}

/**
 * What Node itself takes: nothing written in JavaScript can be faster.
 * @param {Bench['world']} world
 */
export async function startNode(world) {
  return (await world.ok(process.execPath, ['-e', '0'], { cwd: world.root })).ms;
}
