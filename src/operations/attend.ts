/**
 * Attends to a running agent while its supervisor follows it: reads what it prints and reports, publishes what it is doing, records when it
 * begins to wait for its person, and says when it must be stopped.
 */

import { realpathSync } from 'node:fs';
import { renderDuration } from '../base/text.ts';
import { readSignals } from '../store/signals.ts';
import { writeProgress } from '../store/progress.ts';
import type { RunPaths } from '../store/paths.ts';
import type { Redactor } from '../store/redaction.ts';
import { keepTimes } from '../store/times.ts';
import { liveBytes, readLastLine } from '../store/transcript.ts';
import type { StopReason, TaskEvent } from '../task/event.ts';
import type { RunProgress } from '../task/progress.ts';
import { latestRun, type Run, type Task } from '../task/task.ts';
import { type Context, recordFacts } from './context.ts';
import { followOutput, type Follower, usageSoFar } from './follow.ts';
import { notify } from './notify.ts';

export type Attendance = {
  readonly follower: Follower;
  /** One look: everything new is read, recorded and published. Gives why the run must be stopped now, undefined when it may go on. */
  readonly look: (task: Task) => StopWish | undefined;
};

export type StopWish = { readonly by: StopReason; readonly detail: string };

/** From here on silence is shown. */
const SILENT_MS = 60_000;
/** While a tool of the agent's is at work (a test run, say) it may be silent for so many times as long. */
const TOOL_PATIENCE = 4;
/** A wrong key does not heal: after this time of nothing but refusals to let us in, the run is stopped. */
const AUTHENTICATION_RETRIES_MS = 45_000;
/** Progress is for eyes: it is not written more often, and only when it says something else. */
const PUBLISH_EVERY_MS = 500;

type Attended = { readonly paths: RunPaths; readonly redactor: Redactor };

/** Begins to attend to a task's latest run, from the beginning of what it has printed. */
export function attendTo(context: Context, task: Task, { paths, redactor }: Attended): Attendance {
  const run = latestRun(task);
  const before = previousReport(task);
  const follower = followOutput(run, paths, before);
  const signals = readSignals(paths.signals, run.marker ?? '');
  const times = keepTimes(paths.times);
  let lastOutputMs = context.clock.nowMs();
  let retryingSinceMs: number | null = null;
  let published = { text: '', atMs: 0 };
  let message = '';
  let asked: string | null = null;

  const publish = (progress: RunProgress, nowMs: number): void => {
    const text = JSON.stringify({ ...progress, atMs: 0 });
    if (text === published.text || nowMs - published.atMs < PUBLISH_EVERY_MS) return;
    published = { text, atMs: nowMs };
    writeProgress(paths.progress, redactor.clean(progress));
  };
  const describe = (nowMs: number): RunProgress => {
    const report = follower.report();
    const silentMs = nowMs - lastOutputMs;
    const attention =
      asked !== null
        ? 'waiting'
        : report.retrying !== null
          ? 'retrying'
          : silentMs >= SILENT_MS
            ? 'silent'
            : 'working';
    const { retrying } = report;
    const trouble = retrying === null ? null : `${retrying.kind}: ${retrying.message}`;
    return {
      atMs: lastOutputMs,
      action: (message || report.action || lastLine(run, paths)).slice(0, 200),
      attention,
      waitingFor: asked ?? trouble,
      filesTouched: report.filesTouched,
      usage: usageSoFar(report, before),
    };
  };
  const look = (now: Task): StopWish | undefined => {
    const nowMs = context.clock.nowMs();
    if (follower.look()) {
      lastOutputMs = nowMs;
      times.note(liveBytes(paths.output), nowMs);
    }
    const report = follower.report();
    for (const signal of signals.read()) {
      lastOutputMs = nowMs;
      message = signal.message;
      asked = signal.kind === 'needs-input' ? signal.message || 'an answer' : null;
    }
    if (report.question !== null) asked = report.question;
    recordNews(context, now, redactor.clean({ asked, session: report.session }));
    retryingSinceMs = report.retrying === null ? null : (retryingSinceMs ?? nowMs);
    publish(describe(nowMs), nowMs);
    const retriedMs = retryingSinceMs === null ? null : nowMs - retryingSinceMs;
    if (report.cwd !== null && !isSamePlace(report.cwd, task.worktreePath))
      return { by: 'wrong directory', detail: report.cwd };
    return overLimit(latestRun(now), {
      silentMs: asked === null ? nowMs - lastOutputMs : 0,
      retriedMs,
      follower,
    });
  };
  return { follower, look };
}

/** Some agents go on with a session where it began, wherever they are started. A directory that cannot be looked at is no proof. */
function isSamePlace(path: string, worktreePath: string): boolean {
  try {
    return realpathSync(path) === realpathSync(worktreePath);
  } catch {
    // Safe to ignore: it may have removed its own worktree.
    return true;
  }
}

/** What the agent counted until the end of the run before this one. */
function previousReport(task: Task): NonNullable<Run['end']>['report'] {
  return task.runs.at(-2)?.end?.report ?? null;
}

/** A command's last line is what it is doing; a stream's is JSON. */
function lastLine(run: Run, paths: RunPaths): string {
  return run.agent === null || run.agent.reads === 'text' ? readLastLine(paths.output).trim() : '';
}

function recordNews(
  context: Context,
  task: Task,
  news: { readonly asked: string | null; readonly session: string | null },
): void {
  const { run, session, waiting } = latestRun(task);
  const events: TaskEvent[] = [];
  if (news.session !== null && news.session !== session)
    events.push({ type: 'agent.session', run, session: news.session });
  if (news.asked !== (waiting?.for ?? null))
    events.push({ type: 'run.attention', run, waitingFor: news.asked });
  if (events.length === 0) return;
  const now = recordFacts(context, task.id, () => events);
  // Not waited for: the agent is to be looked at meanwhile. It has a limit of its own.
  if (news.asked !== null && news.asked !== (waiting?.for ?? null)) void notify(context, now);
}

function overLimit(
  run: Run,
  seen: { readonly silentMs: number; readonly retriedMs: number | null; readonly follower: Follower },
): StopWish | undefined {
  const { noProgressMs, retriesMs } = run.limits;
  const { retrying, isToolOpen, action } = seen.follower.report();
  if (retrying !== null && seen.retriedMs !== null && retriesMs !== null) {
    const limitMs =
      retrying.kind === 'authentication' ? Math.min(retriesMs, AUTHENTICATION_RETRIES_MS) : retriesMs;
    if (seen.retriedMs >= limitMs) {
      const detail = `${retrying.kind.replace('-', ' ')} for ${renderDuration(seen.retriedMs)} (${retrying.message})`;
      return { by: 'retries', detail };
    }
  }
  if (noProgressMs === null) return undefined;
  const patienceMs = isToolOpen ? noProgressMs * TOOL_PATIENCE : noProgressMs;
  return seen.silentMs >= patienceMs ? { by: 'no progress', detail: action } : undefined;
}
