/**
 * Takes a merged or discarded task's worktree, branch, registration and private git dir away, at once and losing nothing.
 *
 * Everything is *renamed* into the trash first, which is instant whatever its size; a sweeper then makes sure that every file is in a ref before
 * it deletes any (`sweep.ts`). Each step may already have been done: after a crash the next command goes on from here.
 */

import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { branchRef, type Oid } from '../base/oid.ts';
import { flushNames } from '../git/flush.ts';
import { settleRefs, type RefChange, readRefAsText } from '../git/refs.ts';
import { withMutex } from '../store/mutex.ts';
import { promptPath, worktreeTrashPath } from '../store/paths.ts';
import { isComplete, writeTrashEntry } from '../store/trash.ts';
import { baseRef, trashRef } from '../task/names.ts';
import type { Task } from '../task/task.ts';
import { type Context, dirsOf, recordFacts, userRepository } from './context.ts';
import { startHelper } from './dispatch.ts';
import { requireOwnWorktree } from './guard.ts';
import { removeIfEmpty } from './prepare.ts';

/** Finishes the cleanup of a task that is merged or discarded. Gives what it did, for people. */
export async function finishCleanup(context: Context, task: Task): Promise<string> {
  if (task.phase.kind !== 'cleaning') throw new Error(`task ${task.id} is not to be cleaned up`);
  const place = userRepository(context);
  const head = task.head?.oid ?? task.base.oid;
  // The head is kept at once unless the target has it; the sweeper adds what is in the files and nowhere else.
  const keep = head !== task.base.oid && task.merge?.containsHead !== true;
  const dirs = dirsOf(context, task);
  // The same name on every repetition: no event is recorded in between.
  const name = `${task.id}.${task.seq}`;
  const kept = await withMutex(context.paths.mutex, context.clock, async () => {
    const presence = requireOwnWorktree(context, task);
    const plan = (): readonly RefChange[] => planRefs(place.commonDir, task, { head, keep });
    await settleRefs(place, plan, `clean up task ${task.id}`);
    moveToTrash(context, task, { name, head, presence });
    await flushMoves(context, task, name);
    removeIfEmpty(dirname(dirs.registrationDir));
    return readRefAsText(place.commonDir, trashRef(task.id)) === undefined ? null : trashRef(task.id);
  });
  recordFacts(context, task.id, () => [{ type: 'worktree.removed', kept }]);
  if (isComplete(context.paths.trashDir, name)) {
    await startHelper(context, ['sweep', context.repository.commonDir], {
      logDirectory: context.paths.phasrDir,
    });
  }
  return 'its worktree and branch were removed';
}

/**
 * Branch and base ref go, the trash ref comes, in one transaction. A branch that somebody has moved past the recorded head is not ours to
 * delete; it stays.
 */
function planRefs(
  commonDir: string,
  task: Task,
  { head, keep }: { head: Oid; keep: boolean },
): readonly RefChange[] {
  const changes: RefChange[] = [];
  const branch = readRefAsText(commonDir, branchRef(task.branch));
  const isOurs = branch === head || branch === task.base.oid;
  if (branch !== undefined && isOurs)
    changes.push({ name: branchRef(task.branch), expected: branch, to: null });
  const base = readRefAsText(commonDir, baseRef(task.id));
  // The copy of uncommitted work that a task began with is nowhere else: it stays as long as the task can come back.
  if (base !== undefined && task.carried === null)
    changes.push({ name: baseRef(task.id), expected: base, to: null });
  const trash = readRefAsText(commonDir, trashRef(task.id)) ?? null;
  if (keep && trash === null) changes.push({ name: trashRef(task.id), expected: null, to: head });
  return changes;
}

/** The worktree may be on another disk than the record of its removal, and must not come back to life when only one of them has it after a power cut. */
async function flushMoves(context: Context, task: Task, name: string): Promise<void> {
  const { registrationDir, cleanDir, worktreePath } = dirsOf(context, task);
  const folders = [registrationDir, cleanDir, worktreePath, worktreeTrashPath(worktreePath, name)];
  await flushNames([...folders, join(context.paths.trashDir, name, 'clean')]);
}

type Move = { readonly name: string; readonly head: Oid; readonly presence: 'present' | 'gone' };

function moveToTrash(context: Context, task: Task, { name, head, presence }: Move): void {
  const dirs = dirsOf(context, task);
  const trash = join(context.paths.trashDir, name);
  const worktree = worktreeTrashPath(task.worktreePath, name);
  if (existsSync(dirs.cleanDir)) {
    const merged = task.merge !== null;
    writeTrashEntry(context.paths.trashDir, name, {
      version: 1,
      taskId: task.id,
      worktree,
      base: task.base.oid,
      head,
      merged,
    });
    if (presence === 'present') {
      mkdirSync(dirname(worktree), { recursive: true, mode: 0o700 });
      renameSync(task.worktreePath, worktree);
    }
  }
  if (existsSync(dirs.registrationDir)) {
    mkdirSync(trash, { recursive: true, mode: 0o700 });
    renameSync(dirs.registrationDir, join(trash, 'registration'));
  }
  if (existsSync(dirs.privateDir)) renameSync(dirs.privateDir, join(trash, 'git'));
  // Last: with it the entry is complete, and the sweeper may have it.
  if (existsSync(dirs.cleanDir)) renameSync(dirs.cleanDir, join(trash, 'clean'));
  for (const { run } of task.runs)
    rmSync(promptPath(dirname(task.worktreePath), task.id, run), { force: true });
}
