/**
 * Makes the record agree with the world, at the start of every command: whoever went on with a task may have died at any point.
 *
 * Costs one query when nothing is wrong, and what it takes to put something right is loaded only then. Asks git and the process table and records facts; it never decides anything for a person.
 */

import { dirname, join } from 'node:path';
import { MARKER_NAME } from '../agent/command.ts';
import { PhasrError } from '../base/errors.ts';
import { releaseAbandoned } from '../git/transfer.ts';
import { isAlive } from '../process/table.ts';
import { promptPath } from '../store/paths.ts';
import { listSweepable } from '../store/trash.ts';
import { latestRun, type Task } from '../task/task.ts';
import { type Context, isHolderAlive, SWEEP_CLAIM, takeClaim, taskClaim } from './context.ts';
import { removePartials } from './partials.ts';

/** What was found and is being put right, for people; nothing is empty. */
export type Recovered = { readonly id: number; readonly what: string };

/** Takes up what dead processes left. Inside a task it does nothing: an agent drives no tasks. */
export async function recover(context: Context): Promise<readonly Recovered[]> {
  if (context.env[MARKER_NAME] !== undefined) return [];
  const active = context.store.list('active');
  // The copy of somebody's uncommitted work, which no ref holds yet.
  if (!active.some(isYetToBranch)) await releaseAbandoned(context.repository.commonDir);
  await removePartials([context.paths.phasrDir, join(context.user.root, 'code')]);
  const recovered: Recovered[] = [];
  let mustStart = false;
  for (const task of active) {
    const holder = context.store.findClaim(taskClaim(task.id));
    if (holder !== undefined && (await isHolderAlive(holder))) continue;
    const what = await takeUp(context, task);
    if (what === 'waits') mustStart = true;
    else if (what !== undefined) recovered.push({ id: task.id, what });
  }
  if (mustStart) {
    const { startWaiting } = await import('./dispatch.ts');
    await startWaiting(context);
  }
  await startSweeper(context);
  return recovered;
}

function isYetToBranch({ carried, branchCreated, phase }: Task): boolean {
  return carried !== null && !branchCreated && ['queued', 'preparing'].includes(phase.kind);
}

async function takeUp(context: Context, task: Task): Promise<string | undefined> {
  if (task.phase.kind !== 'idle') await removePartials([promptsOf(task)]);
  switch (task.phase.kind) {
    case 'queued':
    case 'preparing':
      return requeue(context, task);
    case 'running':
      return adopt(context, task);
    case 'committing':
      await supervise(context, task);
      return task.trouble === null ? 'its work was committed, its supervisor having died' : undefined;
    case 'merging':
      return claimed(context, task, async () => (await import('./merge.ts')).finishMerge(context, task));
    case 'cleaning':
      return claimed(context, task, () => goOnRemoving(context, task));
    case 'restoring':
      return claimed(context, task, async () => (await import('./restore.ts')).finishRestore(context, task));
    case 'rewinding':
      return claimed(context, task, async () => (await import('./rewind.ts')).finishRewind(context, task));
    case 'unmerging':
      return claimed(context, task, async () => (await import('./unmerge.ts')).finishUnmerge(context, task));
    case 'idle':
    case 'merged':
    case 'discarded':
      return undefined;
  }
}

function promptsOf({ id, worktreePath }: Task): string {
  return dirname(promptPath(dirname(worktreePath), id, 1));
}

async function supervise(context: Context, task: Task): Promise<void> {
  const { superviseTask } = await import('./supervise.ts');
  await superviseTask(context, task.id);
}

async function requeue(context: Context, task: Task): Promise<'waits'> {
  const { enqueueRun } = await import('./launch.ts');
  const { commonDir } = context.repository;
  const hasPlace = context
    .places()
    .list()
    .some((place) => place.commonDir === commonDir && place.task === task.id);
  // Whoever has just launched it is about to do that itself.
  if (!hasPlace && context.clock.nowMs() - task.sinceMs > LAUNCH_MS) enqueueRun(context, task);
  return 'waits';
}

/** From the record of a launch to the run's place in the line; a few milliseconds, more on a very busy machine. */
const LAUNCH_MS = 3000;

/** The agent outlives its supervisor: a new one follows it; when it has ended in the meantime, its end is recorded here and now. */
async function adopt(context: Context, task: Task): Promise<string> {
  const { process } = latestRun(task);
  if (process !== null && (await isAlive(process))) {
    const { commonDir } = context.repository;
    const { run } = latestRun(task);
    const { startHelper } = await import('./dispatch.ts');
    await startHelper(context, ['supervise', commonDir, String(task.id)], {
      logDirectory: context.paths.phasrDir,
    });
    return `run ${run} goes on, under a new supervisor`;
  }
  await supervise(context, task);
  return 'its run had ended, its supervisor having died';
}

async function claimed(
  context: Context,
  task: Task,
  work: () => Promise<string>,
): Promise<string | undefined> {
  const release = await takeClaim(context, taskClaim(task.id));
  if (release === undefined) return undefined;
  try {
    return await work();
  } finally {
    release();
  }
}

/** What is not as it was stays, and is named by `phasr doctor`; no other task has to wait for it. */
async function goOnRemoving(context: Context, task: Task): Promise<string> {
  const { finishCleanup } = await import('./cleanup.ts');
  try {
    return await finishCleanup(context, task);
  } catch (error) {
    if (!(error instanceof PhasrError) || error.code !== 'worktree-broken') throw error;
    return error.message;
  }
}

/** What cleanup took away is captured and deleted in the background; if that was cut short it starts again. */
async function startSweeper(context: Context): Promise<void> {
  const { trashDir, phasrDir } = context.paths;
  if (listSweepable(trashDir).length === 0) return;
  const holder = context.store.findClaim(SWEEP_CLAIM);
  if (holder !== undefined && (await isHolderAlive(holder))) return;
  const { startHelper } = await import('./dispatch.ts');
  await startHelper(context, ['sweep', context.repository.commonDir], { logDirectory: phasrDir });
}
