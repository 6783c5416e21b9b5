/** Reads what a running agent prints while it prints it, and makes of it what people and the end of the run want to know. */

import { newCollector, type Report } from '../agent/report.ts';
import { newLineSplitter } from '../agent/lines.ts';
import { type AgentEvent, usageOfRun } from '../agent/event.ts';
import { readLastTrouble } from '../agent/trouble.ts';
import { readerNamed } from '../agent/catalogue.ts';
import {
  firstLiveByte,
  listTranscriptParts,
  liveBytes,
  readLastWords,
  readPart,
} from '../store/transcript.ts';
import type { RunPaths } from '../store/paths.ts';
import type { RunUsage } from '../base/usage.ts';
import type { RunReport } from '../task/event.ts';
import type { AgentVerdict } from '../task/outcome.ts';
import type { Run } from '../task/task.ts';

export type Follower = {
  /** Reads what was printed since the last look. True when something was. */
  readonly look: () => boolean;
  readonly report: () => Report;
  /** Once, when everything was read and the process has ended. */
  readonly finish: (exitCode: number | null) => {
    readonly verdict: AgentVerdict;
    readonly report: RunReport | null;
  };
};

/** What a run goes on from: the usage that its agent had counted at the end of the run before, in the same session. */
export type Before = RunReport | null;

/** What is followed of a run's files. */
type Followed = Pick<RunPaths, 'output' | 'errors'>;

/** Follows a run's output from its beginning, so that it does not matter which supervisor began it. */
export function followOutput(run: Run, paths: Followed, before: Before): Follower {
  return run.agent === null || run.agent.reads === 'text'
    ? followSize(paths.output)
    : followStream(run, paths, before);
}

/** Output of no known form is looked at for its growth alone. */
function followSize(output: string): Follower {
  let size = 0;
  const nothing = newCollector().report();
  return {
    look: () => {
      const now = liveBytes(output);
      const hasGrown = now !== size;
      size = now;
      return hasGrown;
    },
    report: () => nothing,
    finish: () => ({ verdict: 'none', report: null }),
  };
}

function followStream(run: Run, paths: Followed, before: Before): Follower {
  const reader = readerNamed(run.agent?.reads ?? 'text');
  const collector = newCollector();
  const addAll = (events: readonly AgentEvent[]): void => {
    for (const event of events) collector.add(event);
  };
  const { readError } = reader;
  const output = followLines(paths.output, (line) => addAll(reader.read(line)));
  const errors =
    readError === undefined ? null : followLines(paths.errors, (line) => addAll(readError(line)));
  return {
    look: () => {
      errors?.look();
      return output.look();
    },
    report: collector.report,
    finish: (exitCode) => {
      errors?.finish();
      output.finish();
      addAll(reader.finish(exitCode));
      const { end, trouble, ...rest } = collector.report();
      const reason = trouble ?? (end === null ? readLastTrouble(readLastWords(paths.errors)) : null);
      const report = { ...rest, end, trouble: reason };
      return { verdict: end?.outcome ?? 'silent', report: renderReport(report, before) };
    },
  };
}

type Lines = {
  /** Gives out the lines that were completed since the last look. True when something was written. */
  readonly look: () => boolean;
  /** Gives out what stands after the last newline. */
  readonly finish: () => void;
};

/** Reads a growing file that may lose its middle, line by line. */
function followLines(path: string, onLine: (line: string) => void): Lines {
  let splitter = newLineSplitter();
  let at: number | null = null;
  const feed = (bytes: Buffer): void => {
    for (const line of splitter.push(bytes)) onLine(line);
  };
  const readFrom = (start: number): boolean => {
    const end = liveBytes(path);
    // The file was emptied, or its middle given back, before it was read: what is missing is no line.
    const first = Math.max(end < start ? 0 : start, firstLiveByte(path));
    if (first !== start) splitter = newLineSplitter();
    for (const bytes of readPart({ path, start: first, end })) feed(bytes);
    at = end;
    return end !== start;
  };
  const readAll = (): boolean => {
    for (const part of listTranscriptParts(path)) {
      if (part.kind === 'gap') splitter = newLineSplitter();
      else for (const bytes of readPart(part)) feed(bytes);
      at = part.kind === 'bytes' && part.path === path ? part.end : 0;
    }
    return (at ??= 0) > 0;
  };
  return {
    look: () => (at === null ? readAll() : readFrom(at)),
    finish: () => {
      const rest = splitter.rest();
      if (rest !== undefined) onLine(rest);
    },
  };
}

/** What this run alone has used: counted anew in a new session, whatever was before. Null until the agent says something of it. */
export function usageSoFar({ session, usage }: Report, before: Before): RunUsage | null {
  const earlier = before !== null && before.session === session ? before.counted : null;
  return usage === null ? null : usageOfRun(usage, earlier);
}

function renderReport(report: Report, before: Before): RunReport {
  const { session, model, usage, refused, retries, said } = report;
  return {
    session,
    model,
    usage: usageSoFar(report, before),
    counted: usage === null ? null : { tokens: usage.tokens, costUsd: usage.costUsd },
    refused,
    retries,
    trouble: report.end?.trouble ?? (report.end?.outcome === 'done' ? null : report.trouble),
    said,
  };
}
