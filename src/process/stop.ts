/**
 * Ends everything that belongs to a run, and nothing else.
 *
 * Agents start their tools in sessions of their own, ignore signals and leave daemons, so neither a pid nor a process
 * group is enough. What belongs to a run is: whatever carries its marker in its environment, whatever is in the group or session
 * of such a process, and the descendants of these. Nothing is ever chosen by name or port, and each process is checked by pid *and* start time
 * right before it is signalled.
 */

import { setTimeout as delay } from 'node:timers/promises';
import { systemCode } from '../base/errors.ts';
import { identityKey, type ProcessIdentity } from '../base/identity.ts';
import { carriesVariable, isAlive, listProcesses, type ProcessRow } from './table.ts';

export type Belonging = {
  /** `NAME=value` that the run's processes carry. */
  readonly variable: string;
  /** The wrapper that waits for the agent and writes down how it ended; it is ended last. */
  readonly recorder: ProcessIdentity;
};

export type StopLimits = {
  /** How long processes may take after SIGTERM before they get SIGKILL. */
  readonly graceMs: number;
  /** How long to go on with SIGKILL; a process in an uninterruptible wait of the kernel may outlast it. */
  readonly killMs: number;
};

export type Stopped = {
  /** How many processes were ended, the recorder not counted. */
  readonly ended: number;
  /** What could not be ended in time. */
  readonly survivors: readonly ProcessIdentity[];
};

const POLL_MS = 25;
/** How long the recorder gets to write down the agent's end by itself. */
const RECORDER_GRACE_MS = 1000;

/** The processes of a run that live now, the recorder not included. */
export async function findBelonging(run: Belonging): Promise<readonly ProcessRow[]> {
  // What is chosen here is ended: a marker that is no real one must choose nothing.
  if (!/^[A-Z_]+=.{8,}$/.test(run.variable)) throw new Error(`not a run's marker: ${run.variable}`);
  const rows = await listProcesses();
  const chosen = new Map<number, ProcessRow>();
  const groups = new Set<number>();
  const sessions = new Set<number>();
  for (const row of rows) {
    if (row.pid === process.pid || !(await carriesVariable(row, run.variable))) continue;
    chosen.set(row.pid, row);
    groups.add(row.groupId);
    sessions.add(row.sessionId);
  }
  const ours = new Set(chosen.keys());
  for (const row of rows) {
    // A group or session is the run's own when the run's process leads it; never one that it merely sits in.
    const inGroup = groups.has(row.groupId) && ours.has(row.groupId);
    const inSession = sessions.has(row.sessionId) && ours.has(row.sessionId);
    if (inGroup || inSession) chosen.set(row.pid, row);
  }
  addDescendants(rows, chosen);
  chosen.delete(run.recorder.pid);
  chosen.delete(process.pid);
  return [...chosen.values()];
}

function addDescendants(rows: readonly ProcessRow[], chosen: Map<number, ProcessRow>): void {
  let before = -1;
  while (before !== chosen.size) {
    before = chosen.size;
    for (const row of rows) if (chosen.has(row.parentPid)) chosen.set(row.pid, row);
  }
}

/**
 * Asks with SIGTERM, waits, and ends what is left with SIGKILL, again and again until nothing of the run lives.
 * Takes at most `graceMs + killMs` and a second; says what survived.
 */
export async function stopBelonging(run: Belonging, limits: StopLimits): Promise<Stopped> {
  const seen = new Set<string>();
  const startMs = Date.now();
  const terminated = new Set<string>();
  for (;;) {
    const rows = await findBelonging(run);
    for (const row of rows) seen.add(identityKey(row));
    if (rows.length === 0) break;
    const elapsedMs = Date.now() - startMs;
    if (elapsedMs > limits.graceMs + limits.killMs) break;
    const mustDie = elapsedMs >= limits.graceMs;
    for (const row of rows) {
      // Walls fall at once when asked, and what is behind them with them: they stand until it has ended.
      if (!mustDie && (terminated.has(identityKey(row)) || row.program === 'bwrap')) continue;
      terminated.add(identityKey(row));
      await signal(row, mustDie ? 'SIGKILL' : 'SIGTERM');
    }
    await delay(POLL_MS);
  }
  await endRecorder(run.recorder);
  return { ended: seen.size, survivors: await findBelonging(run) };
}

/**
 * Waits until nothing of a run lives that others are ending: walls whose outermost process has ended take all that is behind them along, and the kernel needs a moment. Longer than
 * the limit is not waited.
 */
export async function awaitTheirEnd(run: Belonging, limitMs: number): Promise<void> {
  const deadlineMs = Date.now() + limitMs;
  while ((await findBelonging(run)).length > 0 && Date.now() <= deadlineMs) await delay(POLL_MS);
}

async function endRecorder(recorder: ProcessIdentity): Promise<void> {
  const deadlineMs = Date.now() + RECORDER_GRACE_MS;
  while (await isAlive(recorder)) {
    if (Date.now() > deadlineMs) {
      await signal(recorder, 'SIGKILL');
      return;
    }
    await delay(POLL_MS);
  }
}

/** Sends a signal to the command behind walls whose outermost process is `pid`: to what bubblewrap has started, not to bubblewrap. */
export async function signalBehindWalls(pid: number, name: NodeJS.Signals): Promise<void> {
  const rows = await listProcesses();
  const root = rows.find((row) => row.pid === pid);
  if (root === undefined) return;
  const chosen = new Map([[pid, root]]);
  addDescendants(rows, chosen);
  for (const row of chosen.values())
    if (row.program !== 'bwrap' && chosen.get(row.parentPid)?.program === 'bwrap') await signal(row, name);
}

async function signal(target: ProcessIdentity, name: NodeJS.Signals): Promise<void> {
  if (!(await isAlive(target))) return;
  try {
    process.kill(target.pid, name);
  } catch (error) {
    // Safe to ignore: it ended in between. A process of another user is reported as a survivor.
    if (systemCode(error) !== 'ESRCH' && systemCode(error) !== 'EPERM') throw error;
  }
}
