/** Everything about one task. */

import { existsSync } from 'node:fs';
import type { Made } from '../git/made.ts';
import { runPaths } from '../store/paths.ts';
import { transcriptBytes } from '../store/transcript.ts';
import type { RecordedEvent } from '../task/event.ts';
import type { TaskId } from '../task/names.ts';
import { latestRun } from '../task/task.ts';
import { type Context, requireTask } from './context.ts';
import { type TaskView, viewTask } from './inspect.ts';
import { findMade, syncTask } from './sync.ts';

/** Everything about one task. */
export type TaskDetails = TaskView & {
  readonly history: readonly RecordedEvent[];
  readonly worktreeExists: boolean;
  /** What else the agent has made in git, and only its own git dir has. */
  readonly made: Made;
  readonly transcriptBytes: number;
  readonly transcriptPath: string;
};

/** Brings the task branch up to date with the agent's commits first. */
export async function showTask(context: Context, id: TaskId): Promise<TaskDetails> {
  const task = await syncTask(context, requireTask(context, id));
  const { output } = runPaths(context.paths, id, latestRun(task).run);
  return {
    ...(await viewTask(context, task)),
    history: context.store.history(id),
    worktreeExists: existsSync(task.worktreePath),
    made: await findMade(context, task),
    transcriptBytes: transcriptBytes(output),
    transcriptPath: output,
  };
}
