/** What watched tasks look like at one moment: a summary, a line for each task that there is room for, counts of the rest. */

import { renderCount, renderDuration, renderVisible } from '../base/text.ts';
import type { RunUsage } from '../base/usage.ts';
import type { TaskView } from '../operations/inspect.ts';
import { isLive } from '../task/decide.ts';
import { latestRun } from '../task/task.ts';
import {
  actionCell,
  type AgeKind,
  type Cell,
  paintWord,
  rankOf,
  renderAge,
  renderUsage,
  touchedCell,
  type Word,
  wordOf,
  WORDS,
} from './cells.ts';
import type { Output } from './output.ts';
import { cutToWidth, textWidth } from './width.ts';

export type Moment = {
  /** In the order of their ids. */
  readonly views: readonly TaskView[];
  readonly lastOutput: (view: TaskView) => string;
  readonly nowMs: number;
  /** Columns that a line may have. */
  readonly width: number;
  /** Lines that the picture may have; null for the last one, which stays and shows everything. */
  readonly height: number | null;
};

/** From so many tasks on a summary is worth its line. */
export const SUMMARY_TASKS_MIN = 6;
/** With less room than this for title and action together a column goes, one after the other. */
const DISPENSABLE = [
  { column: 'usage', roomMin: 46 },
  { column: 'touched', roomMin: 34 },
  { column: 'age', roomMin: 28 },
] as const;
const TITLE_COLUMNS_MIN = 16;
/** What is behind this of an action is rarely worth a piece of a title. */
const ACTION_COLUMNS_GOOD = 60;
const GAP = 2;

const COLUMNS = ['id', 'state', 'age', 'title', 'touched', 'usage', 'action'] as const;
type Column = (typeof COLUMNS)[number];
type Row = Readonly<Record<Column, Cell>>;

/** Draws one set of tasks again and again. It remembers how wide columns were, so that nothing jumps, and what runs have used that have ended since. */
export class Painter {
  readonly #output: Output;
  readonly #ages: AgeKind;
  readonly #usage = new Map<number, { readonly run: number; readonly usage: RunUsage }>();
  #columns = new Map<Column, number>();
  #width = 0;

  constructor(output: Output, ages: AgeKind) {
    this.#output = output;
    this.#ages = ages;
  }

