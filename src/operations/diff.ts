/** What a task has changed: base commit against its files as they are now, committed or not. */

import { join } from 'node:path';
import { branchRef, type Oid } from '../base/oid.ts';
import { PhasrError } from '../base/errors.ts';
import { captureTree, findWorktree } from '../git/clean-room.ts';
import { type FileChange, listFileChanges, readPatch } from '../git/diff.ts';
import { readRefAsText } from '../git/refs.ts';
import type { GitPlace } from '../git/git.ts';
import { readTree } from '../git/commit.ts';
import type { TaskId } from '../task/names.ts';
import { isLive } from '../task/decide.ts';
import type { TaskSnapshot } from '../task/event.ts';
import type { Task } from '../task/task.ts';
import { findStat } from '../git/files.ts';
import { type Context, dirsOf, objectsOf, requireTask, roomOf, userRepository } from './context.ts';
import { findSnapshot } from './history.ts';
import { syncTask } from './sync.ts';

export type DiffOptions = {
  readonly withCarried: boolean;
  /** Snapshots by number, instead of base commit and present files. */
  readonly from: number | null;
  readonly to: number | null;
};

/** A fixed pair of trees: what is shown later is what was looked at now. */
export type TaskDiff = {
  readonly task: Task;
  readonly from: Oid;
  /** The tree that a merge would land. */
  readonly tree: Oid;
  /** False while the agent works: the files were caught in motion. */
  readonly isFinal: boolean;
  readonly isEmpty: boolean;
  /** How many files the task began with that are not shown. */
  readonly carried: number;
  /** Git's words on files that could not be read; null when all could. */
  readonly incomplete: string | null;
  readonly files: (paths: readonly string[]) => Promise<readonly FileChange[]>;
  readonly patch: (paths: readonly string[], options: { readonly binary: boolean }) => AsyncGenerator<Buffer>;
};

/**
 * Looks at a task's changes. The worktree and its index stay untouched. What the task began with is no change of its own; with `withCarried` it is
 * shown too, which is then what a merge brings.
 */
export async function diffTask(
  context: Context,
  id: TaskId,
  { withCarried, from: first, to: last }: DiffOptions,
): Promise<TaskDiff> {
  const task = await syncTask(context, requireTask(context, id));
  if (first !== null || last !== null) return diffSnapshots(context, task, { first, last });
  const { tree, isEmpty, incomplete, place } = await lookAt(context, task);
  const { carried } = task;
  const from = carried === null || withCarried ? task.base.oid : carried.files;
  const range = { from, to: tree };
  return {
    task,
    from,
    tree,
    isFinal: !isLive(task.phase),
    isEmpty: from === carried?.files ? tree === from : isEmpty,
    carried: from === carried?.files ? carried.count : 0,
    incomplete,
    files: (paths) => listFileChanges(place, { ...range, paths }),
    patch: (paths, options) => readPatch(place, { ...range, paths }, options),
  };
}

/** Between two snapshots; without the first from the base commit on, without the last to the files as they are now. */
async function diffSnapshots(
  context: Context,
  task: Task,
  { first, last }: { readonly first: number | null; readonly last: number | null },
): Promise<TaskDiff> {
  const place = userRepository(context);
  const from = first === null ? task.base.oid : requireSnapshot(task, first).files;
  const look = last === null ? await lookAt(context, task) : null;
  const tree = look?.tree ?? requireSnapshot(task, last ?? 0).files;
  const range = { from, to: tree };
  const source = look?.place ?? place;
  return {
    task,
    from,
    tree,
    isFinal: look === null || !isLive(task.phase),
    isEmpty: (await listFileChanges(source, { ...range, paths: [] })).length === 0,
    carried: 0,
    incomplete: look?.incomplete ?? null,
    files: (paths) => listFileChanges(source, { ...range, paths }),
    patch: (paths, options) => readPatch(source, { ...range, paths }, options),
  };
}

function requireSnapshot(task: Task, number: number): TaskSnapshot {
  const found = findSnapshot(task, number);
  if (found !== undefined) return found;
  throw new PhasrError('snapshot-not-found', `task ${task.id} has no snapshot ${number}`, {
    hint: `See them: phasr history ${task.id}`,
  });
}

type Look = Pick<TaskDiff, 'tree' | 'isEmpty' | 'incomplete'> & { readonly place: GitPlace };

async function lookAt(context: Context, task: Task): Promise<Look> {
  const presence = task.directory === null ? 'gone' : findWorktree(task.worktreePath, task.directory);
  if (presence === 'replaced') {
    throw new PhasrError(
      'worktree-broken',
      `${task.worktreePath} is no longer the worktree that Phasr made for task ${task.id}`,
      {
        hint: 'Something else stands in its place. Move it away; what was committed is on the task branch.',
      },
    );
  }
  if (presence === 'present') {
    const place = roomOf(context, task);
    const captured = await captureTree(place, task.base.oid, {
      keepIndex: !isLive(task.phase),
      agentIndex: join(dirsOf(context, task).privateAdminDir, 'index'),
    });
    const { tree, incomplete, changes } = captured;
    return { tree, incomplete, isEmpty: changes.length === 0, place: objectsOf(context, task) };
  }
  // The worktree is gone: what was committed, or kept when the task was merged or discarded.
  const place =
    findStat(dirsOf(context, task).cleanDir) === undefined
      ? userRepository(context)
      : objectsOf(context, task);
  const branch = readRefAsText(context.repository.commonDir, branchRef(task.branch));
  const commit = task.head?.oid ?? branch ?? task.base.oid;
  return { tree: await readTree(place, commit), isEmpty: commit === task.base.oid, incomplete: null, place };
}
