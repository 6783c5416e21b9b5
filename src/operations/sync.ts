/** Brings an agent's own commits over to the task branch in the user's repository, while it works and whenever somebody looks. */

import { branchRef } from '../base/oid.ts';
import { findStat } from '../git/files.ts';
import { readRefAsText } from '../git/refs.ts';
import type { Task } from '../task/task.ts';
import { harvestCommits, readOwnTips } from './commit.ts';
import { type Context, dirsOf, requireTask, userRepository } from './context.ts';

/** Moves the task branch to the agent's latest own commit. Reads a few small files when there is nothing new. */
export async function syncTask(context: Context, task: Task): Promise<Task> {
  const dirs = dirsOf(context, task);
  if (task.directory === null || findStat(dirs.privateDir) === undefined) return task;
  const branch = readRefAsText(userRepository(context).commonDir, branchRef(task.branch));
  const known = new Set([branch, task.head?.oid, task.base.oid]);
  if (readOwnTips(dirs, task).every((tip) => known.has(tip))) return task;
  await harvestCommits(context, task);
  return requireTask(context, task.id);
}
