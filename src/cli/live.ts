/** The live view: one line a task, redrawn in place on a terminal, or one plain line for each change of state elsewhere. */

import { renderDuration, renderVisible } from '../base/text.ts';
import type { TaskView } from '../operations/inspect.ts';
import { isLive } from '../task/decide.ts';
import { type Output, renderTable } from './output.ts';
import { cutToWidth } from './width.ts';
import { paintFirst, taskChanges } from './render.ts';

export type LiveView = {
  readonly show: (views: readonly TaskView[], lastOutput: (view: TaskView) => string) => void;
  /** Leaves the last picture on the screen, with the cursor below it. */
  readonly end: () => void;
};

export function openLiveView(output: Output): LiveView {
  return output.isTerminal ? redrawnView(output) : plainView(output);
}

/** States are told as they come; nothing is repeated. */
function plainView(output: Output): LiveView {
  const told = new Map<number, string>();
  return {
    show: (views) => {
      for (const { task, state } of views) {
        if (told.get(task.id) === state.name) continue;
        told.set(task.id, state.name);
        const details = [renderVisible(state.evidence), taskChanges(task)].filter((part) => part !== '');
        output.line(`task ${task.id} ${state.name}: ${renderVisible(task.title)} (${details.join('; ')})`);
      }
    },
    end: () => undefined,
  };
}

const HIDE_CURSOR = '\u001B[?25l';
const SHOW_CURSOR = '\u001B[?25h';
const CLEAR_TO_END_OF_LINE = '\u001B[K';
const CLEAR_BELOW = '\u001B[J';

function redrawnView(output: Output): LiveView {
  let drawn: readonly string[] = [];
  const showCursor = (): void => void process.stdout.write(SHOW_CURSOR);
  // Whatever ends the process, the terminal gets its cursor back.
  process.on('exit', showCursor);
  return {
    show: (views, lastOutput) => {
      const lines = renderLive(output, views, lastOutput);
      if (lines.join('\n') === drawn.join('\n')) return;
      const up = drawn.length === 0 ? '' : `\u001B[${drawn.length}A\r`;
      const body = lines.map((line) => `${line}${CLEAR_TO_END_OF_LINE}\n`).join('');
      // One write, so that no half-drawn picture is ever on the screen.
      process.stdout.write(`${HIDE_CURSOR}${up}${body}${CLEAR_BELOW}`);
      drawn = lines;
    },
    end: () => {
      showCursor();
      process.off('exit', showCursor);
    },
  };
}

/** As many lines as the terminal has room for; the rest as a count. */
function renderLive(
  output: Output,
  views: readonly TaskView[],
  lastOutput: (view: TaskView) => string,
): readonly string[] {
  const nowMs = Date.now();
  const room = Math.max(3, output.height() - 3);
  const shown = views.length <= room ? views : views.slice(0, room - 1);
  const width = output.width() - 1;
  // The title gets a third of the line: what the agent is doing now is worth more.
  const titleColumns = Math.max(12, Math.floor(width / 3));
  const rows = shown.map((view) => {
    const { task, state } = view;
    const age = renderDuration((isLive(task.phase) ? nowMs : state.sinceMs) - startOf(view));
    return [
      String(task.id),
      state.name,
      age,
      cutToWidth(renderVisible(task.title), titleColumns),
      describe(view, lastOutput),
    ];
  });
  const lines = renderTable(rows, { width }).map((line, index) =>
    paintFirst(output, line, shown[index]?.state.name ?? 'queued'),
  );
  return shown.length === views.length
    ? lines
    : [...lines, output.color.dim(`… and ${views.length - shown.length} more`)];
}

function startOf({ task, state }: TaskView): number {
  return task.runs.at(-1)?.startedAtMs ?? state.sinceMs;
}

function describe(view: TaskView, lastOutput: (view: TaskView) => string): string {
  const { task, state } = view;
  if (state.name === 'running') {
    return (
      lastOutput(view)
        .replaceAll(/\u001B\[[0-9;]*m/g, '')
        .trim() || state.evidence
    );
  }
  const changes = taskChanges(task);
  if (changes === '' || state.name === 'done') return changes || state.evidence;
  return `${state.evidence}; ${changes}`;
}
