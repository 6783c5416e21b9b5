/** What a task's state is called for people, and why it is believed. Pure; the process table is asked by the caller. */

import { renderDuration } from '../base/text.ts';
import { assertNever } from '../base/errors.ts';
import { describeEscape } from './escape.ts';
import type { Run, Task } from './task.ts';
import { latestRun } from './task.ts';

export type StateName =
  | 'queued'
  | 'setting up'
  | 'running'
  | 'waiting'
  | 'committing'
  | 'done'
  | 'failed'
  | 'stopped'
  | 'interrupted'
  | 'merging'
  | 'merged'
  | 'discarded'
  | 'restoring'
  | 'rewinding'
  | 'unmerging';

export type TaskState = {
  readonly name: StateName;
  /** Why this is believed. */
  readonly evidence: string;
  /** Since when the task has been in this state. */
  readonly sinceMs: number;
};

/** What the process table says of the run's process, asked just now. */
export type Liveness = 'alive' | 'gone' | 'not asked';

/** The state of a task as of `nowMs`; the same facts give the same words everywhere. */
export function describeState(task: Task, liveness: Liveness, nowMs: number): TaskState {
  const { name, evidence } = describePhase(task, liveness, nowMs);
  const waitingSinceMs = name === 'waiting' ? latestRun(task).waiting?.atMs : undefined;
  return { name, evidence, sinceMs: waitingSinceMs ?? task.sinceMs };
}

function describePhase(task: Task, liveness: Liveness, nowMs: number): { name: StateName; evidence: string } {
  const run = latestRun(task);
  switch (task.phase.kind) {
    case 'queued':
      return { name: 'queued', evidence: 'waits for a free place' };
    case 'preparing':
      return {
        name: 'setting up',
        evidence: task.directory === null ? 'its worktree is being made' : 'starting',
      };
    case 'running':
      return run.waiting === null || run.stop !== null || liveness === 'gone'
        ? { name: 'running', evidence: withEscape(task, runningEvidence(run, liveness, nowMs)) }
        : { name: 'waiting', evidence: `for you: ${run.waiting.for}` };
    case 'committing':
      return { name: 'committing', evidence: task.trouble ?? run.end?.evidence ?? '' };
    case 'idle':
      return { name: run.end?.outcome ?? 'interrupted', evidence: idleEvidence(task, run) };
    case 'merging':
      return { name: 'merging', evidence: `into ${task.phase.target}` };
    case 'cleaning':
      return { name: task.phase.after, evidence: 'its worktree is being removed' };
    case 'merged':
      return {
        name: 'merged',
        evidence: `${task.merge?.target ?? ''} @ ${task.merge?.commit.slice(0, 9) ?? ''}`,
      };
    case 'discarded':
      return {
        name: 'discarded',
        evidence: task.kept === null ? 'nothing was left' : `kept in ${task.kept}`,
      };
    case 'rewinding':
      return { name: 'rewinding', evidence: `to snapshot ${task.phase.to}` };
    case 'unmerging':
      return { name: 'unmerging', evidence: `out of ${task.phase.target}` };
    case 'restoring':
      return {
        name: 'restoring',
        evidence: task.phase.source === 'disk' ? 'from the disk' : 'from its snapshot',
      };
    default:
      return assertNever(task.phase);
  }
}

function runningEvidence(run: Run, liveness: Liveness, nowMs: number): string {
  const pid = run.process?.pid ?? 0;
  if (run.stop !== null) return `being stopped for ${renderDuration(nowMs - run.stop.atMs)}, process ${pid}`;
  if (liveness === 'gone') return `process ${pid} has ended, its end is being recorded`;
  return liveness === 'alive' ? `process ${pid} lives` : `process ${pid}`;
}

function idleEvidence(task: Task, run: Run): string {
  return withEscape(task, task.trouble ?? run.end?.evidence ?? '');
}

function withEscape({ id, escape = null }: Task, evidence: string): string {
  return escape === null ? evidence : `${evidence}; ${describeEscape(escape, id)}`;
}
