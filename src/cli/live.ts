/** The live view: tasks redrawn in place on a terminal, or one plain line for each change of state elsewhere. */

import { renderVisible } from '../base/text.ts';
import type { TaskView } from '../operations/inspect.ts';
import type { AgeKind } from './cells.ts';
import { wordOf } from './cells.ts';
import type { Output } from './output.ts';
import { Painter, SUMMARY_TASKS_MIN } from './picture.ts';
import { renderStateLine } from './render.ts';
import { openScreen, type Place } from './screen.ts';
import { cutToWidth } from './width.ts';

export type LiveView = {
  readonly show: (views: readonly TaskView[]) => void;
  /** Leaves a last picture, with the cursor below it: `everything`, or no more `than was on the screen`. Shows nothing when nothing was shown. */
  readonly end: (what: 'everything' | 'as it was') => void;
};

export type LiveOptions = {
  /** How many tasks are expected: few are drawn below what is there, many on a screen of their own. */
  readonly tasks: number;
  readonly ages: AgeKind;
  /** A line below many tasks while they are watched. */
  readonly footer: string;
  /** Stands for the tasks when there are none. */
  readonly empty: string;
  readonly lastOutput: (view: TaskView) => string;
};

export function openLiveView(output: Output, options: LiveOptions): LiveView {
  return output.canRedraw ? redrawnView(output, options) : plainView(output);
}

/** States are told as they come; nothing is repeated. */
function plainView(output: Output): LiveView {
  const told = new Map<number, string>();
  return {
    show: (views) => {
      for (const view of views) {
        const { task, progress } = view;
        const word = wordOf(view) === 'waiting' ? 'waiting' : view.state.name;
        if (told.get(task.id) === word) continue;
        told.set(task.id, word);
        const question = `task ${task.id} waiting: ${renderVisible(progress?.waitingFor ?? task.title)}`;
        output.line(word === 'waiting' ? question : renderStateLine(view));
      }
    },
    end: () => undefined,
  };
}

/** Four pictures a second are as many as a person can read. */
const FRAME_MS = 250;

function redrawnView(output: Output, options: LiveOptions): LiveView {
  const painter = new Painter(output, options.ages);
  const place: Place = options.tasks < SUMMARY_TASKS_MIN ? 'inline' : 'whole';
  let views: readonly TaskView[] | null = null;
  let paintedAtMs = 0;
  let timer: NodeJS.Timeout | undefined;
  // The last column stays empty: not every terminal leaves a full line alone.
  const width = (): number => Math.max(1, output.width() - 1);
  const picture = (height: number | null): readonly string[] =>
    views === null || views.length === 0
      ? [cutToWidth(options.empty, width())]
      : painter.picture({
          views,
          lastOutput: options.lastOutput,
          nowMs: Date.now(),
          width: width(),
          height,
        });
  const paint = (): void => {
    timer = undefined;
    paintedAtMs = Date.now();
    const footer = place === 'whole' && output.height() >= FOOTER_ROWS_MIN ? options.footer : '';
    const below = footer === '' ? [] : ['', output.color.dim(cutToWidth(footer, width()))];
    // An inline picture leaves a line for the prompt that it began below.
    const room = output.height() - (place === 'whole' ? 0 : 1) - below.length;
    screen.paint([...picture(Math.max(1, room)), ...below]);
  };
  const request = (): void => {
    if (views !== null) timer ??= setTimeout(paint, Math.max(0, paintedAtMs + FRAME_MS - Date.now()));
  };
  const screen = openScreen(output, place, request);
  return {
    show: (next) => {
      views = next;
      request();
    },
    end: (what) => {
      clearTimeout(timer);
      if (views === null) screen.close([]);
      else screen.close(picture(what === 'everything' ? null : Math.max(1, output.height() - 4)));
    },
  };
}

/** In a lower window the line is better spent on a task. */
const FOOTER_ROWS_MIN = 12;
