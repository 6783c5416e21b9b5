/** What keeps tasks apart, in time: making a worktree of its own git dir, bringing commits over, and looking out while a task runs. */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { launchTask } from './tasks.mjs';
import { interleave } from './timing.mjs';
import { until } from './world.mjs';

/** @import { Bench } from './plan.mjs' */
/** @import { Fixture } from './repositories.mjs' */
/** @import { World } from './world.mjs' */

const WORKTREE_RATIO_MAX = 1.3;
const WORKTREE_OVER_MS_MAX = 60;
const BRING_OVER_MS_MAX = 40;
export const BRING_OVER = 'bringing over one commit';
export const LOOKOUT = 'lookout of a run without walls';
export const QUIET = {
  off: 'git processes while a task runs, without walls',
  auto: 'git processes while a task runs, behind walls',
};
/** Some milliseconds between two commands need more rounds. */
const SYNC_ROUNDS_MIN = 15;
/** Two looks of the lookout, and four of what brings commits over, are in it. */
const QUIET_MS = 8000;

/** @param {{ readonly label: string }} fixture */
export function worktreeNames({ label }) {
  return { ratio: `worktree, ${label}`, over: `worktree over git worktree add, ${label}` };
}

/**
 * From the moment that a run is prepared to the moment that its worktree is ready, as the events say, beside `git worktree add` with a branch.
 * @param {Bench} bench
 * @param {Fixture} fixture
 */
export async function measureWorktree({ world, rounds, report }, fixture) {
  const names = worktreeNames(fixture);
  const pairs = await interleave({
    rounds,
    baseline: async (round) => {
      const worktree = world.fresh('worktrees');
      const branch = `bench-${round}-${world.count}`;
      const added = await world.ok('git', ['worktree', 'add', '-q', '-b', branch, worktree, fixture.base], {
        cwd: fixture.clone,
      });
      await world.settle();
      return added.ms;
    },
    subject: async () => {
      const { id } = await launchTask(world, fixture);
      const shown = await world.phasr(['show', String(id), '--json'], { cwd: fixture.repo });
      /** @type {{ events: readonly { type: string, at: string }[] }} */
      const { events } = JSON.parse(shown.stdout);
      const at = (/** @type {string} */ type) =>
        Date.parse(events.find((event) => event.type === type)?.at ?? '');
      return at('worktree.ready') - at('run.prepared');
    },
  });
  const subject = { label: 'run.prepared to worktree.ready', values: pairs.subject };
  report({
    name: names.ratio,
    baseline: { label: 'git worktree add', values: pairs.baseline },
    subject,
    unit: 'ms',
    ratio: 'subject/baseline',
    limit: { of: 'ratio', by: 'median', side: 'at most', value: WORKTREE_RATIO_MAX },
    git: [],
  });
  report({
    name: names.over,
    baseline: null,
    subject: { ...subject, values: pairs.subject.map((ms, round) => ms - (pairs.baseline[round] ?? 0)) },
    unit: 'ms',
    ratio: null,
    limit: { of: 'subject', by: 'median', side: 'at most', value: WORKTREE_OVER_MS_MAX },
    git: [],
  });
}

/**
 * `phasr sync` of a task with one commit more than the repository has, less the same with none.
 * @param {Bench} bench
 * @param {Fixture} fixture
 */
export async function measureBringOver({ world, rounds, report }, fixture) {
  const { id } = await launchTask(world, fixture);
  const path = await world.phasr(['path', String(id)], { cwd: fixture.repo });
  const worktree = path.stdout.trim();
  const sync = async () => {
    const { ms } = await world.phasr(['sync', String(id)], { cwd: fixture.repo });
    return ms;
  };
  const pairs = await interleave({
    rounds: Math.max(rounds, SYNC_ROUNDS_MIN),
    warmUp: true,
    baseline: sync,
    subject: async (round) => {
      writeFileSync(`${worktree}/brought-over`, `${round} ${Date.now()}\n`);
      await world.git(['add', 'brought-over'], worktree);
      await world.git(['commit', '-q', '-m', `round ${round}`], worktree);
      await world.settle();
      return sync();
    },
  });
  report({
    name: BRING_OVER,
    baseline: null,
    subject: {
      label: 'phasr sync with a new commit, less without',
      values: pairs.subject.map((ms, round) => ms - (pairs.baseline[round] ?? 0)),
    },
    unit: 'ms',
    ratio: null,
    limit: { of: 'subject', by: 'median', side: 'at most', value: BRING_OVER_MS_MAX },
    git: [],
  });
}

/**
 * What taking the fingerprint adds to a launch without walls.
 * @param {Bench} bench
 * @param {Fixture} fixture
 */
export async function measureLookout({ world, rounds, report }, fixture) {
  const launch = async (/** @type {string} */ detection) => {
    const config = world.fresh('signals');
    writeFileSync(config, `[isolation]\ndetection = "${detection}"\n`);
    const task = await launchTask(world, fixture, { env: { PHASR_SANDBOX: 'off', PHASR_CONFIG: config } });
    return task.firstInstructionMs - task.checkoutMs;
  };
  const pairs = await interleave({
    rounds: Math.max(rounds, SYNC_ROUNDS_MIN),
    warmUp: true,
    baseline: () => launch('off'),
    subject: () => launch('block'),
  });
  report({
    name: `${LOOKOUT}, ${fixture.label}`,
    baseline: null,
    subject: {
      label: 'run to agent less checkout, with detection less without',
      values: pairs.subject.map((ms, round) => ms - (pairs.baseline[round] ?? 0)),
    },
    unit: 'ms',
    ratio: null,
    limit: null,
    git: [],
  });
}

/**
 * An agent that does nothing for a while: what Phasr starts meanwhile.
 * @param {Bench} bench
 * @param {Fixture} fixture
 */
export async function measureQuiet({ world, wants, report }, fixture) {
  for (const [level, name] of Object.entries(QUIET)) {
    if (!wants(name)) continue;
    const count = await countWhileQuiet(world, fixture, level);
    report({
      name,
      baseline: null,
      subject: { label: `${QUIET_MS / 1000} s`, values: [count] },
      unit: 'git processes',
      ratio: null,
      limit: { of: 'subject', by: 'worst', side: 'at most', value: 0 },
      git: [],
    });
  }
}

/**
 * @param {World} world
 * @param {Fixture} fixture
 * @param {string} level
 */
async function countWhileQuiet(world, fixture, level) {
  const trace = world.fresh('traces');
  const begun = world.fresh('signals');
  const release = world.fresh('signals');
  const script = 'echo begun > "$1"; until [ -e "$2" ]; do sleep 0.05; done';
  const env = { PHASR_TRACE: trace, PHASR_SANDBOX: level };
  // Behind walls it writes into its own worktree alone, or where everybody may.
  await world.phasr(['run', 'wait', '--detach', '--', 'sh', '-c', script, 'agent', begun, release], {
    cwd: fixture.repo,
    env,
  });
  await until(() => existsSync(begun), 'the agent to begin');
  await delay(1000);
  const lines = () => readFileSync(trace, 'utf8').split('\n').length;
  const before = lines();
  await delay(QUIET_MS);
  const count = lines() - before;
  writeFileSync(release, '');
  await world.settle();
  return count;
}
