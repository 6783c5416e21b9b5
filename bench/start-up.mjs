/** How long a person waits for a command that does next to nothing. */

import { pathToFileURL } from 'node:url';
import { interleave } from './timing.mjs';
import { runCounted } from './tasks.mjs';

/** @import { Bench } from './plan.mjs' */
/** @import { Fixture } from './repositories.mjs' */

export const VERSION = 'version';
export const LIST = 'list of 200 tasks';
export const RECOVER = 'recover with 200 tasks';

const VERSION_RATIO_MAX = 2;
const LIST_RATIO_MAX = 4;
/** What every command pays at its start while nothing is wrong. */
const RECOVER_MS_MAX = 10;
const TASKS = 200;
const JOBS = '8';
/** A few milliseconds' difference between two processes needs more rounds than a whole command. */
const ROUNDS_MIN = 21;

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
 * Launches the tasks that {@link measureList} and {@link measureRecover} look at.
 * @param {Bench} bench
 * @param {Fixture} fixture
 */
export async function launchMany({ world }, fixture) {
  const prompts = Array.from({ length: TASKS }, (_, index) => `task number ${index + 1}`);
  const cwd = fixture.repo;
  await world.phasr(['run', ...prompts, '--jobs', JOBS, '--detach', '--', 'true'], { cwd });
  await world.phasr(['wait'], { cwd });
  await world.settle();
}

/**
 * @param {Bench} bench
 * @param {Fixture} fixture
 */
export async function measureList({ world, rounds, report }, fixture) {
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

/** Opens a repository as every command does, which ends with the recovery; that nothing had to be recovered is asked once more. */
const OPEN = `
  const [library, directory] = process.argv.slice(1);
  const { openPhasr } = await import(library);
  const startMs = performance.now();
  const phasr = await openPhasr({ directory });
  const openMs = performance.now() - startMs;
  const recovered = await phasr.recover();
  phasr.close();
  console.log(JSON.stringify({ openMs, recovered: recovered.length }));
`;

/**
 * What the recovery at the start of every command costs while nothing is wrong, in a process of its own for each round: opening a repository with many
 * idle tasks, less opening one without any. That holds the first look into the database too, and so is more than the recovery, never less.
 * @param {Bench} bench
 * @param {Fixture} fixture With the tasks.
 * @param {Fixture} empty Without any.
 */
export async function measureRecover({ world, rounds, report }, fixture, empty) {
  const library = pathToFileURL(world.path('program', 'dist', 'index.js')).href;
  /** @param {Fixture} opened */
  const open = async ({ repo }) => {
    const args = ['--input-type=module', '-e', OPEN, library, repo];
    const { openMs, recovered } = JSON.parse(
      (await world.ok(process.execPath, args, { cwd: world.root })).stdout,
    );
    if (recovered !== 0) throw new Error(`${recovered} of the tasks had to be recovered`);
    return openMs;
  };
  const pairs = await interleave({
    rounds: Math.max(rounds, ROUNDS_MIN),
    warmUp: true,
    baseline: () => open(empty),
    subject: () => open(fixture),
  });
  report({
    name: RECOVER,
    baseline: { label: 'open without tasks', values: pairs.baseline },
    subject: {
      label: 'more with 200',
      values: pairs.subject.map((ms, index) => ms - (pairs.baseline[index] ?? Number.NaN)),
    },
    unit: 'ms',
    ratio: null,
    limit: { of: 'subject', by: 'median', side: 'at most', value: RECOVER_MS_MAX },
    git: [],
  });
}

/**
 * What Node itself takes: nothing written in JavaScript can be faster.
 * @param {Bench['world']} world
 */
export async function startNode(world) {
  return (await world.ok(process.execPath, ['-e', '0'], { cwd: world.root })).ms;
}
