/** Which snapshots go, as they grow old: the older they are, the wider apart those that stay. Pure. */

import type { TaskSnapshot } from './event.ts';

type Dated = TaskSnapshot & { readonly atMs: number };

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Of those that are older than `ageMs`, one for each `everyMs` stays. */
const STEPS = [
  { ageMs: 10 * MINUTE_MS, everyMs: 5 * MINUTE_MS },
  { ageMs: 2 * HOUR_MS, everyMs: HOUR_MS },
  { ageMs: 2 * DAY_MS, everyMs: DAY_MS },
] as const;

/** What an agent's work between begin and end of a run is kept as; all others mark something, and stay. */
export const WHILE_WORKING = 'while working';
/** So many stay at most, whatever they mark. */
const SNAPSHOTS_MAX = 100;

/** The snapshots to drop, of all of a task's, oldest first. The latest always stays. */
export function chooseDropped(snapshots: readonly Dated[], nowMs: number): readonly Dated[] {
  const kept = new Set<string>();
  const dropped = snapshots.slice(0, -1).filter(({ reason, atMs }) => {
    const step = STEPS.findLast(({ ageMs }) => nowMs - atMs > ageMs);
    if (reason !== WHILE_WORKING || step === undefined) return false;
    const span = `${step.everyMs} ${Math.floor(atMs / step.everyMs)}`;
    if (!kept.has(span)) {
      kept.add(span);
      return false;
    }
    return true;
  });
  const gone = new Set(dropped);
  const surplus = Math.max(0, snapshots.length - dropped.length - SNAPSHOTS_MAX);
  const left = snapshots.filter((one) => !gone.has(one));
  return [...dropped, ...left.slice(0, surplus)];
}
