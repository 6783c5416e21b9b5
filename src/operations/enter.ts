/** A person's own programs in a task's worktree: his shell, his editor, his tests. */

import { dirname } from 'node:path';
import { MARKER_NAME, TASK_VARIABLES } from '../agent/command.ts';
import { PhasrError } from '../base/errors.ts';
import type { Environment } from '../base/environment.ts';
import { findWorktree } from '../git/clean-room.ts';
import { personGitEnvironment } from '../git/environment.ts';
import { findProgram } from '../process/find.ts';
import { type ForegroundEnd, runForeground, startDetached } from '../process/spawn.ts';
import { signalBehindWalls } from '../process/stop.ts';
import type { TaskId } from '../task/names.ts';
import type { Task } from '../task/task.ts';
import { type Context, requireTask } from './context.ts';
import { confine } from './sandbox.ts';

export type { ForegroundEnd };

/** A task's worktree, and how to start something in it. */
export type Entered = {
  readonly task: Task;
  readonly path: string;
  /** An agent works there now. */
  readonly isAgentAtWork: boolean;
  readonly env: Environment;
  /** Runs a program there on the person's terminal, as {@link runForeground}. Throws `program-missing`. */
  readonly run: (command: readonly string[], stdout: 'output' | 'error') => Promise<ForegroundEnd>;
  /** As `run`, behind the same walls as the task's agent, where there are any. Throws `refused` when they are asked for and there are none. */
  readonly runConfined: (command: readonly string[], stdout: 'output' | 'error') => Promise<ForegroundEnd>;
  /** Starts a program there that opens a window of its own and outlives this process. Throws `program-missing`. */
  readonly start: (command: readonly string[]) => Promise<void>;
};

/** Throws `task-not-found`, and `worktree-broken` when the task has no worktree, no more or not yet. */
export function enterTask(context: Context, id: TaskId): Entered {
  const task = requireTask(context, id);
  requireWorktree(task);
  const path = task.worktreePath;
  const env = personEnvironment(context.env, task);
  const program = ([file = '', ...args]: readonly string[]) => ({ file, args, cwd: path, env });
  return {
    task,
    path,
    isAgentAtWork: task.phase.kind === 'running',
    env,
    run: (command, stdout) => runForeground(program(command), stdout),
    runConfined: async (command, stdout) => {
      // One that is not there is to be missed as ever.
      if (findProgram(command[0] ?? '', env, path) === undefined)
        return runForeground(program(command), stdout);
      const confined = await confine(context, task, { command, reports: [], runsIn: 'foreground' });
      const isWalled = confined.confinement.level !== 'off';
      const behind = isWalled ? { passOn: signalBehindWalls, filter: confined.filter } : null;
      return runForeground(program(confined.command), stdout, behind);
    },
    start: async (command) => void (await startDetached(program(command), 'ignore')),
  };
}

function requireWorktree(task: Task): void {
  const { id, directory, phase } = task;
  const broken = (message: string, hint: string): never => {
    throw new PhasrError('worktree-broken', message, { hint, details: { path: task.worktreePath } });
  };
  if (directory === null) {
    if (phase.kind === 'merged' || phase.kind === 'discarded')
      broken(`task ${id} is ${phase.kind}; its worktree is gone`, `What it left: phasr show ${id}`);
    if (phase.kind === 'queued' || phase.kind === 'preparing')
      broken(`task ${id} has no worktree yet; it waits for its turn`, `phasr wait ${id}`);
    broken(`task ${id} has no worktree; it could not be made`, `phasr show ${id}   or   phasr resume ${id}`);
  } else if (findWorktree(task.worktreePath, directory) !== 'present') {
    broken(`the worktree of task ${id} is not where Phasr made it: ${task.worktreePath}`, `phasr show ${id}`);
  }
}

/**
 * The person's environment, with the task's names. A run's marker is never added: what a person starts is not the agent's and must not end with
 * its run. One that is there stays: then an agent is calling, and what it starts belongs to its own run.
 */
function personEnvironment(inherited: Environment, task: Task): Environment {
  const outer = new Set(['PWD', 'OLDPWD', ...TASK_VARIABLES.filter((name) => name !== MARKER_NAME)]);
  const kept = Object.entries(inherited).filter(([name]) => !outer.has(name));
  return {
    ...personGitEnvironment(Object.fromEntries(kept), dirname(task.worktreePath)),
    PHASR_TASK: String(task.id),
    PHASR_BRANCH: task.branch,
    PHASR_BASE: task.base.oid,
    PHASR_WORKTREE: task.worktreePath,
  };
}
