/** A person has looked at what was changed outside a task's own place: it was himself, or it is all right. */

import { rmSync } from 'node:fs';
import { runPaths } from '../store/paths.ts';
import { refuse, type Refusal } from '../task/decide.ts';
import type { TaskId } from '../task/names.ts';
import type { Escape, Task } from '../task/task.ts';
import { type Context, isRefusal, record, requireTask } from './context.ts';

export type AcknowledgeOutcome =
  | { readonly kind: 'acknowledged'; readonly task: Task; readonly escape: Escape }
  | Refusal;

/** Lets the task be merged again. What is changed from now on is an escape anew. Changes nothing but the record. */
export function acknowledgeEscape(context: Context, id: TaskId): AcknowledgeOutcome {
  const { escape = null } = requireTask(context, id);
  if (escape === null) {
    return refuse('not-escaped', `nothing outside task ${id} was seen to change while it ran`, {
      hint: `phasr show ${id}`,
    });
  }
  const task = record(context, id, () => [{ type: 'escape.acknowledged' }]);
  // They hold settings of the person's, and nothing is put back from them any more; one that goes on is compared with its own.
  for (const { run, end } of isRefusal(task) ? [] : task.runs)
    if (end !== null) rmSync(runPaths(context.paths, id, run).fingerprint, { force: true });
  return isRefusal(task) ? task : { kind: 'acknowledged', task, escape };
}
