/** Lets an agent, or a script in its name, say how it stands: `phasr signal`, from inside its run. */

import { MARKER_NAME } from '../agent/command.ts';
import { PhasrError } from '../base/errors.ts';
import { runPaths } from '../store/paths.ts';
import { appendSignal, type SignalKind } from '../store/signals.ts';
import { parseTaskId } from '../task/names.ts';
import { latestRun, type Task } from '../task/task.ts';
import type { Context } from './context.ts';

export type SignalRequest = { readonly kind: SignalKind; readonly message: string };

/**
 * Hands a signal to the supervisor of the run that this process belongs to, by the run's marker in its environment.
 * Throws `not-in-a-run` anywhere else: nobody can speak for another run.
 */
export function signalRun(context: Context, { kind, message }: SignalRequest): Task {
  const marker = context.env[MARKER_NAME] ?? '';
  const id = parseTaskId(context.env['PHASR_TASK'] ?? '');
  const task = id === undefined ? undefined : context.store.find(id);
  const isOwn = task?.phase.kind === 'running' && marker !== '' && latestRun(task).marker === marker;
  if (task === undefined || !isOwn) {
    throw new PhasrError('not-in-a-run', 'phasr signal speaks for the run that calls it, and this is none', {
      hint: 'It is for agents and scripts that Phasr has started.',
    });
  }
  appendSignal(runPaths(context.paths, task.id, latestRun(task).run).signals, { marker, kind, message });
  return task;
}
