/** Starts a new run of a task in its very worktree: after an interruption, a failure, or to go on with more. */

import { existsSync } from 'node:fs';
import { PERMISSIONS } from '../agent/agent.ts';
import { quoteWord } from '../base/words.ts';
import { findRefusal, refuse, type Refusal } from '../task/decide.ts';
import type { TaskId } from '../task/names.ts';
import { latestRun, type Task } from '../task/task.ts';
import { type Context, isRefusal, record } from './context.ts';
import { startWaiting } from './dispatch.ts';
import { requireUsableDisks } from './disks.ts';
import { type Settings, settingsHere } from './settings.ts';
import { type AgentPart, requireAgent, resolveAgent } from './agent-choice.ts';
import { enqueueRun, requirePrompt } from './launch.ts';

export type ResumeRequest = {
  /** Null: the prompt of the run before. */
  readonly prompt: string | null;
  readonly timeoutMs: number | null;
  /** `new`: the agent begins anew, without its earlier session. */
  readonly session: 'last' | 'new';
  /** The terminal whose bell may ring; null for none. */
  readonly terminal: string | null;
};

export type ResumeOutcome = { readonly kind: 'resumed'; readonly task: Task } | Refusal;

/** Puts a new run of the task into the line, with the agent of the run before. */
export async function resumeTask(
  context: Context,
  id: TaskId,
  request: ResumeRequest,
): Promise<ResumeOutcome> {
  const settings = await settingsHere(context);
  requireUsableDisks(context, settings.disk.floorBytes.value);
  const recorded = record(context, id, (task) => {
    const refusal = findRefusal(task, 'resume') ?? missingWorktree(task);
    if (refusal !== undefined) return refusal;
    const last = latestRun(task);
    if (last.command.length === 0) return missingCommand(task);
    const prompt = request.prompt ?? last.prompt;
    const part = nextAgent(context, task, { ...request, settings });
    requirePrompt({ prompt, title: null }, part.command.slice(1));
    const timeoutMs = request.timeoutMs ?? last.timeoutMs;
    return [{ type: 'run.requested', run: last.run + 1, prompt, ...part, timeoutMs }];
  });
  if (isRefusal(recorded)) return recorded;
  const { agent } = latestRun(recorded);
  const env = agent === null ? {} : requireAgent(agent.name, settings).variables;
  enqueueRun(context, recorded, { env, terminal: request.terminal });
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

/** The record of a task that was rebuilt from git does not say what ran. */
function missingCommand({ id, title, branch }: Task): Refusal {
  return refuse('no-command', `the command of task ${id} was lost with its record`, {
    hint: `Launch what is left to do from its work: phasr run ${quoteWord(title)} --base ${branch} -- your-agent`,
  });
}

/**
 * The agent of the run before. A known one goes on with its session, in the very worktree that the session was made in, if it has named one and
 * can go on without a terminal; else it begins anew there.
 */
function nextAgent(
  context: Context,
  task: Task,
  { session: mode, settings }: ResumeRequest & { readonly settings: Settings },
): AgentPart {
  const { command, agent, limits } = latestRun(task);
  if (agent === null) return { command, agent, limits };
  const known = requireAgent(agent.name, settings);
  const session = mode === 'new' || !known.canResume ? null : lastSession(task, agent.name);
  const permission = PERMISSIONS.find((name) => name === agent.permission) ?? null;
  const { name, model } = agent;
  return resolveAgent(context, { name, model, permission }, settings).forWorktree({
    worktreePath: task.worktreePath,
    session,
  });
}

/** The session that this agent has last named in this task. */
export function lastSession(task: Task, agent: string): string | null {
  const run = task.runs.findLast(({ agent: of, session }) => of?.name === agent && session !== null);
  return run?.session ?? null;
}
