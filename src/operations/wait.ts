/** Waits until runs have really ended and their work is committed. */

import type { TaskId } from '../task/names.ts';
import type { Task } from '../task/task.ts';
import { isLive } from '../task/decide.ts';
import { type Context, isHolderAlive, requireTask, taskClaim } from './context.ts';
import { recover } from './recover.ts';

export type WaitOutcome = {
  readonly kind: 'ended' | 'timed-out' | 'aborted';
  readonly tasks: readonly Task[];
};

export type WaitOptions = {
  /** Null: as long as it takes. */
  readonly limitMs: number | null;
  readonly signal: AbortSignal | null;
  /** Called whenever something has happened, and at least once a second. */
  readonly onLook: ((tasks: readonly Task[]) => void) | null;
};

const LOOK_EVERY_MS = 100;
/** How often a waiting command makes sure that no supervisor has died, and shows the time going by. */
const RECOVER_EVERY_MS = 1000;

/** Follows tasks until none of them is live. A task whose work could not be committed counts as ended. */
export async function waitForTasks(
  context: Context,
  ids: readonly TaskId[],
  options: WaitOptions,
): Promise<WaitOutcome> {
  const startMs = context.clock.nowMs();
  let lastEvent = -1;
  let lastRecoverMs = startMs;
  let tasks: readonly Task[] = [];
  for (;;) {
    const eventId = context.store.lastEventId();
    const nowMs = context.clock.nowMs();
    const isDue = nowMs - lastRecoverMs >= RECOVER_EVERY_MS;
    if (isDue) {
      await recover(context);
      lastRecoverMs = nowMs;
    }
    if (eventId !== lastEvent || isDue) {
      lastEvent = eventId;
      tasks = ids.map((id) => requireTask(context, id));
      options.onLook?.(tasks);
      if (await areEnded(context, tasks)) return { kind: 'ended', tasks };
    }
    if (options.signal?.aborted === true) return { kind: 'aborted', tasks };
    if (options.limitMs !== null && nowMs - startMs >= options.limitMs) return { kind: 'timed-out', tasks };
    await context.clock.sleep(LOOK_EVERY_MS, options.signal ?? undefined);
  }
}

async function areEnded(context: Context, tasks: readonly Task[]): Promise<boolean> {
  for (const task of tasks) if (isLive(task.phase) && !(await isStuck(context, task))) return false;
  return true;
}

/** The agent has ended, but its work could not be committed and nobody is trying any more. */
async function isStuck(context: Context, task: Task): Promise<boolean> {
  if (task.phase.kind !== 'committing' || task.trouble === null) return false;
  const holder = context.store.findClaim(taskClaim(task.id));
  return holder === undefined || !(await isHolderAlive(holder));
}
