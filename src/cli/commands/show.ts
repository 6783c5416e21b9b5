/** `phasr show`. */

import { renderDuration, renderVisible, renderVisibleLines } from '../../base/text.ts';
import { shortOid } from '../../base/oid.ts';
import type { TaskDetails } from '../../operations/show.ts';
import { describeEscape, listChanges } from '../../task/escape.ts';
import { agentName, latestRun, type Run } from '../../task/task.ts';
import { flag, type Handler, parseTask, withPhasr } from '../command.ts';
import { runJson, taskJson } from '../json.ts';
import type { Output } from '../output.ts';
import { describeMade, paintState, renderBase, renderChanges, renderNextSteps } from '../render.ts';

export const show: Handler = (invocation) =>
  withPhasr(invocation, async (phasr) => {
    const { args, options, output } = invocation;
    const details = await phasr.show(parseTask(args, phasr.currentTask));
    if (flag(options, 'json')) {
      const { transcriptBytes, transcriptPath, worktreeExists, history, made } = details;
      const events = history.map(({ seq, atMs, event }) => ({
        seq,
        at: new Date(atMs).toISOString(),
        ...event,
      }));
      output.json('show', {
        ...taskJson(details),
        runs: details.task.runs.map(runJson),
        worktreeExists,
        made,
        transcriptPath,
        transcriptBytes,
        events,
      });
      return 0;
    }
    for (const line of renderDetails(output, details)) output.line(line);
    return 0;
  });

function renderDetails(output: Output, details: TaskDetails): readonly string[] {
  const { task, state } = details;
  const age = renderDuration(Date.now() - state.sinceMs);
  const rows: (readonly [string, string])[] = [
    ['state', `${paintState(output, state.name, state.name)} for ${age}: ${renderVisible(state.evidence)}`],
    ['branch', task.branch],
    ['base', renderBase(task.base).slice('base: '.length)],
    ['target', task.target === null ? 'none (give one: phasr merge --into)' : renderVisible(task.target)],
    ['worktree', worktreeLine(details)],
    [
      'head',
      task.head === null
        ? 'nothing committed yet'
        : `${shortOid(task.head.oid)}  ${renderChanges(task.head.changes)}`,
    ],
    ...sandboxRow(latestRun(task)),
    ...escapeRows(task),
    ...madeRows(details.made),
    ...(task.kept === null ? [] : [['kept', task.kept] as const]),
    ...(task.held === null ? [] : [['on disk', renderVisible(task.held)] as const]),
    ...[...task.warnings, ...(task.head?.notes ?? [])].map((note) => ['note', renderVisible(note)] as const),
  ];
  const next = renderNextSteps(details);
  return [
    output.color.bold(`task ${task.id}: ${renderVisible(task.title)}`),
    ...rows.map(([name, value]) => `  ${name.padEnd(9)} ${value}`),
    ...task.runs.flatMap((run) => renderRun(run)),
    ...(next.length === 0 ? [] : ['', `  ${next.join('   ')}`]),
  ];
}

/** What was changed outside its own place. */
function escapeRows({ id, escape = null }: TaskDetails['task']): readonly (readonly [string, string])[] {
  if (escape === null) return [];
  return [
    ['escaped', renderVisible(describeEscape(escape, id))],
    ...listChanges(escape).map((line) => ['', line] as const),
  ];
}

function madeRows(made: TaskDetails['made']): readonly (readonly [string, string])[] {
  return describeMade(made).map((words) => ['also made', words]);
}

/** What its latest run is, or was, kept from. */
function sandboxRow({ confinement }: Run): readonly (readonly [string, string])[] {
  if (confinement === undefined || confinement === null) return [];
  const { level, why } = confinement;
  const words =
    level !== 'off' ? level : why === null ? 'off' : 'none: only its worktree and git dir are its own';
  return [['sandbox', why === null ? words : `${words} (${renderVisible(why)})`]];
}

function worktreeLine({ task, worktreeExists }: TaskDetails): string {
  if (task.directory === null) return 'none';
  return worktreeExists ? task.worktreePath : `${task.worktreePath} (it is gone!)`;
}

function renderRun(run: Run): readonly string[] {
  const took =
    run.startedAtMs === null ? '' : `, ${renderDuration((run.end?.atMs ?? Date.now()) - run.startedAtMs)}`;
  const end = run.end === null ? 'not ended' : `${run.end.outcome} (${renderVisible(run.end.evidence)})`;
  const left =
    run.end !== null && run.end.leftBehind > 0
      ? `; it left ${run.end.leftBehind} processes running, which were ended`
      : '';
  const prompt = renderVisibleLines(run.prompt.trim()).split('\n');
  return [
    `  run ${String(run.run).padEnd(5)} ${renderVisible(agentName(run.command))}: ${end}${took}${left}`,
    ...prompt.slice(0, 12).map((line) => `            ${line}`),
    ...(prompt.length > 12 ? [`            … ${prompt.length - 12} more lines`] : []),
  ];
}
