/** How a run ended, from what is known about it. Pure. */

import { renderCount, renderDuration } from '../base/text.ts';
import type { RunOutcome, RunReport } from './event.ts';
import type { Run } from './task.ts';

/** What the exit file said; undefined when there is none. */
export type ExitStatus = number | 'unreadable' | undefined;

export type RunEnd = {
  readonly outcome: RunOutcome;
  readonly exitCode: number | null;
  readonly evidence: string;
};

/**
 * What the agent itself says of its end. `silent`: it has a terminal event, and did not print it; `none`: its output has no such thing,
 * so that the exit code is all there is.
 */
export type AgentVerdict = 'done' | 'failed' | 'interrupted' | 'silent' | 'none';

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

/**
 * The outcome of a run whose processes have ended. Exit code 0 is no success for an agent that says how it ended: it has to say so.
 */
export function judgeEnd(
  run: Run,
  status: ExitStatus,
  said: { readonly verdict: AgentVerdict; readonly report: RunReport | null },
): RunEnd {
  const exitCode = typeof status === 'number' ? status : null;
  if (run.stop !== null) return { outcome: 'stopped', exitCode, evidence: stopEvidence(run, run.stop) };
  const trouble = renderTrouble(said.report);
  if (said.verdict === 'failed')
    return { outcome: 'failed', exitCode, evidence: `its terminal event${trouble || ': it failed'}` };
  if (status === undefined || status === 'unreadable') {
    const pid = run.process?.pid ?? '?';
    return {
      outcome: 'interrupted',
      exitCode,
      evidence: `no exit code was recorded, and process ${pid} is gone`,
    };
  }
  const signal = ENDED_FROM_OUTSIDE.get(status);
  if (signal !== undefined) {
    return {
      outcome: 'interrupted',
      exitCode,
      evidence: `exit code ${status} (ended by ${signal} from outside)`,
    };
  }
  if (said.verdict === 'interrupted')
    return { outcome: 'interrupted', exitCode, evidence: `its terminal event: it was interrupted${trouble}` };
  if (status !== 0) {
    const reason = CANNOT_START.get(status);
    return {
      outcome: 'failed',
      exitCode,
      evidence: `exit code ${status}${reason === undefined ? '' : ` (${reason})`}${trouble}`,
    };
  }
  if (said.verdict === 'silent') {
    const evidence = `exit code 0, but no terminal event: it did not finish${trouble}`;
    return { outcome: 'interrupted', exitCode, evidence };
  }
  const how = said.verdict === 'done' ? 'its terminal event' : 'exit code 0';
  return { outcome: 'done', exitCode, evidence: `${how}${renderRefused(said.report)}` };
}

function stopEvidence(run: Run, { by, detail }: NonNullable<Run['stop']>): string {
  const more = detail === '' ? '' : `: ${detail}`;
  switch (by) {
    case 'person':
      return 'stopped on request';
    case 'time limit':
      return `stopped at its time limit of ${renderDuration(run.timeoutMs ?? 0)}`;
    case 'no progress':
      return `stopped, having printed nothing for ${renderDuration(run.limits.noProgressMs ?? 0)}${more}`;
    case 'memory limit':
    case 'process limit':
    case 'disk limit':
      return `stopped at its ${by}${more}`;
    case 'wrong directory':
      return `stopped, working outside its worktree${more}`;
    case 'retries':
      return `stopped, its model not answering${more}`;
  }
}

function renderTrouble(report: RunReport | null): string {
  const { trouble } = report ?? { trouble: null };
  if (trouble === null) return '';
  return trouble.kind === 'unknown'
    ? `: ${trouble.message}`
    : `: ${trouble.kind.replace('-', ' ')} (${trouble.message})`;
}

function renderRefused(report: RunReport | null): string {
  const refused = report?.refused ?? 0;
  return refused === 0 ? '' : `; ${renderCount(refused, 'action was', 'actions were')} refused`;
}
