/**
 * From `phasr run` to the agent's first instruction, and the other commands that a person gives while tasks
 * are there.
 */

import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startNode } from './start-up.mjs';
import { launchTask, runCounted } from './tasks.mjs';
import { interleave } from './timing.mjs';

/** @import { Bench } from './plan.mjs' */
/** @import { Fixture } from './repositories.mjs' */
/** @import { LaunchedTask } from './tasks.mjs' */

const OVERHEAD_MS_MAX = 300;
const GIT_PROCESSES_MAX = 10;
export const WALLS = 'sandbox start';
const WALLS_MS_MAX = 30;
/** A few milliseconds between two launches need more rounds than a launch. */
const WALLS_ROUNDS_MIN = 15;

/** @param {{ readonly label: string }} fixture */
export function launchNames({ label }) {
  return {
    overhead: `launch overhead, ${label}`,
    processes: `launch git processes, ${label}`,
    checkout: `launch checkout, ${label}`,
    whole: `launch in all, ${label}`,
    run: `run --detach, ${label}`,
  };
}

/** @param {{ readonly label: string }} fixture */
export function lookNames({ label }) {
  return { show: `show, ${label}`, diff: `diff --stat, ${label}` };
}

/**
 * @typedef {object} Launches
 * @property {readonly LaunchedTask[]} tasks
 * @property {readonly string[]} worktrees Made by git alone, in the clone, at the same commit; one for each task.
 */

/**
 * Launches a task in each round, and beside it lets git alone check out the same commit. All of them stay:
 * file systems are slow to create files for a minute or more after as many were deleted (ext4 does not reuse
 * an inode at once), so nothing is deleted before all is made.
 * @param {Bench} bench
 * @param {Fixture} fixture
 * @returns {Promise<Launches>}
 */
export async function measureLaunch(bench, fixture) {
  const { world, rounds } = bench;
  /** @type {LaunchedTask[]} */
  const tasks = [];
  /** @type {string[]} */
  const worktrees = [];
  const pairs = await interleave({
    rounds,
    baseline: async () => {
      const worktree = world.fresh('worktrees');
      await world.git(
        ['worktree', 'add', '-q', '--detach', '--no-checkout', worktree, fixture.base],
        fixture.clone,
      );
      await world.settle();
      const checkedOut = await world.ok('git', ['read-tree', '--reset', '-u', fixture.base], {
        cwd: worktree,
      });
      worktrees.push(worktree);
      await world.settle();
      return checkedOut.ms;
    },
    subject: async () => {
      const task = await launchTask(world, fixture);
      tasks.push(task);
      return task.firstInstructionMs;
    },
  });
  reportLaunch(bench, fixture, { tasks, checkouts: pairs.baseline });
  return { tasks, worktrees };
}

/**
 * @param {Bench} bench
 * @param {Fixture} fixture
 * @param {{ readonly tasks: readonly LaunchedTask[], readonly checkouts: readonly number[] }} measured
 */
function reportLaunch({ report }, fixture, { tasks, checkouts }) {
  const names = launchNames(fixture);
  const baseline = { label: 'git read-tree', values: checkouts };
  const git = tasks.map((task) => task.git.length);
  report({
    name: names.overhead,
    baseline: null,
    subject: {
      label: 'run to agent, less checkout',
      values: tasks.map((task) => task.firstInstructionMs - task.checkoutMs),
    },
    unit: 'ms',
    ratio: null,
    limit: { of: 'subject', by: 'median', side: 'at most', value: OVERHEAD_MS_MAX },
    git: [],
  });
  report({
    name: names.processes,
    baseline: null,
    subject: { label: 'run to agent', values: git },
    unit: 'git processes',
    ratio: null,
    limit: { of: 'subject', by: 'worst', side: 'at most', value: GIT_PROCESSES_MAX },
    git: [],
  });
  // Should work move into the checkout, or slow it down, the overhead alone would not tell.
  report({
    name: names.checkout,
    baseline,
    subject: { label: 'inside the launch', values: tasks.map((task) => task.checkoutMs) },
    unit: 'ms',
    ratio: 'subject/baseline',
    limit: null,
    git: [],
  });
  report({
    name: names.whole,
    baseline,
    subject: { label: 'run to agent', values: tasks.map((task) => task.firstInstructionMs) },
    unit: 'ms',
    ratio: 'subject/baseline',
    limit: null,
    git: [],
  });
  report({
    name: names.run,
    baseline: null,
    subject: { label: 'phasr run --detach', values: tasks.map((task) => task.returnMs) },
    unit: 'ms',
    ratio: null,
    limit: null,
    git: [],
  });
}

