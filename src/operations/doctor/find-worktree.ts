/** Where a task's worktree is when it is not where its record says: moved by hand, with the folder of all worktrees, or copied back from elsewhere. Looks only. */

import { basename, dirname, join } from 'node:path';
import { readWorktreeIdentity, type WorktreeIdentity } from '../../git/clean-room.ts';
import { namesIn, readPathFile } from '../../git/files.ts';
import { belongs, isRealFolder, readLinkedCommonDir } from '../../git/task-links.ts';
import type { Context } from '../context.ts';
import { dirsOf } from '../context.ts';
import type { Task } from '../../task/task.ts';

type Sought = Pick<Task, 'id' | 'worktreePath'> & { readonly directory: WorktreeIdentity | null };

/** More folders than this are not looked through. */
const FOLDERS_MAX = 20_000;

/** The folder that is the task's worktree; undefined when none of the likely ones is. */
export function findMovedWorktree(context: Context, task: Sought): string | undefined {
  const seen = new Set<string>();
  for (const folder of listCandidates(context, task)) {
    if (seen.size >= FOLDERS_MAX) return undefined;
    if (seen.has(folder)) continue;
    seen.add(folder);
    if (isWorktreeOf(context, task, folder)) return folder;
  }
  return undefined;
}

/** Whether a folder is the task's worktree: the very directory (a `.git` file that leads elsewhere excepted), or one whose `.git` file leads to the task. */
export function isWorktreeOf(context: Context, task: Sought, folder: string): boolean {
  if (!isRealFolder(folder)) return false;
  const dirs = dirsOf(context, task);
  const belonging = belongs(folder, dirs, readLinkedCommonDir(dirs));
  if (belonging !== 'neither') return belonging === 'own';
  const { dev, ino } = readWorktreeIdentity(folder);
  return task.directory?.ino === ino && task.directory.dev === dev;
}

/** The likely ones first: where it should be, what the registrations say, where the person stands, then all of Phasr's worktrees. */
function* listCandidates(context: Context, task: Sought): Generator<string> {
  const dirs = dirsOf(context, task);
  const name = basename(task.worktreePath);
  yield task.worktreePath;
  for (const admin of [dirs.registrationDir, dirs.privateAdminDir]) {
    const dotGit = readPathFile(join(admin, 'gitdir'));
    if (dotGit !== undefined) yield dirname(dotGit);
  }
  const { worktreeRoot } = context.repository;
  if (worktreeRoot !== null) yield worktreeRoot;
  const parents = [
    dirname(task.worktreePath),
    ...namesIn(context.user.worktrees).map((folder) => join(context.user.worktrees, folder)),
  ];
  for (const parent of parents) yield join(parent, name);
  for (const parent of parents)
    for (const entry of namesIn(parent)) if (!entry.startsWith('.')) yield join(parent, entry);
}
