/** How tasks, outcomes and refusals look to a person. Text only; colours come last, so that widths stay right. */

import type { Made } from '../git/made.ts';
import { renderCount, renderDuration, renderVisible } from '../base/text.ts';
import { shortOid } from '../base/oid.ts';
import type { TaskView } from '../operations/inspect.ts';
import type { Refusal } from '../task/decide.ts';
import type { Changes } from '../task/event.ts';
import type { StateName } from '../task/state.ts';
import { isLive } from '../task/decide.ts';
import type { Task } from '../task/task.ts';
import type { Output } from './output.ts';
import { renderTable } from './output.ts';
import { cutToWidth } from './width.ts';

export function paintState(output: Output, state: StateName, text: string): string {
  const { color } = output;
  switch (state) {
    case 'running':
    case 'setting up':
    case 'committing':
    case 'merging':
    case 'restoring':
    case 'rewinding':
    case 'unmerging':
      return color.cyan(text);
    case 'done':
    case 'merged':
      return color.green(text);
    case 'failed':
    case 'interrupted':
      return color.red(text);
    case 'stopped':
    case 'waiting':
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

/** What a task has changed, once its run is over; before that the numbers would be those of an earlier run. */
function taskChanges(task: Task): string {
  return isLive(task.phase) ? '' : renderChanges(task.head?.changes ?? null);
}

/** A task in one plain line: `task 1 done: title (exit code 0; 1 file +1 -0)`. */
export function renderStateLine({ task, state }: TaskView): string {
  const details = [renderVisible(state.evidence), taskChanges(task)].filter((part) => part !== '');
  return `task ${task.id} ${state.name}: ${renderVisible(task.title)} (${details.join('; ')})`;
}

const TITLE_COLUMNS_MAX = 44;
/** With less room for title and evidence together, evidence goes on a line of its own, where it says more than the state's name. */
const WIDE_COLUMNS_MIN = 52;

/** The table of `phasr list`, header first: one line a task, on narrow terminals a second one where a reason is needed. */
export function renderTaskTable(
  output: Output,
  views: readonly TaskView[],
  nowMs: number,
): readonly string[] {
  const facts = views.map(({ task, state }) => [
    String(task.id),
    state.name,
    renderDuration(nowMs - state.sinceMs),
    taskChanges(task),
  ]);
  const header = ['TASK', 'STATE', 'AGE', 'CHANGES'];
  const taken = header.map(
    (name, column) => Math.max(name.length, ...facts.map((row) => row[column]?.length ?? 0)) + 2,
  );
  const room = output.isTerminal ? output.width() - taken.reduce((sum, width) => sum + width, 0) : Infinity;
  const isWide = room >= WIDE_COLUMNS_MIN;
  const titleColumns = Math.min(TITLE_COLUMNS_MAX, isWide ? room - 24 : room);
  const rows = views.map(({ task, state }, index) => [
    ...(facts[index] ?? []),
    cutToWidth(renderVisible(task.title), Math.max(8, titleColumns)),
    ...(isWide ? [state.evidence] : []),
  ]);
  const names = [...header, 'TITLE', ...(isWide ? ['WHY'] : [])];
  const [head = '', ...lines] = renderTable([names, ...rows], {
    width: output.isTerminal ? output.width() : null,
  });
  return [
    output.color.bold(head),
    ...lines.flatMap((line, index) => {
      const state = views[index]?.state;
      if (state === undefined) return [line];
      const why =
        isWide || state.name === 'done'
          ? []
          : [`      ${cutToWidth(renderVisible(state.evidence), output.width() - 6)}`];
      return [paintFirst(output, line, state.name), ...why.map((text) => output.color.dim(text))];
    }),
  ];
}

/** Paints a state's name where it first stands in a line. */
function paintFirst(output: Output, line: string, state: StateName): string {
  const at = line.indexOf(state);
  if (at === -1) return line;
  return line.slice(0, at) + paintState(output, state, state) + line.slice(at + state.length);
}

const PATHS_SHOWN_MAX = 20;

/** So many names are shown; `phasr sync --json` has them all. */
const MADE_SHOWN_MAX = 10;

/** What an agent has made in git besides its branch, a line for each kind. */
export function describeMade({ refs, stashes, settings }: Made): readonly string[] {
  const names = refs.map(({ name }) => {
    const [, kind, short = name] = /^refs\/(tags|heads|notes)\/(.+)$/.exec(name) ?? [];
    const words = { tags: 'tag', heads: 'branch', notes: 'notes' };
    return kind === undefined ? name : `${words[kind as keyof typeof words]} ${short}`;
  });
  return [
    ...listShort(names),
    ...(stashes === 0 ? [] : [renderCount(stashes, 'stash', 'stashes')]),
    ...listShort(settings).map((words) => `settings of its own: ${words}`),
  ];
}

function listShort(names: readonly string[]): readonly string[] {
  if (names.length === 0) return [];
  const shown = names.slice(0, MADE_SHOWN_MAX).map(renderVisible).join(', ');
  return [names.length > MADE_SHOWN_MAX ? `${shown} and ${names.length - MADE_SHOWN_MAX} more` : shown];
}

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
      if ((task.escape ?? null) !== null)
        return [`phasr show ${id}`, `phasr acknowledge ${id}`, `phasr diff ${id}`, `phasr discard ${id}`];
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
    case 'waiting':
    case 'committing':
      return [`phasr logs ${id} -f`, `phasr stop ${id}`];
    case 'discarded':
      return [`phasr restore ${id}`];
    case 'merging':
    case 'merged':
    case 'restoring':
    case 'rewinding':
    case 'unmerging':
      return [];
  }
}

export function renderBase(base: {
  readonly name: string;
  readonly oid: Parameters<typeof shortOid>[0];
}): string {
  return `base: ${renderVisible(base.name)} @ ${shortOid(base.oid)}`;
}
