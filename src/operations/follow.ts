/** Reads what a running agent prints while it prints it, and makes of it what people and the end of the run want to know. */

import { newCollector, type Report } from '../agent/report.ts';
import { newLineSplitter } from '../agent/lines.ts';
import { usageOfRun } from '../agent/event.ts';
import { readerNamed } from '../agent/catalogue.ts';
import { firstLiveByte, listTranscriptParts, liveBytes, readPart } from '../store/transcript.ts';
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

/** Follows a run's output from its beginning, so that it does not matter which supervisor began it. */
export function followOutput(run: Run, output: string, before: Before): Follower {
  return run.agent === null || run.agent.reads === 'text'
    ? followSize(output)
    : followStream(run, output, before);
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

function followStream(run: Run, output: string, before: Before): Follower {
  const reader = readerNamed(run.agent?.reads ?? 'text');
  const collector = newCollector();
  let splitter = newLineSplitter();
  let at: number | null = null;
  const feed = (bytes: Buffer): void => {
    for (const line of splitter.push(bytes)) for (const event of reader.read(line)) collector.add(event);
  };
  const readFrom = (start: number): boolean => {
    const end = liveBytes(output);
    // The file was emptied, or its middle given back, before it was read: what is missing is no line.
    const first = Math.max(end < start ? 0 : start, firstLiveByte(output));
    if (first !== start) splitter = newLineSplitter();
    for (const bytes of readPart({ path: output, start: first, end })) feed(bytes);
    at = end;
    return end !== start;
  };
  const readAll = (): boolean => {
    for (const part of listTranscriptParts(output)) {
      if (part.kind === 'gap') splitter = newLineSplitter();
      else for (const bytes of readPart(part)) feed(bytes);
      at = part.kind === 'bytes' && part.path === output ? part.end : 0;
    }
    return (at ??= 0) > 0;
  };
  return {
    look: () => (at === null ? readAll() : readFrom(at)),
    report: collector.report,
    finish: (exitCode) => {
      const rest = splitter.rest();
      for (const event of rest === undefined ? [] : reader.read(rest)) collector.add(event);
      for (const event of reader.finish(exitCode)) collector.add(event);
      const report = collector.report();
      return { verdict: report.end?.outcome ?? 'silent', report: renderReport(report, before) };
    },
  };
}

function renderReport(report: Report, before: Before): RunReport {
  const { session, model, usage, refused, retries, said } = report;
  // Counted anew in a new session, whatever was before.
  const earlier = before !== null && before.session === session ? before.counted : null;
  return {
    session,
    model,
    usage: usage === null ? null : usageOfRun(usage, earlier),
    counted: usage === null ? null : { tokens: usage.tokens, costUsd: usage.costUsd },
    refused,
    retries,
    trouble: report.end?.trouble ?? (report.end?.outcome === 'done' ? null : report.trouble),
    said,
  };
}
