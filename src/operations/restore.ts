/**
 * Brings a discarded or merged task back: worktree, branch, what was staged, ignored files, the agent's own git dir. From the disk as long as the removed
 * files are there, else anew from the snapshot that the sweeper has taken (ADR 0013).
 */

import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { waitUntil } from '../base/clock.ts';
import { PhasrError } from '../base/errors.ts';
import { branchRef, type Oid } from '../base/oid.ts';
import { checkOutBase, readWorktreeIdentity } from '../git/clean-room.ts';
import { findStat } from '../git/files.ts';
import { flushDisks } from '../git/flush.ts';
import { copyIndex } from '../git/index-file.ts';
import { settleRefs, readRefAsText, type RefChange } from '../git/refs.ts';
import { readSnapshot, type Snapshot } from '../git/state-tree.ts';
import { gitFileText, readRepositoryFacts, writeTaskDirs } from '../git/task-dirs.ts';
import { unpackSnapshot } from '../git/unpack-snapshot.ts';
import { withMutex } from '../store/mutex.ts';
import { worktreeTrashPath } from '../store/paths.ts';
import { findTrashEntry, isKept, removeTrashEntry } from '../store/trash.ts';
import { findRefusal, refuse, type Refusal } from '../task/decide.ts';
import type { TaskEvent } from '../task/event.ts';
import { baseRef, snapshotRef, type TaskId, trashRef } from '../task/names.ts';
import { headOf, keeperOf, type Task } from '../task/task.ts';
import {
  type Context,
  dirsOf,
  isRefusal,
  record,
  recordFacts,
  requireTask,
  roomOf,
  SWEEP_CLAIM,
  takeClaim,
  userRepository,
  withTask,
} from './context.ts';
import { requireOwnNames } from './guard.ts';
import { register } from './prepare.ts';
import { describeFailure } from './run.ts';

export type RestoreOutcome = { readonly kind: 'restored'; readonly task: Task } | Refusal;

/**
 * Restores one task. What was merged stays merged: the task comes back beside it. Refuses where its path or branch was taken by something else, and
 * when what it left was emptied from the trash.
 */
export async function restoreTask(context: Context, id: TaskId): Promise<RestoreOutcome> {
  const refused = findRefusal(requireTask(context, id), 'restore');
  if (refused !== undefined) return refused;
  return withTask(context, id, async (task) => {
    const refusal = findRefusal(task, 'restore') ?? findTaken(context, task);
    return refusal ?? (await restoreClaimed(context, task));
  });
}

/** For whoever has the claim and has checked that the task may be restored. */
export async function restoreClaimed(context: Context, task: Task): Promise<RestoreOutcome> {
  const source = await chooseSource(context, task);
  if ('kind' in source) return source;
  const { event, release } = source;
  try {
    const started = record(context, task.id, (now) => findRefusal(now, 'restore') ?? [event]);
    if (isRefusal(started)) return started;
    await finishRestore(context, started);
    return { kind: 'restored', task: requireTask(context, task.id) };
  } finally {
    release();
  }
}

/** What stands where the task's worktree or branch would be. */
function findTaken(context: Context, task: Task): Refusal | undefined {
  if (findStat(task.worktreePath) !== undefined) {
    return refuse('path-taken', `something else is at ${task.worktreePath} now`, {
      hint: 'Move it away, then try again.',
    });
  }
  const branch = readRefAsText(context.repository.commonDir, branchRef(task.branch));
  if (branch === undefined || branch === headOf(task)) return undefined;
  return refuse('branch-taken', `there is another branch ${task.branch} now`, {
    hint: `Rename it, then try again: git branch -m ${task.branch} ${task.branch}-other`,
  });
}

type Source = { readonly event: TaskEvent & { type: 'restore.started' }; readonly release: () => void };

/** The sweeper needs a moment to take its snapshot; of a very large worktree, minutes. */
const SWEEP_WAIT_MS = 10 * 60_000;

/**
 * From the disk, if no sweeper has looked at the files yet, or they are held there; else from the snapshot. While a sweeper is at it, its snapshot is
 * waited for: what it deletes is never moved back.
 */
async function chooseSource(context: Context, task: Task): Promise<Source | Refusal> {
  const { trashDir } = context.paths;
  const nothing = (): void => undefined;
  const fromDisk = (release: () => void): Source => ({
    event: { type: 'restore.started', source: 'disk', snapshot: null },
    release,
  });
  const chosen = await waitUntil(
    context.clock,
    async (): Promise<Source | 'swept' | undefined> => {
      const entry = findTrashEntry(trashDir, task.id);
      if (entry?.state === 'held') return fromDisk(nothing);
      const isSwept = (requireTask(context, task.id).swept ?? null) !== null;
      // Of what is being deleted there is less than was kept.
      if (isSwept || entry?.state !== 'sweepable' || isKept(trashDir, entry.name)) return 'swept';
      const release = await takeClaim(context, SWEEP_CLAIM);
      if (release === undefined) return undefined;
      // It may have been swept just before.
      const isUntouched =
        findTrashEntry(trashDir, task.id)?.state === 'sweepable' &&
        (requireTask(context, task.id).swept ?? null) === null;
      if (isUntouched) return fromDisk(release);
      release();
      return undefined;
    },
    { everyMs: 20, limitMs: SWEEP_WAIT_MS },
  );
  if (chosen === undefined) {
    throw new PhasrError('busy', `the files of task ${task.id} are still being put away`, {
      hint: `Try again in a while: phasr restore ${task.id}`,
    });
  }
  if (chosen !== 'swept') return chosen;
  const now = requireTask(context, task.id);
  if (isLost(context, now)) {
    return refuse('not-kept', `what task ${task.id} left was emptied from the trash`, {
      hint: `What is known of it: phasr show ${task.id}`,
    });
  }
  const snapshot = now.swept?.snapshot ?? null;
  return { event: { type: 'restore.started', source: 'snapshot', snapshot }, release: nothing };
}

