/** Whether an open task's worktree could be removed with nothing lost, and how that is known. Decides nothing and removes nothing. */

import { existsSync } from 'node:fs';
import { branchRef, type Oid, shortOid } from '../base/oid.ts';
import { renderCount, renderVisible } from '../base/text.ts';
import { findLanding, type Landing } from '../git/landed.ts';
import { readRefAsText } from '../git/refs.ts';
import { isAncestor } from '../git/commit.ts';
import { findRefusal } from '../task/decide.ts';
import type { CleanupProof } from '../task/event.ts';
import { agentName, latestRun, type Task } from '../task/task.ts';
import { type Context, dirsOf, objectsOf, userRepository } from './context.ts';
import { findForeignWorktree, findInUse, requireOwnWorktree } from './guard.ts';
import { describeFailure } from './run.ts';
import { describeWork, findWork, isWork, listOwnCommits, NO_WORK, type Work } from './work.ts';

/** What a worktree is, for cleanup. */
export type SortName = CleanupProof['sorted'] | 'has work' | 'in use' | 'not ours';

/** `next`: what a person can type; null when there is nothing to do. */
type Stays = {
  readonly sorted: 'has work' | 'in use' | 'not ours';
  readonly words: string;
  readonly next: string | null;
  readonly work: Work;
};

export type SortedTask =
  | ({ readonly kind: 'removable' } & CleanupProof)
  | ({ readonly kind: 'stays' } & Stays);

function stays(
  sorted: Stays['sorted'],
  words: string,
  more: { next: string | null; work?: Work },
): SortedTask {
  return { kind: 'stays', sorted, words, next: more.next, work: more.work ?? NO_WORK };
}

/** Sorts one open task as it is now. Call it under the task's claim. Whatever cannot be found out counts as work. */
export async function sortTask(context: Context, task: Task): Promise<SortedTask> {
  try {
    return await sort(context, task);
  } catch (error) {
    const words = `it could not be looked at, which counts as work: ${describeFailure(error)}`;
    return stays('has work', words, { next: `phasr show ${task.id}` });
  }
}

async function sort(context: Context, task: Task): Promise<SortedTask> {
  if (findRefusal(task, 'discard') !== undefined) return sortBusy(task);
  const foreign = findForeignWorktree(context, task);
  if (foreign !== undefined) return stays('not ours', foreign.message, { next: foreign.hint });
  const presence = requireOwnWorktree(context, task);
  const inUse = presence === 'gone' ? undefined : await findInUse(task, 'all');
  if (inUse === 'unknown') throw new Error('this system does not tell which processes work there');
  if (inUse !== undefined) return stays('in use', inUse.message, { next: inUse.hint });
  const head = task.head?.oid ?? task.base.oid;
  const branch = readRefAsText(context.repository.commonDir, branchRef(task.branch));
  if (branch !== undefined && branch !== head) {
    const words = `${task.branch} was moved by somebody else, from ${shortOid(head)} to ${shortOid(branch)}`;
    return stays('has work', words, { next: `git log ${task.branch}` });
  }
  const work = await findWork(context, task, { head, presence });
  return isWork(work) ? hasWork(task, describeWork(work), work) : sortHead(context, task, head);
}

function hasWork({ id }: Task, words: string, work: Work): SortedTask {
  return stays('has work', words, {
    next: `phasr diff ${id}; then phasr merge ${id} or phasr discard ${id}`,
    work,
  });
}

/** A task that somebody goes on with: its run, a merge, or another process of Phasr's. */
export function sortBusy(task: Task): SortedTask {
  const refusal = findRefusal(task, 'discard');
  const words = refusal?.message ?? `another phasr process is at task ${task.id}`;
  return stays('in use', words + whose(task), { next: refusal?.hint ?? `phasr show ${task.id}` });
}

/** The process of a run that lives. */
function whose(task: Task): string {
  const { process, command } = latestRun(task);
  return task.phase.kind !== 'running' || process === null
    ? ''
    : `: process ${process.pid} (${renderVisible(agentName(command))})`;
}

async function sortHead(context: Context, task: Task, head: Oid): Promise<SortedTask> {
  if (head === task.base.oid) {
    const words = 'it has no commit of its own, and no file was changed';
    return { kind: 'removable', sorted: 'empty', how: 'no changes', head, target: null, words };
  }
  const place = userRepository(context);
  const { target: branch } = task;
  const oid = branch === null ? undefined : readRefAsText(place.commonDir, branchRef(branch));
  if (branch === null || oid === undefined) {
    const commits = await listOwnCommits(place, head, task.base.oid);
    const where = branch === null ? 'it has no target branch' : `its target ${renderVisible(branch)} is gone`;
    const work = { ...NO_WORK, commits };
    return hasWork(task, `${where}; ${describeWork(work)}`, work);
  }
  // The trees that are compared belong into the clean room; a task that has lost it has its commits in the repository.
  const room = existsSync(dirsOf(context, task).cleanDir) ? objectsOf(context, task) : place;
  const landing = await findLanding(room, head, oid);
  if (landing === undefined) {
    const work = { ...NO_WORK, commits: await listOwnCommits(place, head, oid) };
    return hasWork(task, `not in ${renderVisible(branch)}: ${describeWork(work)}`, work);
  }
  const { how } = landing;
  const sorted = how === 'contained' ? 'landed' : 'landed by squash or rebase';
  const words = describeLanding(landing, `${renderVisible(branch)} @ ${shortOid(oid)}`, head);
  return { kind: 'removable', sorted, how, head, target: { branch, oid }, words };
}

function describeLanding(landing: Landing, target: string, head: Oid): string {
  switch (landing.how) {
    case 'contained':
      return `its head ${shortOid(head)} is in ${target}`;
    case 'merge adds nothing':
      return `merging it would change nothing in ${target}`;
    case 'same patch':
      return `${shortOid(landing.commit)} in ${target} makes all its changes`;
    case 'same patches':
      return `${target} has ${renderCount(landing.count, 'commit')} with the same ${landing.count === 1 ? 'change' : 'changes'}`;
  }
}

/** Whether a proof of a moment ago still holds: nothing has come to the worktree, nobody works there, and the target has not gone back. */
export async function isStillRemovable(context: Context, task: Task, proof: CleanupProof): Promise<boolean> {
  try {
    const presence = requireOwnWorktree(context, task);
    if (presence === 'present' && (await findInUse(task, 'all')) !== undefined) return false;
    const place = userRepository(context);
    const { head, target } = proof;
    const branch = readRefAsText(place.commonDir, branchRef(task.branch));
    if (branch !== undefined && branch !== head) return false;
    if (isWork(await findWork(context, task, { head, presence }))) return false;
    if (target === null) return true;
    const now = readRefAsText(place.commonDir, branchRef(target.branch));
    return now !== undefined && (await isAncestor(place, target.oid, now));
  } catch {
    // Safe to ignore: what cannot be looked at counts as work.
    return false;
  }
}
