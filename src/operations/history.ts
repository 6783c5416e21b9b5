/** A task's snapshots, for looking at. */

import { type FileChange, listFileChanges, sumChanges } from '../git/diff.ts';
import type { Changes, TaskSnapshot } from '../task/event.ts';
import type { TaskId } from '../task/names.ts';
import type { Task } from '../task/task.ts';
import { type Context, requireTask, userRepository } from './context.ts';

export type SnapshotView = TaskSnapshot & {
  readonly atMs: number;
  /** Against the snapshot before it; the first one against what the task began with. */
  readonly changes: Changes;
  readonly changed: readonly FileChange[];
};

/** One of the snapshots that a task still has. */
export function findSnapshot(task: Task, number: number): TaskSnapshot | undefined {
  return task.snapshots?.find((snapshot) => snapshot.number === number);
}

/** A task's snapshots with what changed from each to the next, oldest first. One git process for each. */
export async function listSnapshots(context: Context, id: TaskId): Promise<readonly SnapshotView[]> {
  const task = requireTask(context, id);
  const place = userRepository(context);
  const views: SnapshotView[] = [];
  let from = task.carried?.files ?? task.base.oid;
  for (const snapshot of task.snapshots ?? []) {
    const changed = await listFileChanges(place, { from, to: snapshot.files, paths: [] });
    views.push({ ...snapshot, changes: sumChanges(changed), changed });
    from = snapshot.files;
  }
  return views;
}
