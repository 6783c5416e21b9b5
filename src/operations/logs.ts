/** What a run's agent printed, from the beginning, and on while it goes on printing: as bytes, or as what its stream says. */

import { newLineSplitter } from '../agent/lines.ts';
import { readerNamed } from '../agent/catalogue.ts';
import type { AgentEvent } from '../agent/event.ts';
import { PhasrError } from '../base/errors.ts';
import { runPaths } from '../store/paths.ts';
import { readTimes } from '../store/times.ts';
import {
  firstLiveByte,
  listTranscriptParts,
  liveBytes,
  readPart,
  type TranscriptPart,
} from '../store/transcript.ts';
import type { TaskId } from '../task/names.ts';
import { latestRun, type Run, type Task } from '../task/task.ts';
import { type Context, requireTask } from './context.ts';
import { recover } from './recover.ts';

export { type AgentEvent } from '../agent/event.ts';

export type LogPiece =
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  /** The transcript is bounded; this much is missing here. */
  | { readonly kind: 'gap'; readonly droppedBytes: number };

export type LogEntry =
  | { readonly kind: 'event'; readonly event: AgentEvent }
  | { readonly kind: 'gap'; readonly droppedBytes: number };

export type LogRequest = {
  /** Null: the latest run. */
  readonly run: number | null;
  readonly follow: boolean;
  /** Only what was printed from then on, to the second; null for all. */
  readonly sinceMs: number | null;
  readonly signal: AbortSignal | null;
};

const LOOK_EVERY_MS = 100;
const RECOVER_EVERY_LOOKS = 10;

/** The bytes. Throws `task-not-found`, and `usage` when the task has no such run. */
export async function* readLogs(context: Context, id: TaskId, request: LogRequest): AsyncGenerator<LogPiece> {
  const { run } = requireRun(requireTask(context, id), request.run);
  const paths = runPaths(context.paths, id, run);
  const { output } = paths;
  const from = request.sinceMs === null ? 0 : byteAt(paths.times, request.sinceMs, liveBytes(output));
  let at = 0;
  for (const part of listTranscriptParts(output).flatMap((whole) => fromByte(whole, output, from))) {
    if (part.kind === 'gap') yield part;
    else {
      for (const bytes of readPart(part)) yield { kind: 'bytes', bytes };
      at = part.path === output ? part.end : 0;
    }
  }
  at = Math.max(at, Math.min(from, liveBytes(output)));
  if (request.follow) yield* follow(context, { id, run, output, at, signal: request.signal });
}

/**
 * What the agent's stream says, event by event; a command's lines come as `output`. What it wrote to standard error comes
 * last, or as it is written when followed.
 */
export async function* readLogEntries(
  context: Context,
  id: TaskId,
  request: LogRequest,
): AsyncGenerator<LogEntry> {
  const run = requireRun(requireTask(context, id), request.run);
  const reader = readerNamed(run.agent?.reads ?? 'text');
  let splitter = newLineSplitter();
  for await (const piece of readLogs(context, id, request)) {
    if (piece.kind === 'gap') {
      splitter = newLineSplitter();
      yield piece;
      continue;
    }
    for (const line of splitter.push(piece.bytes))
      for (const event of reader.read(line)) yield { kind: 'event', event };
  }
  const rest = splitter.rest();
  for (const event of rest === undefined ? [] : reader.read(rest)) yield { kind: 'event', event };
  yield* readErrors(runPaths(context.paths, id, run.run).errors);
}

function* readErrors(path: string): Generator<LogEntry> {
  const splitter = newLineSplitter();
  for (const part of listTranscriptParts(path)) {
    if (part.kind === 'gap') yield part;
    else
      for (const bytes of readPart(part))
        for (const text of splitter.push(bytes)) yield { kind: 'event', event: { kind: 'output', text } };
  }
  const rest = splitter.rest();
  if (rest !== undefined) yield { kind: 'event', event: { kind: 'output', text: rest } };
}

/** How far the output had come at a time; its end when nothing was printed from then on. */
function byteAt(timesPath: string, sinceMs: number, end: number): number {
  const times = readTimes(timesPath);
  const first = times.findIndex(({ atMs }) => atMs >= sinceMs);
  if (first === -1) return times.length === 0 ? 0 : end;
  return times[first - 1]?.bytes ?? 0;
}

/** What of a part lies behind a byte of the live file; parts that were moved out of it are older. */
function fromByte(part: TranscriptPart, output: string, from: number): readonly TranscriptPart[] {
  if (from === 0) return [part];
  if (part.kind === 'gap' || part.path !== output || part.end <= from) return [];
  return [{ ...part, start: Math.max(part.start, from) }];
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
