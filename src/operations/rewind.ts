/** Puts a task's worktree back to one of its snapshots. What it is now is kept in a snapshot first. */

import { join } from 'node:path';
import { PhasrError } from '../base/errors.ts';
import { branchRef } from '../base/oid.ts';
import { isAncestor, readTree } from '../git/commit.ts';
import { flushDisks } from '../git/flush.ts';
import { listFileChanges, sumChanges } from '../git/diff.ts';
import { changeRefs, readRefAsText } from '../git/refs.ts';
import { forgetUnfinished } from '../git/worktree.ts';
import { unpackSnapshot } from '../git/unpack-snapshot.ts';
import { findRefusal, refuse, type Refusal } from '../task/decide.ts';
import type { TaskSnapshot } from '../task/event.ts';
import type { TaskId } from '../task/names.ts';
import { headOf, type Task } from '../task/task.ts';
import {
  type Context,
  dirsOf,
  isRefusal,
  objectsOf,
  record,
  recordFacts,
  requireTask,
  userRepository,
  withTask,
} from './context.ts';
import { findRemovalRefusal } from './guard.ts';
import { findSnapshot } from './history.ts';
import { tellAgent } from './commit.ts';
import { removePartials } from './partials.ts';
import { snapshotTask } from './snapshot.ts';

export type RewindOutcome =
  | {
      readonly kind: 'rewound';
      readonly task: Task;
      readonly to: TaskSnapshot;
      /** What brings back what was there before. */
      readonly from: TaskSnapshot;
    }
  | Refusal;

/** Rewinds one task: files, what is staged, the private git dir and the task branch become the snapshot's. Refuses while a run lives. */
export async function rewindTask(context: Context, id: TaskId, number: number): Promise<RewindOutcome> {
  const refused = findRefusal(requireTask(context, id), 'rewind');
  if (refused !== undefined) return refused;
  return withTask(context, id, async (task) => {
    const refusal = findRefusal(task, 'rewind') ?? (await findRemovalRefusal(context, task));
    if (refusal !== undefined) return refusal;
    const to = findSnapshot(task, number);
    if (to === undefined) {
      return refuse('no-snapshot', `task ${id} has no snapshot ${number}`, { hint: `phasr history ${id}` });
    }
    const from = await snapshotTask(context, task, {
      reason: `before the rewind to ${number}`,
      isLive: false,
      head: headOf(task),
    });
    if (from === null) {
      return refuse('no-worktree', `the worktree of task ${id} is gone from ${task.worktreePath}`, {
        hint: `phasr discard ${id} && phasr restore ${id}`,
      });
    }
    const started = record(
      context,
      id,
      (now) => findRefusal(now, 'rewind') ?? [{ type: 'rewind.started', to: number, from: from.number }],
    );
    if (isRefusal(started)) return started;
    await finishRewind(context, started);
    return { kind: 'rewound', task: requireTask(context, id), to, from };
  });
}

/** Goes on with a rewind from wherever it was cut short. Gives what it did, for people. */
export async function finishRewind(context: Context, task: Task): Promise<string> {
  const { phase } = task;
  if (phase.kind !== 'rewinding') throw new Error(`task ${task.id} is not being rewound`);
  const [to, from] = [findSnapshot(task, phase.to), findSnapshot(task, phase.from)];
  if (to === undefined || from === undefined) throw new Error(`a snapshot of task ${task.id} is gone`);
  const dirs = dirsOf(context, task);
  await removePartials([dirs.cleanDir, join(dirs.cleanDir, 'raw'), dirs.privateAdminDir]);
  await unpackSnapshot({ dirs, env: context.env }, { snapshot: to, from: from.files });
  if (to.state === null) {
    forgetUnfinished(dirs.privateAdminDir);
    tellAgent(dirs, task, to.head);
  }
  // The snapshot of what was there before is in a ref; what is there now must be whole before the record says so.
  await flushDisks([task.worktreePath, context.repository.commonDir], context.env);
  await moveBranch(context, task, to);
  const place = objectsOf(context, task);
  const tree = await readTree(place, to.head);
  const range = { from: task.carried?.files ?? task.base.oid, to: tree, paths: [] };
  const changes = sumChanges(await listFileChanges(place, range));
  recordFacts(context, task.id, () => [
    { type: 'rewind.completed', to: phase.to, from: phase.from, head: to.head, tree, changes },
  ]);
  return `it was rewound to snapshot ${phase.to}`;
}

/** The task branch goes to the snapshot's head, unless somebody has moved it to where no snapshot has seen it. */
async function moveBranch(context: Context, task: Task, to: TaskSnapshot): Promise<void> {
  const place = userRepository(context);
  const branch = branchRef(task.branch);
  const now = readRefAsText(place.commonDir, branch) ?? null;
  if (now === to.head) return;
  const from = task.phase.kind === 'rewinding' ? findSnapshot(task, task.phase.from) : undefined;
  const isHeld = now === null || (from !== undefined && (await isAncestor(place, now, from.commit)));
  if (!isHeld) return;
  const change = { name: branch, expected: now, to: to.head };
  if ((await changeRefs(place, [change], `rewind task ${task.id}`)) === 'changed') return;
  throw new PhasrError('busy', `${task.branch} was moved by somebody else in this moment`, {
    hint: 'The next command goes on with it: phasr list',
  });
}
