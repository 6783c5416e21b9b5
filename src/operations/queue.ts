/** The line of runs that wait for a free place: who is in it, what keeps it from moving, and pausing it, by hand or by failures that all of them would meet. */

import { readFileSync } from 'node:fs';
import { availableParallelism, freemem, loadavg } from 'node:os';
import { readLastTrouble } from '../agent/trouble.ts';
import { PhasrError } from '../base/errors.ts';
import { renderSize } from '../base/size.ts';
import { renderVisible } from '../base/text.ts';
import { repositoryPaths, runPaths } from '../store/paths.ts';
import { type Line, peekLine } from '../store/places.ts';
import { peekTasks } from '../store/task-store.ts';
import { readLastLine } from '../store/transcript.ts';
import { latestRun, type Task } from '../task/task.ts';
import type { Context } from './context.ts';
import { settingsIfValid } from './settings.ts';

/** One run in the line, of any repository of the user's. */
export type QueuedRun = {
  readonly commonDir: string;
  readonly task: number;
  readonly run: number;
  /** Null when its repository does not say (any more). */
  readonly title: string | null;
  readonly isRunning: boolean;
  /** From 1 among those that wait; null when it runs. */
  readonly position: number | null;
};

export type Queue = Pick<Line, 'pause' | 'hold'> & { readonly runs: readonly QueuedRun[] };

/** The line, in order, over all repositories and terminals. */
export function showQueue(context: Context): Queue {
  const { places, pause, hold } = peekLine(context.user.places);
  let position = 0;
  const runs = places.map(({ commonDir, task, run, running }): QueuedRun => {
    const known = peekTasks(repositoryPaths(commonDir).database, 'open').find(({ id }) => id === task);
    const title = known?.title ?? null;
    return { commonDir, task, run, title, isRunning: running, position: running ? null : ++position };
  });
  return { runs, pause, hold };
}

/** Starts nothing more until {@link resumeQueue}; what runs goes on. */
export function pauseQueue(context: Context): void {
  context.places().pause({ sinceMs: context.clock.nowMs(), reason: 'by hand' });
}

/** Lets the line move again. False when it was not paused. */
export async function resumeQueue(context: Context): Promise<boolean> {
  const wasPaused = context.places().resume();
  const { startWaiting } = await import('./dispatch.ts');
  await startWaiting(context);
  return wasPaused;
}

/** Says why a waiting run waits; the line is read once, when the first is asked for. */
export function lookForWaiting(context: Context): (task: Task) => string | null {
  let line: Line | undefined;
  return ({ id }) => {
    line ??= peekQuietly(context);
    const waiting = line.places.filter(({ running }) => !running);
    const { commonDir } = context.repository;
    const at = waiting.findIndex((place) => place.commonDir === commonDir && place.task === (id as number));
    if (at === -1) return null;
    if (line.pause !== null) return `paused: ${renderVisible(line.pause.reason)}: phasr queue resume`;
    const place = `${at + 1} of ${waiting.length} in the line`;
    return line.hold === null || at > 0
      ? `waits for a free place (${place})`
      : `waits until ${line.hold} (${place})`;
  };
}

/** A damaged list is for `phasr doctor` to name; it hides no task. */
function peekQuietly({ user }: Context): Line {
  try {
    return peekLine(user.places);
  } catch (error) {
    if (error instanceof PhasrError) return { places: [], pause: null, hold: null };
    throw error;
  }
}

/** Counts a run's end: after several in a row that failed for a reason which others will meet as well, the line is paused. Only an end that is new is counted. */
export function noteRunEnd(context: Context, task: Task): void {
  const { end, run } = latestRun(task);
  if (end === null || end.outcome === 'stopped') return;
  const words = end.outcome === 'failed' ? readLastLine(runPaths(context.paths, task.id, run).output) : '';
  const trouble = end.report === null ? readLastTrouble(words) : end.report.trouble;
  const isShared = end.outcome === 'failed' && trouble?.kind === 'rate-limit';
  const { message = '' } = trouble ?? {};
  context
    .places()
    .noteEnd(isShared ? { atMs: end.atMs, kind: 'rate-limit', message: message.slice(0, 200) } : null);
}

/** Why nothing more is to be started beside what runs; null when nothing speaks against it. Reads two numbers of the system. */
export async function findHold(context: Context): Promise<string | null> {
  const settings = await settingsIfValid(context);
  if (settings === null) return null;
  const { memoryFloorBytes, loadMax } = settings.queue;
  const load = (loadavg()[0] ?? 0) / availableParallelism();
  const limits = { memoryFloorBytes: memoryFloorBytes.value, loadMax: loadMax.value };
  return describeHold({ freeBytes: availableMemory(), load }, limits);
}

/** As {@link findHold}, from the numbers. `load` and `loadMax` are for each core; 0 is no limit. */
export function describeHold(
  now: { readonly freeBytes: number; readonly load: number },
  limits: { readonly memoryFloorBytes: number; readonly loadMax: number },
): string | null {
  const { memoryFloorBytes, loadMax } = limits;
  if (now.freeBytes < memoryFloorBytes)
    return `more memory is free (${renderSize(now.freeBytes)} of ${renderSize(memoryFloorBytes)})`;
  return loadMax > 0 && now.load > loadMax
    ? `the load is lower (${now.load.toFixed(1)} of ${loadMax} for each core)`
    : null;
}

/** What programs can have without others being moved to the disk: on Linux the kernel's own estimate (proc(5), MemAvailable). */
function availableMemory(): number {
  try {
    const kibibytes = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'latin1'))?.[1];
    if (kibibytes !== undefined) return Number(kibibytes) * 1024;
  } catch {
    // Safe to ignore: another system, which has its own number.
  }
  return freemem();
}
