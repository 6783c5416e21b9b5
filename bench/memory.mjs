/** The peak memory of a supervisor whose agent prints a lot. */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { until } from './world.mjs';

/** @import { Bench } from './plan.mjs' */
/** @import { Fixture } from './repositories.mjs' */
/** @import { World } from './world.mjs' */

export const memoryNames = {
  much: 'memory, 100 MB printed',
  veryMuch: 'memory, 1 GB printed',
  whole: 'memory, 1 GB printed, to the end',
};

const LIMIT_MB = 60;
const MB = 1_000_000;
/** Memory is not noisy; a run that prints 1 GB is not short. */
const ROUNDS_MAX = 3;
/** A supervisor looks at the output ten times a second; it has seen the end of it by then. */
const AFTER_OUTPUT_MS = 500;

/** What it prints, then a sign that it has, then it waits for leave to end. */
const AGENT = [
  'yes "one line of output, about as long as those that a coding agent prints" | head -c "$1"',
  ': >"$2"',
  'until [ -e "$3" ]; do sleep 0.02; done',
].join('\n');

/** @typedef {{ printingMb: number, wholeMb: number }} Peak */

/**
 * @param {Bench} bench
 * @param {Fixture} fixture
 */
export async function measureMemory({ world, rounds, report }, fixture) {
  /** @type {Record<'quiet' | 'much' | 'veryMuch', Peak[]>} */
  const peaks = { quiet: [], much: [], veryMuch: [] };
  for (let round = 0; round < Math.min(rounds, ROUNDS_MAX); round++) {
    peaks.quiet.push(await runPrinting(world, fixture, 0));
    peaks.much.push(await runPrinting(world, fixture, 100 * MB));
    peaks.veryMuch.push(await runPrinting(world, fixture, 1000 * MB));
  }
  const printing = (/** @type {readonly Peak[]} */ runs) => runs.map(({ printingMb }) => printingMb);
  const quiet = { label: 'nothing printed', values: printing(peaks.quiet) };
  report({
    name: memoryNames.much,
    baseline: quiet,
    subject: { label: 'supervisor', values: printing(peaks.much) },
    unit: 'MB',
    ratio: 'subject/baseline',
    limit: { of: 'subject', by: 'worst', side: 'at most', value: LIMIT_MB },
    git: [],
  });
  // Memory must not grow with the output; ten times as much shows whether it does.
  report({
    name: memoryNames.veryMuch,
    baseline: { label: '100 MB printed', values: printing(peaks.much) },
    subject: { label: 'supervisor', values: printing(peaks.veryMuch) },
    unit: 'MB',
    ratio: 'subject/baseline',
    limit: null,
    git: [],
  });
  // Committing comes after the printing.
  report({
    name: memoryNames.whole,
    baseline: { label: 'nothing printed', values: peaks.quiet.map(({ wholeMb }) => wholeMb) },
    subject: { label: 'supervisor, committing too', values: peaks.veryMuch.map(({ wholeMb }) => wholeMb) },
    unit: 'MB',
    ratio: 'subject/baseline',
    limit: null,
    git: [],
  });
}

/**
 * @param {World} world
 * @param {Fixture} fixture
 * @param {number} bytes
 * @returns {Promise<Peak>}
 */
async function runPrinting(world, fixture, bytes) {
  const printed = world.fresh('signals');
  const release = world.fresh('signals');
  const agent = ['sh', '-c', AGENT, 'agent', String(bytes), printed, release];
  const ran = await world.phasr(['run', `print ${bytes} bytes`, '--detach', '--', ...agent], {
    cwd: fixture.repo,
  });
  const id = /^task (\d+) /m.exec(ran.stdout)?.[1] ?? '';
  await until(() => existsSync(printed), 'the agent to have printed');
  await delay(AFTER_OUTPUT_MS);
  const supervisors = world.pids().filter((pid) => isSupervisor(pid));
  const [pid] = supervisors;
  if (pid === undefined || supervisors.length !== 1)
    throw new Error(`${supervisors.length} supervisors where one was expected`);
  const printing = readPeakMb(pid);
  if (printing === undefined) throw new Error('the supervisor ended before its agent did');
  writeFileSync(release, '');
  let whole = printing;
  await until(() => {
    const now = readPeakMb(pid);
    whole = now ?? whole;
    return now === undefined;
  }, 'the supervisor to end');
  // Exit code 0 says that the task is done.
  await world.phasr(['wait', id], { cwd: fixture.repo });
  await world.settle();
  return { printingMb: printing, wholeMb: whole };
}

/** @param {number} pid */
function isSupervisor(pid) {
  try {
    const [, program = '', verb] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return program.endsWith('helper.cjs') && verb === 'supervise';
  } catch {
    // Safe to ignore: it has just ended.
    return false;
  }
}

/**
 * The most that a process has ever had in memory; undefined when it has ended.
 * @param {number} pid
 */
function readPeakMb(pid) {
  try {
    const kib = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
    return kib === undefined ? undefined : (Number(kib) * 1024) / MB;
  } catch {
    // Safe to ignore: there is no such process any more.
    return undefined;
  }
}
