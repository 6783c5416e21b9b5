/** How a run ended, from what is known about it. Pure. */

import { renderDuration } from '../base/text.ts';
import type { RunOutcome } from './event.ts';
import type { Run } from './task.ts';

/** What the exit file said; undefined when there is none. */
export type ExitStatus = number | 'unreadable' | undefined;

export type RunEnd = {
  readonly outcome: RunOutcome;
  readonly exitCode: number | null;
  readonly evidence: string;
};

/** A shell reports a death by signal as 128 + its number; these are the signals by which something outside ends a program. */
const ENDED_FROM_OUTSIDE: ReadonlyMap<number, string> = new Map([
  [129, 'SIGHUP'],
  [130, 'SIGINT'],
  [137, 'SIGKILL'],
  [143, 'SIGTERM'],
]);

const CANNOT_START: ReadonlyMap<number, string> = new Map([
  [126, 'it could not be executed'],
  [127, 'it was not found'],
]);

/** The outcome of a run whose processes have ended. */
export function judgeEnd(run: Run, status: ExitStatus): RunEnd {
  const exitCode = typeof status === 'number' ? status : null;
  if (run.stop !== null) {
    const why =
      run.stop.by === 'person'
        ? 'stopped on request'
        : `stopped at its time limit of ${renderDuration(run.timeoutMs ?? 0)}`;
    return { outcome: 'stopped', exitCode, evidence: why };
  }
  if (status === undefined || status === 'unreadable') {
    const pid = run.process?.pid ?? '?';
    return {
      outcome: 'interrupted',
      exitCode,
      evidence: `no exit code was recorded, and process ${pid} is gone`,
    };
  }
  if (status === 0) return { outcome: 'done', exitCode, evidence: 'exit code 0' };
  const signal = ENDED_FROM_OUTSIDE.get(status);
  if (signal !== undefined) {
    return {
      outcome: 'interrupted',
      exitCode,
      evidence: `exit code ${status} (ended by ${signal} from outside)`,
    };
  }
  const reason = CANNOT_START.get(status);
  return {
    outcome: 'failed',
    exitCode,
    evidence: `exit code ${status}${reason === undefined ? '' : ` (${reason})`}`,
  };
}