/** Nothing holds the work any more: neither a ref of ours nor the branch that it was merged into. */
function isLost(context: Context, task: Task): boolean {
  if (headOf(task) === task.base.oid || task.merge?.containsHead === true) return false;
  return readRefAsText(context.repository.commonDir, trashRef(task.id)) === undefined;
}

/** Goes on with a restore from wherever it was cut short. Gives what it did, for people. */
export async function finishRestore(context: Context, task: Task): Promise<string> {
  if (task.phase.kind !== 'restoring') throw new Error(`task ${task.id} is not being restored`);
  requireOwnNames(context, task);
  const { source, snapshot: oid } = task.phase;
  try {
    const place = userRepository(context);
    const snapshot = oid === null ? null : ((await readSnapshot(place, oid)) ?? null);
    if (source === 'disk') moveBack(context, task);
    else await makeAnew(context, task, snapshot);
    await flushDisks([task.worktreePath, context.repository.commonDir], context.env);
    await setRefs(context, task, snapshot);
    const directory = readWorktreeIdentity(task.worktreePath);
    const kept = snapshot === null ? [] : [takenFrom(task, snapshot)];
    recordFacts(context, task.id, () => [
      ...kept,
      { type: 'restore.completed', directory, head: headOf(task) },
    ]);
    return 'it was restored';
  } catch (error) {
    // What was moved back stays: the next try goes on from there.
    if (source === 'disk') throw error;
    clear(context, task);
    const message = `not restored: ${describeFailure(error)}`;
    recordFacts(context, task.id, () => [{ type: 'restore.failed', message }]);
    throw error;
  }
}

function takenFrom(task: Task, snapshot: Snapshot): TaskEvent {
  const from = task.phase.kind === 'restoring' ? task.phase.from : 'discarded';
  const number = (task.snapshotCount ?? 0) + 1;
  return { type: 'snapshot.taken', number, reason: from, ...snapshot, head: headOf(task) };
}

/** The directories as they were; each is moved unless an earlier try has done so. The clean room first: without it no sweeper takes the entry. */
function moveBack(context: Context, task: Task): void {
  const entry = findTrashEntry(context.paths.trashDir, task.id);
  if (entry === undefined) return;
  const dirs = dirsOf(context, task);
  const trash = join(context.paths.trashDir, entry.name);
  const moves: readonly (readonly [string, string])[] = [
    [join(trash, 'clean'), dirs.cleanDir],
    [join(trash, 'git'), dirs.privateDir],
    [worktreeTrashPath(task.worktreePath, entry.name), task.worktreePath],
    [join(trash, 'registration'), dirs.registrationDir],
  ];
  for (const [from, to] of moves) {
    if (!existsSync(from)) continue;
    mkdirSync(dirname(to), { recursive: true });
    renameSync(from, to);
  }
  if (!existsSync(task.worktreePath)) mkdirSync(task.worktreePath, { recursive: true });
  removeTrashEntry(context.paths.trashDir, entry.name);
}

/** What an earlier try of this very restore has made; nobody has worked in it. */
function clear(context: Context, task: Task): void {
  const dirs = dirsOf(context, task);
  for (const path of [dirs.registrationDir, dirs.privateDir, dirs.cleanDir, task.worktreePath])
    rmSync(path, { recursive: true, force: true });
}

async function makeAnew(context: Context, task: Task, snapshot: Snapshot | null): Promise<void> {
  const dirs = dirsOf(context, task);
  clear(context, task);
  const gitDirExists = existsSync(join(task.launchGitDir, 'HEAD'));
  const facts = await readRepositoryFacts(userRepository(context), {
    launchGitDir: gitDirExists ? task.launchGitDir : context.repository.commonDir,
    base: task.base.oid,
  });
  writeTaskDirs(dirs, facts, { branch: task.branch, base: headOf(task) });
  mkdirSync(task.worktreePath, { recursive: true });
  writeFileSync(join(task.worktreePath, '.git'), gitFileText(dirs), { flag: 'wx' });
  if (snapshot === null) {
    await checkOutBase(roomOf(context, task), headOf(task), facts);
    copyIndex(join(dirs.cleanDir, 'index'), join(dirs.privateAdminDir, 'index'));
  } else {
    await unpackSnapshot({ dirs, env: context.env }, { snapshot, from: null });
  }
  await register(context, task, dirs);
  copyIndex(join(dirs.cleanDir, 'index'), join(dirs.registrationDir, 'index'));
}

/** Branch and base ref come back; the snapshot is the task's again, for its agent's own objects are in it alone. */
async function setRefs(context: Context, task: Task, snapshot: Snapshot | null): Promise<void> {
  const place = userRepository(context);
  const read = (name: string): Oid | null => readRefAsText(place.commonDir, name) ?? null;
  const plan = (): readonly RefChange[] => {
    const wanted: RefChange[] = [
      { name: branchRef(task.branch), expected: null, to: headOf(task) },
      { name: baseRef(task.id), expected: null, to: keeperOf(task) },
    ];
    if (snapshot !== null) {
      const name = snapshotRef(task.id, (task.snapshotCount ?? 0) + 1);
      wanted.push({ name, expected: null, to: snapshot.commit });
    }
    const changes = wanted.filter(({ name, to }) => read(name) !== to);
    const trash = read(trashRef(task.id));
    if (trash !== null) changes.push({ name: trashRef(task.id), expected: trash, to: null });
    return changes;
  };
  await withMutex(context.paths.mutex, context.clock, () =>
    settleRefs(place, plan, `restore task ${task.id}`),
  );
}
