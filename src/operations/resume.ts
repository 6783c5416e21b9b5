/** Starts a new run of a task in its very worktree: after an interruption, a failure, or to go on with more. */

import { existsSync } from 'node:fs';
import { PhasrError } from '../base/errors.ts';
import { findRefusal, refuse, type Refusal } from '../task/decide.ts';
import type { TaskId } from '../task/names.ts';
import { latestRun, type Task } from '../task/task.ts';
import { type Context, isRefusal, record } from './context.ts';
import { startWaiting } from './dispatch.ts';
import { enqueueRun } from './launch.ts';
import { commandWithPrompt, ARGUMENT_BYTES_MAX, takesPromptArgument } from '../agent/command.ts';

export type ResumeRequest = {
  /** Null: the prompt of the run before. */
  readonly prompt: string | null;
  readonly timeoutMs: number | null;
};

export type ResumeOutcome = { readonly kind: 'resumed'; readonly task: Task } | Refusal;

/** Puts a new run of the task into the line, with the agent of the run before. */
export async function resumeTask(
  context: Context,
  id: TaskId,
  request: ResumeRequest,
): Promise<ResumeOutcome> {
  const recorded = record(context, id, (task) => {
    const refusal = findRefusal(task, 'resume') ?? missingWorktree(task);
    if (refusal !== undefined) return refusal;
    const last = latestRun(task);
    const prompt = request.prompt ?? last.prompt;
    requireFits(last.command, prompt);
    return [
      {
        type: 'run.requested',
        run: last.run + 1,
        prompt,
        command: last.command,
        timeoutMs: request.timeoutMs ?? last.timeoutMs,
      },
    ];
  });
  if (isRefusal(recorded)) return recorded;
  enqueueRun(context, recorded);
  await startWaiting(context);
  return { kind: 'resumed', task: recorded };
}

/** A task whose worktree could not be made gets it now; one whose worktree has vanished must not work on nothing. */
function missingWorktree(task: Task): Refusal | undefined {
  if (task.directory === null || existsSync(task.worktreePath)) return undefined;
  return refuse('no-worktree', `the worktree of task ${task.id} is gone from ${task.worktreePath}`, {
    hint: `What was committed is on ${task.branch}: phasr diff ${task.id}`,
  });
}

function requireFits(command: readonly string[], prompt: string): void {
  const usable = prompt.trim() !== '' && !prompt.includes('\0');
  const longest = Math.max(
    0,
    ...commandWithPrompt(command, prompt).map((argument) => Buffer.byteLength(argument)),
  );
  if (usable && (!takesPromptArgument(command) || longest <= ARGUMENT_BYTES_MAX)) return;
  throw new PhasrError(
    'prompt-unusable',
    usable ? 'the prompt is too long for an argument' : 'the prompt is empty or contains a NUL character',
    {
      hint: 'Give a shorter prompt, or none to use the one before.',
    },
  );
}