  picture(moment: Moment): readonly string[] {
    const { views, width, height } = moment;
    this.#remember(moment);
    if (views.length < SUMMARY_TASKS_MIN) return this.#lines(moment, views).slice(0, height ?? undefined);
    const summary = this.#summary(moment);
    if (height === null) return [...this.#lines(moment, views), '', summary];
    const { shown, rest } = selectViews(views, Math.max(1, height - 2));
    const more = `… ${countWords(rest)
      .map(({ text }) => text)
      .join(', ')}`;
    return [
      summary,
      '',
      ...this.#lines(moment, shown),
      ...(rest.length === 0 || shown.length === 0 ? [] : [this.#output.color.dim(cutToWidth(more, width))]),
    ].slice(0, height);
  }

  #remember({ views, width }: Moment): void {
    if (width !== this.#width) this.#columns = new Map();
    this.#width = width;
    for (const { task, progress } of views) {
      const usage = progress?.usage ?? null;
      if (usage !== null) this.#usage.set(task.id, { run: latestRun(task).run, usage });
    }
  }

  #usageOf({ task }: TaskView): RunUsage | null {
    const known = this.#usage.get(task.id);
    return known?.run === latestRun(task).run ? known.usage : null;
  }

  /** `50 tasks: 8 running, 40 queued, 2 done · 12m · $1.34` */
  #summary(moment: Moment): string {
    const { views, width } = moment;
    const counts = countWords(views);
    const usage = renderUsage(sumUsage(views.map((view) => this.#usageOf(view))));
    const start = `${renderCount(views.length, 'task')}: `;
    const middle = counts.map(({ text }) => text).join(', ');
    // In a narrow window the ends go first.
    const tails = [[elapsed(moment), usage], [usage], []].map((parts) =>
      parts
        .filter((part) => part !== '')
        .map((part) => ` · ${part}`)
        .join(''),
    );
    const tail = tails.find((text) => textWidth(start + middle + text) <= width);
    if (tail === undefined) return cutToWidth(start + middle, width);
    const { color } = this.#output;
    const painted = counts.map(({ word, text }) => paintWord(this.#output, word, text)).join(', ');
    return color.bold(start) + painted + color.dim(tail);
  }

  #lines(moment: Moment, views: readonly TaskView[]): readonly string[] {
    const rows = views.map((view) => this.#row(view, moment));
    const columns = this.#layout(rows, moment);
    return rows.map((row) => renderRow(row, columns, moment.width));
  }

  #row(view: TaskView, moment: Moment): Row {
    const { task } = view;
    const { color } = this.#output;
    const word = wordOf(view);
    const plain = (text: string): string => text;
    return {
      id: { text: String(task.id), paint: plain },
      state: { text: word, paint: (text) => paintWord(this.#output, word, text) },
      age: { text: renderAge(view, this.#ages, moment.nowMs), paint: color.dim },
      title: { text: renderVisible(task.title), paint: plain },
      touched: touchedCell(this.#output, view),
      usage: { text: renderUsage(this.#usageOf(view)), paint: color.dim },
      action: actionCell(this.#output, view, moment),
    };
  }

  /** How wide each column is that has something to show. Columns grow with their cells and do not shrink again. */
  #layout(rows: readonly Row[], { views, width, height }: Moment): ReadonlyMap<Column, number> {
    // The last picture need not stand still.
    if (height === null) this.#columns = new Map();
    for (const column of COLUMNS) {
      const widest = rows.reduce((most, row) => Math.max(most, textWidth(row[column].text)), 0);
      this.#columns.set(column, Math.max(this.#columns.get(column) ?? 0, widest));
    }
    const columns = new Map([...this.#columns].filter(([, columnWidth]) => columnWidth > 0));
    const roomFor = (): number =>
      [...columns]
        .filter(([column]) => column !== 'title' && column !== 'action')
        .reduce((room, [, columnWidth]) => room - columnWidth - GAP, width);
    for (const { column, roomMin } of DISPENSABLE) if (roomFor() < roomMin) columns.delete(column);
    const room = Math.max(1, roomFor());
    // All titles count, also of tasks that are not shown now.
    const titles = views.reduce((most, { task }) => Math.max(most, textWidth(renderVisible(task.title))), 1);
    const isRoomy = columns.has('action') && room >= TITLE_COLUMNS_MIN + GAP + 1;
    const forAction = GAP + Math.min(ACTION_COLUMNS_GOOD, columns.get('action') ?? 0);
    const titleMax = Math.max(TITLE_COLUMNS_MIN, Math.floor(room * 0.4), room - forAction);
    const title = Math.min(titles, isRoomy ? titleMax : room);
    columns.set('title', title);
    if (isRoomy) columns.set('action', room - title - GAP);
    else columns.delete('action');
    return columns;
  }
}

function renderRow(row: Row, columns: ReadonlyMap<Column, number>, room: number): string {
  let left = room;
  const cells = COLUMNS.flatMap((column) => {
    const wanted = columns.get(column);
    // In a window of a few columns the first ones have to do.
    if (wanted === undefined || left <= 0) return [];
    const width = Math.min(wanted, left);
    left -= width + GAP;
    return [{ column, width, text: cutToWidth(row[column].text, width) }];
  });
  const last = cells.findLastIndex(({ text }) => text !== '');
  return cells
    .slice(0, last + 1)
    .map(({ column, width, text }, index) => {
      const fill = ' '.repeat(Math.max(0, width - textWidth(text)));
      const painted = text === '' ? '' : row[column].paint(text);
      if (column === 'id') return fill + painted;
      return index === last ? painted : painted + fill;
    })
    .join(' '.repeat(GAP));
}

/** Everything where there is room; else those that need their person, then those that somebody works at. The order within each stays. */
function selectViews(
  views: readonly TaskView[],
  room: number,
): { readonly shown: readonly TaskView[]; readonly rest: readonly TaskView[] } {
  if (views.length <= room) return { shown: views, rest: [] };
  const withRank = (rank: number): readonly TaskView[] =>
    views.filter((view) => rankOf(wordOf(view)) === rank);
  const shown = new Set([...withRank(0), ...withRank(1)].slice(0, Math.max(1, room - 1)));
  return { shown: [...shown], rest: views.filter((view) => !shown.has(view)) };
}

function countWords(views: readonly TaskView[]): readonly { readonly word: Word; readonly text: string }[] {
  const words = views.map(wordOf);
  return WORDS.flatMap((word) => {
    const count = words.filter((other) => other === word).length;
    return count === 0 ? [] : [{ word, text: `${count} ${word}` }];
  });
}

/** How long the work goes on, or went on when it is over; empty where that says nothing. */
function elapsed({ views, nowMs, height }: Moment): string {
  const live = views.filter(({ task }) => isLive(task.phase));
  if (live.length === 0 && height !== null) return '';
  const runs = (live.length > 0 ? live : views).map(({ task }) => latestRun(task));
  const startMs = Math.min(...runs.map((run) => run.requestedAtMs));
  const endMs = live.length > 0 ? nowMs : Math.max(...runs.map((run) => run.end?.atMs ?? startMs));
  return renderDuration(endMs - startMs);
}

/** Costs where any are known, else tokens. */
function sumUsage(usages: readonly (RunUsage | null)[]): RunUsage {
  const costs = usages.flatMap((usage) => usage?.costUsd ?? []);
  const tokens = usages.flatMap((usage) => usage?.tokens ?? []);
  const sum = (key: 'input' | 'output' | 'cacheRead' | 'cacheWrite'): number =>
    tokens.reduce((total, count) => total + count[key], 0);
  return {
    costUsd: costs.length === 0 ? null : costs.reduce((total, cost) => total + cost, 0),
    tokens:
      tokens.length === 0
        ? null
        : {
            input: sum('input'),
            output: sum('output'),
            cacheRead: sum('cacheRead'),
            cacheWrite: sum('cacheWrite'),
          },
  };
}
