/**
 * Empties the trash, in the background and at low priority: first every file and commit that is nowhere else goes into `refs/phasr/trash/<id>`,
 * then the files are deleted. What no ref can hold stays on the disk, and the task says where.
 */

import { constants, setPriority } from 'node:os';
import { join } from 'node:path';
import type { Oid } from '../base/oid.ts';
import { settleRefs, readRefAsText, type RefChange } from '../git/refs.ts';
import { takeSnapshot } from '../git/snapshot.ts';
import { type TaskDirs, worktreeName } from '../git/task-dirs.ts';
import {
  holdTrash,
  isKept,
  listSweepable,
  markKept,
  readTrashEntry,
  type TrashEntry,
} from '../store/trash.ts';
import { renderSnapshotMessage } from '../task/message.ts';
import { asTaskId, rewrittenRef, type TaskId, trashRef } from '../task/names.ts';
import { type Context, recordFacts, requireTask, SWEEP_CLAIM, takeClaim, userRepository } from './context.ts';
import { findForeignTrash } from './guard.ts';
import { removeTree } from './remove-tree.ts';
import { describeFailure } from './run.ts';
import { expireTrash } from './trash.ts';

/** Works until the trash is empty, or nothing more in it can be emptied. Does nothing when a living process is at it. */
export async function sweepTrash(context: Context): Promise<void> {
  const release = await takeClaim(context, SWEEP_CLAIM);
  if (release === undefined) return;
  try {
    setPriority(constants.priority.PRIORITY_LOW);
    // Each entry is deleted or held, so this ends.
    for (
      let name = listSweepable(context.paths.trashDir)[0];
      name !== undefined;
      name = listSweepable(context.paths.trashDir)[0]
    ) {
      await sweepEntry(context, name);
    }
    await expireTrash(context);
  } finally {
    release();
  }
}

async function sweepEntry(context: Context, name: string): Promise<void> {
  const entry = readTrashEntry(context.paths.trashDir, name);
  if (entry === undefined) return;
  const foreign = findForeignTrash(context, name, entry);
  if (foreign !== undefined) return holdTrash(context.paths.trashDir, name, foreign);
  const id = asTaskId(entry.taskId);
  const directory = join(context.paths.trashDir, name);
  // From here on there are fewer files than were kept: they must not be looked at again.
  if (isKept(context.paths.trashDir, name)) return removeEntry(context, entry, directory);
  const kept = await keepEverything(context, { id, entry, directory });
  if (kept.held !== null) {
    holdTrash(context.paths.trashDir, name, kept.held);
    const held = `${entry.worktree} (${kept.held})`;
    recordFacts(context, id, () => [{ type: 'trash.swept', kept: kept.ref, held, snapshot: kept.snapshot }]);
    return;
  }
  recordFacts(context, id, () => [
    { type: 'trash.swept', kept: kept.ref, held: null, snapshot: kept.snapshot },
  ]);
  markKept(context.paths.trashDir, name);
  await removeEntry(context, entry, directory);
}

/** The entry's own marks last: as long as they are there, a killed sweeper's successor goes on here. */
async function removeEntry(context: Context, entry: TrashEntry, directory: string): Promise<void> {
  const parts = ['git', 'registration', 'clean'].map((part) => join(directory, part));
  for (const path of [entry.worktree, ...parts, directory]) await removeTree(path, context.env);
}

type Swept = { readonly ref: string | null; readonly snapshot: Oid | null; readonly held: string | null };

type Removed = { readonly id: TaskId; readonly entry: TrashEntry; readonly directory: string };

async function keepEverything(context: Context, removed: Removed): Promise<Swept> {
  const { commonDir } = context.repository;
  const currentRef = (): string | null =>
    readRefAsText(commonDir, trashRef(removed.id)) === undefined ? null : trashRef(removed.id);
  try {
    const { snapshot, held } = await keepInRef(context, removed);
    return { ref: currentRef(), snapshot, held };
  } catch (error) {
    return { ref: currentRef(), snapshot: null, held: describeFailure(error) };
  }
}

/** Puts what is nowhere else into the trash ref. `held`: why files must stay on the disk all the same. */
async function keepInRef(context: Context, { id, entry, directory }: Removed): Promise<Omit<Swept, 'ref'>> {
  const place = userRepository(context);
  const task = requireTask(context, id);
  const rewritten = readRefAsText(place.commonDir, rewrittenRef(id));
  const source = {
    dirs: dirsIn(directory, entry),
    env: context.env,
    repository: place,
    base: entry.base,
    head: entry.head,
  };
  const taken = await takeSnapshot(source, {
    message: (part) => renderSnapshotMessage(task, { part, reason: entry.merged ? 'merged' : 'discarded' }),
    isLive: false,
    tips: rewritten === undefined ? [] : [rewritten],
    last: task.snapshots?.at(-1) ?? null,
    mayBeHead: false,
  });
  try {
    const held = taken.incomplete;
    // What is merged and exactly its head needs nothing kept; given-up work is to come back exactly as it was.
    const isNeeded = taken.hasMore || (!entry.merged && entry.head !== entry.base);
    if (!isNeeded) return { snapshot: null, held };
    const { commit } = taken.snapshot;
    const plan = (): readonly RefChange[] => {
      const before = readRefAsText(place.commonDir, trashRef(id)) ?? null;
      const left = readRefAsText(place.commonDir, rewrittenRef(id));
      const changes: RefChange[] = [{ name: trashRef(id), expected: before, to: commit }];
      if (left !== undefined && left === rewritten)
        changes.push({ name: rewrittenRef(id), expected: left, to: null });
      return changes;
    };
    await settleRefs(place, plan, `keep task ${id}`);
    return { snapshot: commit, held };
  } finally {
    taken.release();
  }
}

/** A removed task's directories: the worktree beside the others, the rest in the trash entry. */
function dirsIn(directory: string, entry: TrashEntry): TaskDirs {
  const privateDir = join(directory, 'git');
  return {
    privateDir,
    privateAdminDir: join(privateDir, 'worktrees', worktreeName(entry.taskId)),
    cleanDir: join(directory, 'clean'),
    registrationDir: join(directory, 'registration'),
    worktreePath: entry.worktree,
  };
}
