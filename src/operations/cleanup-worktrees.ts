/**
 * Sorts every worktree of the repository and removes those that hold nothing that is not elsewhere, and that nobody uses (`phasr cleanup`).
 *
 * Each task is looked at and removed under its claim, and looked at once more right before: what came in between makes it stay.
 */

import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Oid } from '../base/oid.ts';
import { quoteWord } from '../base/words.ts';
import { findWorktree } from '../git/clean-room.ts';
import { listWorktrees, type ListedWorktree } from '../git/worktree.ts';
import { worktreesDirectory } from '../store/paths.ts';
import { refuse } from '../task/decide.ts';
import type { CleanupProof } from '../task/event.ts';
import type { TaskId } from '../task/names.ts';
import { isOpen, type Task } from '../task/task.ts';
import { finishCleanup } from './cleanup.ts';
import {
  type Context,
  isRefusal,
  record,
  requireTask,
  takeClaim,
  taskClaim,
  userRepository,
} from './context.ts';
import { isStillRemovable, sortBusy, type SortedTask, type SortName, sortTask } from './sort-task.ts';
import { NO_WORK, type Work } from './work.ts';

export type CleanupRequest = {
  /** These tasks alone; null: every worktree of the repository. */
  readonly tasks: readonly TaskId[] | null;
  readonly isDryRun: boolean;
};

/** One worktree, what it is, and how that is known. */
export type CleanedWorktree = {
  /** Null for what is no task's. */
  readonly task: { readonly id: TaskId; readonly title: string } | null;
  readonly path: string;
  /** Full name; null when none is checked out, or it is no worktree. */
  readonly branch: string | null;
  readonly sorted: SortName;
  readonly how: CleanupProof['how'] | null;
  readonly head: Oid | null;
  readonly target: CleanupProof['target'];
  readonly words: string;
  readonly next: string | null;
  readonly work: Work;
  readonly isRemoved: boolean;
};

/** Sorts, and unless it is a dry run removes what is landed or empty. Throws `task-not-found` for a task that is not there. */
export async function cleanUpWorktrees(
  context: Context,
  { tasks, isDryRun }: CleanupRequest,
): Promise<readonly CleanedWorktree[]> {
  const open = context.store.list('open');
  const wanted = tasks === null ? open : tasks.map((id) => requireTask(context, id));
  const cleaned: CleanedWorktree[] = [];
  // What is nobody's is found first: what is removed below must not be taken for it.
  const others = tasks === null ? await listOthers(context, open) : [];
  for (const task of wanted) {
    const done = await cleanUpTask(context, task, isDryRun);
    if (done !== undefined) cleaned.push(done);
  }
  return [...cleaned, ...others];
}

/** Undefined when somebody has removed it in the meantime. */
async function cleanUpTask(
  context: Context,
  { id }: Task,
  isDryRun: boolean,
): Promise<CleanedWorktree | undefined> {
  const release = await takeClaim(context, taskClaim(id));
  if (release === undefined) {
    const task = requireTask(context, id);
    return describeTask(task, sortBusy(task), false);
  }
  try {
    const task = requireTask(context, id);
    if (!isOpen(task.phase)) return undefined;
    const sorted = await sortTask(context, task);
    if (sorted.kind === 'stays' || isDryRun) return describeTask(task, sorted, false);
    return await remove(context, task, sorted);
  } finally {
    release();
  }
}

type Removable = Extract<SortedTask, { readonly kind: 'removable' }>;

async function remove(context: Context, task: Task, removable: Removable): Promise<CleanedWorktree> {
  const { kind: _, ...proof } = removable;
  const changed: SortedTask = {
    kind: 'stays',
    sorted: 'has work',
    words: 'something has changed while it was being looked at',
    next: `phasr cleanup ${task.id}`,
    work: NO_WORK,
  };
  if (!(await isStillRemovable(context, task, proof))) return describeTask(task, changed, false);
  const started = record(context, task.id, (now) =>
    now.seq === task.seq
      ? [{ type: 'cleanup.started', ...proof }]
      : refuse('still-running', changed.words, { hint: changed.next ?? '' }),
  );
  if (isRefusal(started)) return describeTask(task, changed, false);
  await finishCleanup(context, started);
  return describeTask(task, removable, true);
}

function describeTask(task: Task, sorted: SortedTask, isRemoved: boolean): CleanedWorktree {
  const { id, title, worktreePath: path, branch } = task;
  const isRemovable = sorted.kind === 'removable';
  return {
    task: { id, title },
    path,
    branch: `refs/heads/${branch}`,
    sorted: sorted.sorted,
    how: isRemovable ? sorted.how : null,
    head: task.head?.oid ?? null,
    target: isRemovable ? sorted.target : null,
    words: sorted.words,
    next: isRemovable ? null : sorted.next,
    work: isRemovable ? NO_WORK : sorted.work,
    isRemoved,
  };
}

/** The user's own worktrees, and folders among Phasr's that no task knows. None of them is ever touched. */
async function listOthers(context: Context, open: readonly Task[]): Promise<readonly CleanedWorktree[]> {
  const ofTasks = new Set(open.map(({ worktreePath }) => worktreePath));
  const [main, ...linked] = await listWorktrees(userRepository(context));
  const isMain = main !== undefined && !main.isBare;
  const yours = linked.filter(({ path }) => !ofTasks.has(path));
  const known = new Set([...ofTasks, ...linked.map(({ path }) => path)]);
  const strays = (await listOwnFolders(context, open)).filter((path) => !known.has(path));
  return [
    ...(isMain ? [other(main, 'the main worktree', null)] : []),
    ...yours.map((worktree) =>
      other(worktree, 'git lists it, and no open task has it', `git -C ${quoteWord(worktree.path)} status`),
    ),
    ...strays.map((path) =>
      other({ path, branch: null, head: null }, 'it belongs to no open task', 'phasr doctor'),
    ),
  ];
}

function other(
  { path, branch, head }: Pick<ListedWorktree, 'path' | 'branch' | 'head'>,
  words: string,
  next: string | null,
): CleanedWorktree {
  const facts = { how: null, target: null, work: NO_WORK, isRemoved: false };
  return { task: null, path, branch, head, sorted: 'not ours', words, next, ...facts };
}

/** The folders where this repository's worktrees are, now and when its open tasks were launched; those with a dot are Phasr's own. */
async function listOwnFolders(context: Context, open: readonly Task[]): Promise<readonly string[]> {
  const here = await worktreesDirectory(context.user, context.repository.commonDir);
  const there = open
    .filter(
      ({ directory, worktreePath }) =>
        directory !== null && findWorktree(worktreePath, directory) === 'present',
    )
    .map(({ worktreePath }) => dirname(worktreePath));
  return [...new Set([here, ...there])].filter(existsSync).flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => !name.startsWith('.'))
      .map((name) => join(folder, name)),
  );
}
