/** Looks at tasks: their states with evidence, for lists. */

import { renderDuration } from '../base/text.ts';
import { isAlive } from '../process/table.ts';
import { countUncommitted } from '../git/status.ts';
import { runPaths } from '../store/paths.ts';
import { readProgress } from '../store/progress.ts';
import { readLastLine } from '../store/transcript.ts';
import type { RunProgress } from '../task/progress.ts';
import { describeState, type TaskState } from '../task/state.ts';
import { latestRun, type Task } from '../task/task.ts';
import type { Context } from './context.ts';
import { describeLoss, lookForRefs } from './loss.ts';
import { lookForWaiting } from './queue.ts';

/** A task with its state as of now. */
export type TaskView = {
  readonly task: Task;
  readonly state: TaskState;
  /** What its running agent is doing; null when none runs, or nothing is known yet. */
  readonly progress: RunProgress | null;
};

/** All tasks, or those that are not yet merged or discarded. The process table is asked about each running one. */
export async function listTasks(context: Context, which: 'all' | 'open'): Promise<readonly TaskView[]> {
  const looks = { hasRef: lookForRefs(context), whyWaiting: lookForWaiting(context) };
  return Promise.all(context.store.list(which).map((task) => viewTask(context, task, looks)));
}

/** A task's state as of now; a running one's process is looked for in the process table. */
export async function viewTask(
  context: Context,
  task: Task,
  { hasRef, whyWaiting } = { hasRef: lookForRefs(context), whyWaiting: lookForWaiting(context) },
): Promise<TaskView> {
  const { process } = latestRun(task);
  const isRunning = task.phase.kind === 'running' && process !== null;
  const liveness = isRunning ? ((await isAlive(process)) ? 'alive' : 'gone') : 'not asked';
  const progress = isRunning
    ? readProgress(runPaths(context.paths, task.id, latestRun(task).run).progress)
    : null;
  const nowMs = context.clock.nowMs();
  const state = describeState(task, liveness, nowMs);
  const seen =
    state.name === 'running' && liveness === 'alive'
      ? describeTrouble(progress, nowMs)
      : state.name === 'queued'
        ? whyWaiting(task)
        : describeLoss(task, hasRef);
  return { task, state: seen === null ? state : { ...state, evidence: seen }, progress };
}

/** What is worth more than that its process lives; null when it simply works. */
function describeTrouble(progress: RunProgress | null, nowMs: number): string | null {
  if (progress?.attention === 'silent') return `no output for ${renderDuration(nowMs - progress.atMs)}`;
  return progress?.attention === 'retrying'
    ? `its model does not answer: ${progress.waitingFor ?? ''}`
    : null;
}

/** What a task's latest run printed last, for one-line views; empty when nothing. */
export function readLastOutput(context: Context, task: Task): string {
  return readLastLine(runPaths(context.paths, task.id, latestRun(task).run).output);
}

/** How many files of the person's own worktree are not committed and so are not part of a new task; 0 in a bare repository. */
export async function countLeftBehind(context: Context): Promise<number> {
  const { worktreeRoot, gitDir } = context.repository;
  if (worktreeRoot === null) return 0;
  return countUncommitted({
    cwd: worktreeRoot,
    gitDir,
    workTree: worktreeRoot,
    variables: {},
    inherited: context.env,
  });
}
