/** What a run's agent printed, from the beginning, and on while it goes on printing. */

import { PhasrError } from '../base/errors.ts';
import { runPaths } from '../store/paths.ts';
import { firstLiveByte, listTranscriptParts, liveBytes, readPart } from '../store/transcript.ts';
import type { TaskId } from '../task/names.ts';
import { latestRun, type Run, type Task } from '../task/task.ts';
import { type Context, requireTask } from './context.ts';
import { recover } from './recover.ts';

export type LogPiece =
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  /** The transcript is bounded; this much is missing here. */
  | { readonly kind: 'gap'; readonly droppedBytes: number };

export type LogRequest = {
  /** Null: the latest run. */
  readonly run: number | null;
  readonly follow: boolean;
  readonly signal: AbortSignal | null;
};

const LOOK_EVERY_MS = 100;
const RECOVER_EVERY_LOOKS = 10;

/** Throws `task-not-found`, and `usage` when the task has no such run. */
export async function* readLogs(context: Context, id: TaskId, request: LogRequest): AsyncGenerator<LogPiece> {
  const { run } = requireRun(requireTask(context, id), request.run);
  const { output } = runPaths(context.paths, id, run);
  let at = 0;
  for (const part of listTranscriptParts(output)) {
    if (part.kind === 'gap') yield part;
    else {
      for (const bytes of readPart(part)) yield { kind: 'bytes', bytes };
      at = part.path === output ? part.end : 0;
    }
  }
  if (request.follow) yield* follow(context, { id, run, output, at, signal: request.signal });
}

type Followed = {
  readonly id: TaskId;
  readonly run: number;
  readonly output: string;
  readonly at: number;
  readonly signal: AbortSignal | null;
};

async function* follow(
  context: Context,
  { id, run, output, at: start, signal }: Followed,
): AsyncGenerator<LogPiece> {
  let at = start;
  for (let looks = 1; signal?.aborted !== true; looks++) {
    // Asked before the size: what is printed until the end is then read below.
    const isOver = requireRun(requireTask(context, id), run).end !== null;
    const size = liveBytes(output);
    if (size < at) {
      // The file was emptied to keep it within its limit; what was printed in between is in none of our hands.
      yield { kind: 'gap', droppedBytes: 0 };
      at = 0;
    }
    const first = firstLiveByte(output);
    if (first > at) yield { kind: 'gap', droppedBytes: first - at };
    for (const bytes of readPart({ path: output, start: Math.max(at, first), end: size }))
      yield { kind: 'bytes', bytes };
    at = size;
    if (isOver) return;
    if (looks % RECOVER_EVERY_LOOKS === 0) await recover(context);
    await context.clock.sleep(LOOK_EVERY_MS, signal ?? undefined);
  }
}

function requireRun(task: Task, number: number | null): Run {
  const run = number === null ? latestRun(task) : task.runs.find((candidate) => candidate.run === number);
  if (run !== undefined) return run;
  throw new PhasrError('usage', `task ${task.id} has no run ${number ?? ''}`, {
    hint: `It has ${task.runs.length}: phasr show ${task.id}`,
  });
}
