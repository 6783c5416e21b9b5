/** Ends a run on request. Its supervisor does it; this records the wish and waits until it is fulfilled. */

import { waitUntil } from '../base/clock.ts';
import { decideStop, findRefusal, type Refusal } from '../task/decide.ts';
import type { TaskId } from '../task/names.ts';
import { latestRun, type Task } from '../task/task.ts';
import { type Context, isRefusal, record, requireTask } from './context.ts';
import { recover } from './recover.ts';
import { superviseTask } from './supervise.ts';

export type StopOutcome =
  | { readonly kind: 'stopped'; readonly task: Task }
  /** The wish is recorded, but the run has not ended within the limit. */
  | { readonly kind: 'still-ending'; readonly task: Task }
  | Refusal;

/** SIGTERM, a grace time, SIGKILL and the commit fit in; a commit of very many files may not. */
const STOP_WAIT_MS = 20_000;
/** A supervisor that has died in between is replaced at these intervals. */
const RECOVER_EVERY_MS = 1000;

/** Stops a task's run, or takes it out of the line, and waits until what it left is committed. */
export async function stopTask(context: Context, id: TaskId): Promise<StopOutcome> {
  const recorded = record(context, id, (task) => findRefusal(task, 'stop') ?? decideStop(task, 'person'));
  if (isRefusal(recorded)) return recorded;
  if (latestRun(recorded).startedAtMs === null && recorded.phase.kind !== 'preparing') {
    context.places().leave({ commonDir: context.repository.commonDir, task: id });
    // A run that was to go on in an existing worktree: its end is recorded, its files are looked at once more.
    if (recorded.phase.kind === 'committing') await superviseTask(context, id);
  }
  let lastRecoverMs = context.clock.nowMs();
  const ended = await waitUntil(
    context.clock,
    async () => {
      const task = requireTask(context, id);
      if (!['preparing', 'running', 'committing'].includes(task.phase.kind) || task.trouble !== null)
        return task;
      if (context.clock.nowMs() - lastRecoverMs > RECOVER_EVERY_MS) {
        await recover(context);
        lastRecoverMs = context.clock.nowMs();
      }
      return undefined;
    },
    { everyMs: 50, limitMs: STOP_WAIT_MS },
  );
  return ended === undefined
    ? { kind: 'still-ending', task: requireTask(context, id) }
    : { kind: 'stopped', task: ended };
}
