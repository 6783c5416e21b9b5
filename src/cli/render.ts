/** How tasks, outcomes and refusals look to a person. Text only; colours come last, so that widths stay right. */

import { renderCount, renderDuration, renderVisible } from '../base/text.ts';
import { shortOid } from '../base/oid.ts';
import type { TaskView } from '../operations/inspect.ts';
import type { Refusal } from '../task/decide.ts';
import type { Changes } from '../task/event.ts';
import type { StateName } from '../task/state.ts';
import type { Output } from './output.ts';
import { renderTable } from './output.ts';

export function paintState(output: Output, state: StateName, text: string): string {
  const { color } = output;
  switch (state) {
    case 'running':
    case 'setting up':
    case 'committing':
    case 'merging':
      return color.cyan(text);
    case 'done':
    case 'merged':
      return color.green(text);
    case 'failed':
    case 'interrupted':
      return color.red(text);
    case 'stopped':
      return color.yellow(text);
    case 'queued':
    case 'discarded':
      return color.dim(text);
  }
}

/** `3 files +12 −4`; `no changes` when there are none; empty while nothing is known. */
export function renderChanges(changes: Changes | null): string {
  if (changes === null) return '';
  if (changes.files === 0) return 'no changes';
  return `${renderCount(changes.files, 'file')} +${changes.insertions} -${changes.deletions}`;
}

/** The table of `phasr list`, one line a task, header first. */
export function renderTaskTable(
  output: Output,
  views: readonly TaskView[],
  nowMs: number,
): readonly string[] {
  const header = ['TASK', 'STATE', 'AGE', 'CHANGES', 'TITLE', 'WHY'];
  const rows = views.map(({ task, state }) => [
    String(task.id),
    state.name,
    renderDuration(nowMs - state.sinceMs),
    renderChanges(task.head?.changes ?? null),
    shorten(renderVisible(task.title), 44),
    renderVisible(state.evidence),
  ]);
  const [head = '', ...lines] = renderTable([header, ...rows], {
    width: output.isTerminal ? output.width() : null,
  });
  return [
    output.color.bold(head),
    ...lines.map((line, index) => {
      const name = views[index]?.state.name ?? 'queued';
      const at = line.indexOf(name);
      return line.slice(0, at) + paintState(output, name, name) + line.slice(at + name.length);
    }),
  ];
}

function shorten(text: string, charactersMax: number): string {
  const characters = [...text];
  return characters.length <= charactersMax ? text : `${characters.slice(0, charactersMax - 1).join('')}…`;
}

const PATHS_SHOWN_MAX = 20;

/** A refusal on standard error: what, the paths it is about, what to do. */
export function printRefusal(output: Output, refusal: Refusal): void {
  output.note(`phasr: ${renderVisible(refusal.message)}`);
  for (const path of refusal.paths.slice(0, PATHS_SHOWN_MAX)) output.note(`    ${path}`);
  if (refusal.paths.length > PATHS_SHOWN_MAX)
    output.note(`    … and ${refusal.paths.length - PATHS_SHOWN_MAX} more`);
  output.note(`  ${renderVisible(refusal.hint)}`);
}

/** What a person may do with a task next, as commands. */
export function renderNextSteps({ task, state }: TaskView): readonly string[] {
  const { id } = task;
  switch (state.name) {
    case 'done':
      return task.head?.changes.files === 0
        ? [`phasr logs ${id}`, `phasr discard ${id}`]
        : [`phasr diff ${id}`, `phasr merge ${id}`, `phasr discard ${id}`];
    case 'failed':
    case 'stopped':
    case 'interrupted':
      return [`phasr logs ${id}`, `phasr diff ${id}`, `phasr resume ${id}`, `phasr discard ${id}`];
    case 'queued':
    case 'setting up':
    case 'running':
    case 'committing':
      return [`phasr logs ${id} -f`, `phasr stop ${id}`];
    case 'merging':
    case 'merged':
    case 'discarded':
      return [];
  }
}

export function renderBase(base: {
  readonly name: string;
  readonly oid: Parameters<typeof shortOid>[0];
}): string {
  return `base: ${renderVisible(base.name)} @ ${shortOid(base.oid)}`;
}
