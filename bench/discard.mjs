/**
 * `phasr discard`, which returns before the files are deleted, beside `git worktree remove`, which does not.
 */

import { LARGE_FILES } from './plan.mjs';
import { runCounted } from './tasks.mjs';
import { interleave } from './timing.mjs';

/** @import { Launches } from './launch.mjs' */
/** @import { Bench } from './plan.mjs' */
/** @import { Fixture } from './repositories.mjs' */

const TIMES_FASTER_MIN = 10;

/** @param {{ readonly label: string }} fixture */
export function discardName({ label }) {
  return `discard, ${label}`;
}

/**
 * Both kinds of worktree have reached the disk by now, as those of real tasks have: git deletes files that it
 * has just written several times as fast.
 * @param {Bench} bench
 * @param {Fixture} fixture
 * @param {Launches} launches A task and a worktree of git's own for each round.
 */
export async function measureDiscard({ world, rounds, report }, fixture, { tasks, worktrees }) {
  /** @type {number[]} */
  const git = [];
  const pairs = await interleave({
    rounds,
    baseline: async (round) => {
      const args = ['worktree', 'remove', '--force', worktrees[round] ?? ''];
      const ran = await world.ok('git', args, { cwd: fixture.clone });
      await world.settle();
      return ran.ms;
    },
    subject: async (round) => {
      const ran = await runCounted(world, fixture, { args: ['discard', String(tasks[round]?.id)] });
      git.push(ran.git.length);
      await world.settle();
      return ran.ms;
    },
  });
  report({
    name: discardName(fixture),
    baseline: { label: 'git worktree remove', values: pairs.baseline },
    subject: { label: 'phasr discard', values: pairs.subject },
    unit: 'ms',
    ratio: 'baseline/subject',
    limit:
      fixture.files >= LARGE_FILES
        ? { of: 'ratio', by: 'median', side: 'at least', value: TIMES_FASTER_MIN }
        : null,
    git,
  });
}
