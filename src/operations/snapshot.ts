/** Snapshots of a task that has a worktree: when a run begins and ends, while it works, and before anything is put back. */

import { join } from 'node:path';
import { PhasrError } from '../base/errors.ts';
import { branchRef, type Oid, type RefName } from '../base/oid.ts';
import { findWorktree } from '../git/clean-room.ts';
import { settleRefs, readRefAsText, type RefChange } from '../git/refs.ts';
import { takeSnapshot } from '../git/snapshot.ts';
import { findRefusal, type Refusal } from '../task/decide.ts';
import type { TaskSnapshot } from '../task/event.ts';
import { renderSnapshotMessage } from '../task/message.ts';
import { snapshotRef, type TaskId } from '../task/names.ts';
import { headOf, type Task } from '../task/task.ts';
import { chooseDropped, WHILE_WORKING } from '../task/thin.ts';
import { type Context, dirsOf, recordFacts, requireTask, userRepository, withTask } from './context.ts';
import { removePartials } from './partials.ts';
import { settingsHere } from './settings.ts';

/**
 * Keeps the worktree's whole state in `refs/phasr/snapshots/<task>/<number>`, unless nothing has changed since the latest snapshot (or, when there is none,
 * since the base commit). Gives the snapshot that holds the present state; null when the base commit does, or the worktree is gone. For whoever has the task's claim.
 */
export async function snapshotTask(
  context: Context,
  task: Task,
  { reason, isLive, head }: { readonly reason: string; readonly isLive: boolean; readonly head: Oid },
): Promise<TaskSnapshot | null> {
  const presence = task.directory === null ? 'gone' : findWorktree(task.worktreePath, task.directory);
  if (presence !== 'present') return null;
  const { cleanDir } = dirsOf(context, task);
  await removePartials([cleanDir, join(cleanDir, 'raw')]);
  const place = userRepository(context);
  const branch = readRefAsText(place.commonDir, branchRef(task.branch));
  const last = task.snapshots?.at(-1) ?? null;
  const taken = await takeSnapshot(
    {
      dirs: dirsOf(context, task),
      env: context.env,
      repository: place,
      base: task.base.oid,
      head,
    },
    {
      message: (part) => renderSnapshotMessage(task, { part, reason }),
      isLive,
      tips: branch === undefined || branch === head ? [] : [branch],
      last,
      mayBeHead: true,
    },
  );
  try {
    if (last !== null && taken.snapshot.commit === last.commit) return last;
    if (last === null && !taken.hasMore && head === task.base.oid) return null;
    const number = (task.snapshotCount ?? 0) + 1;
    const snapshot: TaskSnapshot = { number, reason, ...taken.snapshot, head };
    const dropped = chooseDropped([...(task.snapshots ?? [])], context.clock.nowMs());
    const name = snapshotRef(task.id, number);
    const read = (ref: RefName): Oid | null => readRefAsText(place.commonDir, ref) ?? null;
    const plan = (): readonly RefChange[] => [
      // A snapshot whose record was lost to a kill is overwritten: nobody has ever heard of it.
      { name, expected: read(name), to: snapshot.commit },
      ...dropped
        .map(({ number: old, commit }) => ({ name: snapshotRef(task.id, old), expected: commit, to: null }))
        .filter((change) => read(change.name) === change.expected),
    ];
    await settleRefs(place, plan, `snapshot ${number} of task ${task.id}`);
    const numbers = dropped.map((one) => one.number);
    recordFacts(context, task.id, () => [
      { type: 'snapshot.taken', ...snapshot },
      ...(numbers.length === 0 ? [] : [{ type: 'snapshot.dropped', numbers } as const]),
    ]);
    return snapshot;
  } finally {
    taken.release();
  }
}

export type SnapshotOutcome =
  | {
      readonly kind: 'kept' | 'unchanged';
      /** Null: nothing has changed since the launch, and the base commit holds it. */
      readonly snapshot: TaskSnapshot | null;
      readonly task: Task;
    }
  | Refusal;

/** Keeps a task's present state because a person wants it. Refuses while a run lives: then its supervisor does so. */
export async function snapshotNow(context: Context, id: TaskId): Promise<SnapshotOutcome> {
  const refused = findRefusal(requireTask(context, id), 'snapshot');
  if (refused !== undefined) return refused;
  return withTask(context, id, async (task) => {
    const refusal = findRefusal(task, 'snapshot');
    if (refusal !== undefined) return refusal;
    const options = { reason: 'by hand', isLive: false, head: headOf(task) };
    const snapshot = await snapshotTask(context, task, options);
    const isNew = snapshot !== null && snapshot.number !== task.snapshots?.at(-1)?.number;
    return { kind: isNew ? 'kept' : 'unchanged', snapshot, task: requireTask(context, id) };
  });
}

/** As {@link snapshotTask}, where a failure must not keep the work from going on: what could not be kept now is still in the worktree. */
export async function keepQuietly(
  context: Context,
  task: Task,
  { reason, head }: { readonly reason: string; readonly head: Oid },
): Promise<void> {
  await snapshotTask(context, task, { reason, isLive: false, head }).catch((error: unknown) => {
    if (!(error instanceof PhasrError)) throw error;
  });
}

/** A look at a large worktree takes long: then it is taken more seldom, so that it costs no more than a twentieth of the time. */
const SHARE = 20;

/** Keeps snapshots while an agent works, as often as the settings say at most. `end` waits for the one that is being taken. */
export async function keepWhileWorking(
  context: Context,
): Promise<{ readonly look: (task: Task) => void; readonly end: () => Promise<void> }> {
  const everyMs = (await settingsHere(context)).snapshotEveryMs.value;
  let dueMs = context.clock.nowMs() + everyMs;
  let taking: Promise<void> | null = null;
  const take = async (task: Task): Promise<void> => {
    const startMs = context.clock.nowMs();
    // Files vanish while they are looked at; the next look is soon.
    const options = { reason: WHILE_WORKING, isLive: true, head: headOf(task) };
    await snapshotTask(context, task, options).catch((error: unknown) => {
      if (!(error instanceof PhasrError)) throw error;
    });
    const nowMs = context.clock.nowMs();
    dueMs = nowMs + Math.max(everyMs, SHARE * (nowMs - startMs));
    taking = null;
  };
  return {
    look: (task) => {
      if (taking === null && context.clock.nowMs() >= dueMs) taking = take(requireTask(context, task.id));
    },
    end: async () => {
      await taking;
    },
  };
}
