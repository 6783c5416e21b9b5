/** `phasr cost`: what the runs of tasks have used, as far as their agents say so. */

import { type RunUsage, sumUsage, type Tokens, type UsageSum } from '../../base/usage.ts';
import { renderCount } from '../../base/text.ts';
import type { TaskView } from '../../operations/inspect.ts';
import { agentName, latestRun, type Run } from '../../task/task.ts';
import { renderThousands } from '../cells.ts';
import { flag, type Handler, parseTasks, withPhasr } from '../command.ts';
import { type Output, renderTable } from '../output.ts';

export const cost: Handler = (invocation) =>
  withPhasr(invocation, async (phasr) => {
    const { args, options, output } = invocation;
    const wantsAll = flag(options, 'all');
    const isNamed = args.length > 0 || (phasr.currentTask !== null && !wantsAll);
    const views = isNamed
      ? await Promise.all(parseTasks(args, phasr.currentTask).map((id) => phasr.view(phasr.find(id))))
      : await phasr.list(wantsAll ? 'all' : 'open');
    const bills = views.map(billOf);
    if (flag(options, 'json')) {
      const total = sumUsage(bills.flatMap(({ runs }) => runs.map(({ usage }) => usage)));
      output.json('cost', { tasks: bills.map(billJson), total: sumJson(total) });
    } else if (bills.length === 0) {
      output.line(
        wantsAll ? 'no tasks yet' : 'no open tasks; those that are merged or discarded: phasr cost --all',
      );
    } else {
      for (const line of renderBills(output, bills)) output.line(line);
    }
    return 0;
  });

type BilledRun = { readonly run: Run; readonly usage: RunUsage | null };
type Bill = { readonly view: TaskView; readonly runs: readonly BilledRun[] };

/** A run that has ended has said all; one at work what it has used so far. Records of older versions say nothing. */
function billOf(view: TaskView): Bill {
  const latest = latestRun(view.task);
  const runs = view.task.runs.map((run) => {
    const soFar = run === latest && run.end === null ? (view.progress?.usage ?? null) : null;
    return { run, usage: run.end?.report?.usage ?? soFar };
  });
  return { view, runs };
}

function billJson({ view: { task, state }, runs }: Bill): object {
  return {
    id: task.id,
    title: task.title,
    state: state.name,
    runs: runs.map(({ run, usage }) => ({
      run: run.run,
      agent: run.agent?.name ?? agentName(run.command),
      model: run.end?.report?.model ?? run.agent?.model ?? null,
      ended: run.end !== null,
      tokens: usage?.tokens ?? null,
      costUsd: usage?.costUsd ?? null,
    })),
    total: sumJson(sumUsage(runs.map(({ usage }) => usage))),
  };
}

/** Null where nothing is known, so that nobody takes it for 0. */
function sumJson({ runs, withTokens, withCost, tokens, costUsd }: UsageSum): object {
  return {
    runs,
    runsWithTokens: withTokens,
    runsWithCost: withCost,
    tokens: withTokens === 0 ? null : tokens,
    costUsd: withCost === 0 ? null : costUsd,
  };
}

const HEADER = ['TASK', 'RUN', 'AGENT', 'INPUT', 'OUTPUT', 'CACHE READ', 'CACHE WRITE', 'COST', 'TITLE'];
/** Numbers stand at the right of their columns. */
const NUMBERS = [3, 4, 5, 6, 7];

function renderBills(output: Output, bills: readonly Bill[]): readonly string[] {
  const rows = bills.flatMap(({ view: { task }, runs }) =>
    runs.map(({ run, usage }, index) => [
      index === 0 ? String(task.id) : '',
      String(run.run),
      run.agent?.title ?? agentName(run.command),
      ...renderTokens(usage?.tokens ?? null),
      usage?.costUsd === undefined || usage.costUsd === null ? '-' : renderCost(usage.costUsd),
      index === 0 ? task.title : '',
    ]),
  );
  const sum = sumUsage(bills.flatMap(({ runs }) => runs.map(({ usage }) => usage)));
  const total = [
    'all',
    String(sum.runs),
    '',
    ...renderTokens(sum.withTokens === 0 ? null : sum.tokens),
    sum.withCost === 0 ? '-' : renderCost(sum.costUsd),
    '',
  ];
  const table = alignNumbers(rows.length > 1 ? [HEADER, ...rows, total] : [HEADER, ...rows]);
  const [head = '', ...lines] = renderTable(table, { width: output.isTerminal ? output.width() : null });
  return [output.color.bold(head), ...lines, ...renderNotes(bills, sum)];
}

function renderNotes(bills: readonly Bill[], sum: UsageSum): readonly string[] {
  const silent = sum.runs - Math.max(sum.withTokens, sum.withCost);
  const atWork = bills
    .filter(({ view }) => latestRun(view.task).end === null)
    .map(({ view }) => view.task.id);
  const notes = [
    ...(silent > 0 ? [`of ${renderCount(silent, 'run')} nothing is known: the agent did not say`] : []),
    ...(atWork.length > 0 ? [`so far, for what is still at work: task ${atWork.join(', ')}`] : []),
  ];
  return notes.length === 0 ? [] : ['', ...notes];
}

function alignNumbers(rows: readonly (readonly string[])[]): readonly (readonly string[])[] {
  const widths = NUMBERS.map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row.map((cell, column) => cell.padStart(NUMBERS.includes(column) ? (widths[column - 3] ?? 0) : 0)),
  );
}

function renderTokens(tokens: Tokens | null): readonly string[] {
  if (tokens === null) return ['-', '-', '-', '-'];
  return [tokens.input, tokens.output, tokens.cacheRead, tokens.cacheWrite].map(renderThousands);
}

function renderCost(dollars: number): string {
  return `$${dollars.toFixed(dollars > 0 && dollars < 0.1 ? 4 : 2)}`;
}
