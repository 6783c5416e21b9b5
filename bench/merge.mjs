/**
 * `phasr merge` of a one-file task into a branch that is checked out, beside git's own fast-forward of the
 * same commit.
 */

import { LARGE_FILES } from './plan.mjs';
import { runCounted } from './tasks.mjs';
import { interleave } from './timing.mjs';

/** @import { Bench } from './plan.mjs' */
/** @import { Fixture } from './repositories.mjs' */
/** @import { LaunchedTask } from './tasks.mjs' */

const RATIO_MAX = 3;

/** @param {{ readonly label: string }} fixture */
export function mergeName({ label }) {
  return `merge, ${label}`;
}

/**
 * Each round merges another task, which is gone afterwards, and goes back to the base commit.
 * @param {Bench} bench
 * @param {Fixture} fixture
 * @param {readonly LaunchedTask[]} tasks One for each round.
 */
export async function measureMerge({ world, rounds, report }, fixture, tasks) {
  const { repo, clone, base, files } = fixture;
  const names = tasks.map((task) => `refs/heads/${task.branch}:refs/heads/bench-${task.id}`);
  await world.git(['fetch', '-q', repo, ...names], clone);
  // Both sides begin with an index that git trusts.
  await world.nextSecond();
  for (const cwd of [repo, clone]) await world.git(['reset', '-q', '--hard', base], cwd);
  /** @type {number[]} */
  const git = [];
  const taskOf = (/** @type {number} */ round) => {
    const task = tasks[round];
    if (task === undefined) throw new Error(`no task for round ${round}`);
    return task;
  };
  /** @type {(cwd: string, task: LaunchedTask) => Promise<void>} */
  const goBack = async (cwd, { id }) => {
    const head = await world.git(['rev-parse', 'HEAD'], cwd);
    const commit = await world.git(['rev-parse', `bench-${id}`], clone);
    if (head !== commit) throw new Error(`${cwd} is at ${head} after the merge of ${commit}`);
    await world.git(['reset', '-q', '--hard', base], cwd);
    await world.settle();
  };
  await world.settle();
  const pairs = await interleave({
    rounds,
    baseline: async (round) => {
      const task = taskOf(round);
      const ran = await world.ok('git', ['merge', '--ff-only', `bench-${task.id}`], { cwd: clone });
      await goBack(clone, task);
      return ran.ms;
    },
    subject: async (round) => {
      const task = taskOf(round);
      const ran = await runCounted(world, fixture, { args: ['merge', String(task.id)] });
      git.push(ran.git.length);
      await goBack(repo, task);
      return ran.ms;
    },
  });
  report({
    name: mergeName(fixture),
    baseline: { label: 'git merge --ff-only', values: pairs.baseline },
    subject: { label: 'phasr merge', values: pairs.subject },
    unit: 'ms',
    ratio: 'subject/baseline',
    limit: files >= LARGE_FILES ? { of: 'ratio', by: 'median', side: 'at most', value: RATIO_MAX } : null,
    git,
  });
}
