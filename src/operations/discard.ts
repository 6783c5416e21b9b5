/** Gives a task up on purpose. Its work stays findable in `refs/phasr/trash/<id>`. */

import { findRefusal, refuse, type Refusal } from '../task/decide.ts';
import type { TaskId } from '../task/names.ts';
import type { Task } from '../task/task.ts';
import { finishCleanup } from './cleanup.ts';
import { findRemovalRefusal } from './guard.ts';
import { awaitClaim, type Context, isRefusal, record, requireTask, taskClaim } from './context.ts';

export type DiscardOutcome = { readonly kind: 'discarded'; readonly task: Task } | Refusal;

/** Discards one task. Refuses while its run lives, while somebody works in its worktree, and when that is not the one that Phasr made. Instant, whatever the size of the worktree. */
export async function discardTask(context: Context, id: TaskId): Promise<DiscardOutcome> {
  const refused = findRefusal(requireTask(context, id), 'discard');
  if (refused !== undefined) return refused;
  const release = await awaitClaim(context, taskClaim(id));
  if (release === undefined) {
    const task = requireTask(context, id);
    return (
      findRefusal(task, 'discard') ??
      refuse('still-running', `another phasr process is at task ${id}`, { hint: 'Try again.' })
    );
  }
  try {
    const task = requireTask(context, id);
    const refusal = findRefusal(task, 'discard') ?? (await findRemovalRefusal(context, task));
    if (refusal !== undefined) return refusal;
    const discarded = record(
      context,
      id,
      (now) => findRefusal(now, 'discard') ?? [{ type: 'task.discarded' }],
    );
    if (isRefusal(discarded)) return discarded;
    await finishCleanup(context, discarded);
    return { kind: 'discarded', task: requireTask(context, id) };
  } finally {
    release();
  }
}
