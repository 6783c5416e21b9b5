/**
 * Tasks whose agent says when it began and waits until it may go on, so that what happens before its first
 * instruction can be told apart.
 */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { until } from './world.mjs';

/** @import { Fixture } from './repositories.mjs' */
/** @import { World } from './world.mjs' */

/**
 * A git call as Phasr's own trace gives it.
 * @typedef {{ readonly git: readonly string[], readonly ms: number, readonly cwd: string }} GitCall
 */

/**
 * @typedef {object} LaunchedTask
 * @property {number} id
 * @property {string} branch
 * @property {number} returnMs Until `phasr run --detach` had returned.
 * @property {number} firstInstructionMs Until the agent's first instruction; from the same start.
 * @property {number} checkoutMs The part of that in which git wrote the files.
 * @property {readonly GitCall[]} git Everything that the command started, and the supervisor before it started the agent.
 */

/** The time first; then a one-file change, once the trace of what came before has been read. */
const AGENT = [
  'date +%s%N >"$1.part"',
  'mv "$1.part" "$1"',
  'until [ -e "$2" ]; do sleep 0.02; done',
  'echo "one line more" >>"$3"',
].join('\n');

/**
 * Launches one task, lets it change one file, and waits until it is committed and nothing works any more.
 * @param {World} world
 * @param {Fixture} fixture
 * @param {{ readonly env?: Record<string, string>, readonly onBegun?: () => void }} [options]
 * @returns {Promise<LaunchedTask>}
 */
export async function launchTask(world, fixture, { env = {}, onBegun } = {}) {
  const trace = world.fresh('traces');
  const begun = world.fresh('signals');
  const release = world.fresh('signals');
  const agent = ['sh', '-c', AGENT, 'agent', begun, release, fixture.editPath];
  const startMs = Date.now();
  const ran = await world.phasr(['run', 'change one file', '--detach', '--', ...agent], {
    cwd: fixture.repo,
    env: { PHASR_TRACE: trace, ...env },
  });
  await until(() => existsSync(begun), 'the agent to begin');
  onBegun?.();
  const git = readTrace(trace);
  const begunMs = Number(BigInt(readFileSync(begun, 'utf8').trim()) / 1000n) / 1000;
  const checkout = git.find(({ git: args }) => args.slice(0, 3).join(' ') === 'read-tree --reset -u');
  if (checkout === undefined) throw new Error('the trace of a launch holds no checkout');
  const [, id, branch] = /^task (\d+)  (\S+)$/m.exec(ran.stdout) ?? [];
  if (id === undefined || branch === undefined) throw new Error(`no task in: ${ran.stdout}`);
  await world.nextSecond();
  writeFileSync(release, '');
  await world.phasr(['wait', id], { cwd: fixture.repo });
  await world.settle();
  const firstInstructionMs = begunMs - startMs;
  return { id: Number(id), branch, returnMs: ran.ms, firstInstructionMs, checkoutMs: checkout.ms, git };
}

/**
 * Runs a command that ends by itself. Its git calls are counted the moment it ends: what it leaves to the
 * background is not waited for here.
 * @param {World} world
 * @param {Fixture} fixture
 * @param {{ readonly args: readonly string[], readonly env?: Record<string, string> }} command
 */
export async function runCounted(world, fixture, { args, env = {} }) {
  const trace = world.fresh('traces');
  const ran = await world.phasr(args, { cwd: fixture.repo, env: { PHASR_TRACE: trace, ...env } });
  return { ms: ran.ms, git: readTrace(trace), stdout: ran.stdout };
}

/**
 * @param {string} path
 * @returns {readonly GitCall[]}
 */
function readTrace(path) {
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}