/**
 * What the sandbox adds to a launch: its probe, and the walls of the run itself. Both launches are made in each round.
 * @param {Bench} bench
 * @param {Fixture} fixture
 */
export async function measureWalls({ world, rounds, report }, fixture) {
  // Without walls a launch takes a fingerprint, which is measured for itself.
  const config = world.fresh('signals');
  writeFileSync(config, '[isolation]\ndetection = "off"\n');
  const launch = async (/** @type {string} */ level) => {
    const task = await launchTask(world, fixture, { env: { PHASR_SANDBOX: level, PHASR_CONFIG: config } });
    // Its time depends on what the disk has been doing.
    return task.firstInstructionMs - task.checkoutMs;
  };
  const pairs = await interleave({
    rounds: Math.max(rounds, WALLS_ROUNDS_MIN),
    warmUp: true,
    baseline: () => launch('off'),
    subject: () => launch('auto'),
  });
  report({
    name: WALLS,
    baseline: null,
    subject: {
      label: 'run to agent less checkout, with walls less without',
      values: pairs.subject.map((ms, round) => ms - (pairs.baseline[round] ?? 0)),
    },
    unit: 'ms',
    ratio: null,
    limit: { of: 'subject', by: 'median', side: 'at most', value: WALLS_MS_MAX },
    git: [],
  });
}

/**
 * `phasr show` and `phasr diff --stat` of a one-file task.
 * @param {Bench} bench
 * @param {Fixture} fixture
 * @param {LaunchedTask} task
 */
export async function measureLooks(bench, fixture, task) {
  const { world } = bench;
  const names = lookNames(fixture);
  const id = String(task.id);
  if (bench.wants(names.show)) {
    await measureLook(bench, fixture, {
      name: names.show,
      args: ['show', id],
      label: 'node -e 0',
      baseline: () => startNode(world),
    });
  }
  if (!bench.wants(names.diff)) return;
  const worktree = world.fresh('worktrees');
  await world.git(['worktree', 'add', '-q', '--detach', worktree, fixture.base], fixture.clone);
  await world.nextSecond();
  await world.git(['reset', '-q', '--hard'], worktree);
  appendFileSync(join(worktree, fixture.editPath), 'one line more\n');
  await world.settle();
  const diff = ['diff', '--stat', fixture.base];
  await measureLook(bench, fixture, {
    name: names.diff,
    args: ['diff', '--stat', id],
    label: 'git diff --stat',
    baseline: async () => (await world.ok('git', diff, { cwd: worktree })).ms,
  });
}

/**
 * @param {Bench} bench
 * @param {Fixture} fixture
 * @param {{ name: string, args: readonly string[], label: string, baseline: () => Promise<number> }} look
 */
async function measureLook({ world, rounds, report }, fixture, { name, args, label, baseline }) {
  /** @type {number[]} */
  const git = [];
  const pairs = await interleave({
    rounds,
    warmUp: true,
    baseline,
    subject: async () => {
      const ran = await runCounted(world, fixture, { args });
      git.push(ran.git.length);
      return ran.ms;
    },
  });
  report({
    name,
    baseline: { label, values: pairs.baseline },
    subject: { label: `phasr ${args.slice(0, -1).join(' ')}`, values: pairs.subject },
    unit: 'ms',
    ratio: 'subject/baseline',
    limit: null,
    git,
  });
}
