/** What the live view says of one task, cell by cell. Texts are safe to show; colours are kept apart, so that widths stay right. */

import { renderCount, renderDuration, renderVisible } from '../base/text.ts';
import type { RunUsage } from '../base/usage.ts';
import type { TaskView } from '../operations/inspect.ts';
import { isLive } from '../task/decide.ts';
import type { StateName } from '../task/state.ts';
import { latestRun } from '../task/task.ts';
import type { Output } from './output.ts';
import { paintState } from './render.ts';

export type Cell = { readonly text: string; readonly paint: (text: string) => string };

/** A task's state in one word; of a running one, what its person should know first. */
export type Word = StateName | 'waiting' | 'retrying' | 'silent';

/** In the order of how much they concern the person. */
export const WORDS: readonly Word[] = [
  ...(['waiting', 'failed', 'interrupted'] as const),
  ...(['retrying', 'silent', 'running', 'setting up', 'committing', 'merging'] as const),
  ...(['queued', 'done', 'stopped', 'merged', 'discarded'] as const),
];

export function wordOf({ state, progress }: TaskView): Word {
  if (state.name !== 'running' || progress === null || progress.attention === 'working') return state.name;
  return progress.attention;
}

/** 0: it needs its person. 1: somebody is at work. 2: nothing happens. */
export function rankOf(word: Word): 0 | 1 | 2 {
  const at = WORDS.indexOf(word);
  return at <= WORDS.indexOf('interrupted') ? 0 : at <= WORDS.indexOf('merging') ? 1 : 2;
}

export function paintWord(output: Output, word: Word, text: string): string {
  const { color } = output;
  if (word === 'waiting') return color.bold(color.yellow(text));
  return word === 'retrying' || word === 'silent' ? color.yellow(text) : paintState(output, word, text);
}

/**
 * `run`: how long the run takes or took. `state`: since when the task is in its state, as in `phasr list`.
 */
export type AgeKind = 'run' | 'state';

export function renderAge({ task, state }: TaskView, kind: AgeKind, nowMs: number): string {
  if (kind === 'state') return renderDuration(nowMs - state.sinceMs);
  const startMs = latestRun(task).startedAtMs ?? state.sinceMs;
  return renderDuration((isLive(task.phase) ? nowMs : state.sinceMs) - startMs);
}

/** What has been written: how many files while an agent works, files and lines afterwards. */
export function touchedCell({ color }: Output, { task, progress }: TaskView): Cell {
  const plain = (text: string): string => text;
  if (isLive(task.phase)) {
    const files = progress?.filesTouched ?? 0;
    return { text: files === 0 ? '' : renderCount(files, 'file'), paint: plain };
  }
  const changes = task.head?.changes;
  if (changes === undefined) return { text: '', paint: plain };
  if (changes.files === 0) return { text: 'no changes', paint: color.dim };
  const { files, insertions, deletions } = changes;
  return {
    text: `${renderCount(files, 'file')} +${insertions} -${deletions}`,
    paint: (text) => text.replace(/\+\d+/, color.green).replace(/-\d+$/, color.red),
  };
}

/** `$0.02`; where the cost is not known, `12k tok`; empty where nothing is. Tokens are those that were new: what came from the cache is not counted. */
export function renderUsage(usage: RunUsage | null): string {
  if (usage === null) return '';
  if (usage.costUsd !== null) return renderCost(usage.costUsd);
  const { tokens } = usage;
  return tokens === null ? '' : `${renderThousands(tokens.input + tokens.output + tokens.cacheWrite)} tok`;
}

function renderCost(dollars: number): string {
  if (dollars > 0 && dollars < 0.01) return '<$0.01';
  return dollars < 100 ? `$${dollars.toFixed(2)}` : `$${Math.round(dollars)}`;
}

/** `950`, `9.5k`, `12k`, `1.2M`: two or three digits that mean something. */
export function renderThousands(count: number): string {
  if (count < 1000) return String(count);
  const [value, unit] = count < 999_500 ? [count / 1000, 'k'] : [count / 1_000_000, 'M'];
  return `${value < 9.95 ? value.toFixed(1).replace('.0', '') : Math.round(value)}${unit}`;
}

/** What it does, asks, or why it has ended; empty where the state says everything. */
export function actionCell(
  output: Output,
  view: TaskView,
  { lastOutput, nowMs }: { readonly lastOutput: (view: TaskView) => string; readonly nowMs: number },
): Cell {
  const { task, state, progress } = view;
  const { color } = output;
  const plain = (text: string): string => text;
  const cell = (text: string, paint: Cell['paint']): Cell => ({ text: renderVisible(text), paint });
  switch (wordOf(view)) {
    case 'waiting':
      return cell(progress?.waitingFor ?? progress?.action ?? '', color.yellow);
    case 'retrying':
      return cell(progress?.waitingFor ?? '', color.yellow);
    case 'silent': {
      const silence = `no output for ${renderDuration(nowMs - (progress?.atMs ?? nowMs))}`;
      return cell(progress?.action ? `${silence}; last: ${progress.action}` : silence, color.yellow);
    }
    case 'running':
      if (latestRun(task).stop !== null) return cell(state.evidence, plain);
      return cell(progress?.action || stripSequences(lastOutput(view)) || state.evidence, plain);
    case 'failed':
    case 'interrupted':
    case 'stopped':
      return cell(state.evidence, plain);
    case 'done':
      return cell(task.trouble ?? '', plain);
    case 'queued':
    case 'setting up':
    case 'committing':
    case 'merging':
    case 'merged':
    case 'discarded':
    case 'restoring':
    case 'rewinding':
    case 'unmerging':
      return cell(state.evidence, color.dim);
  }
}

/** Without colours, cursor moves and titles, which an agent writes for a terminal of its own. */
function stripSequences(text: string): string {
  return text.replaceAll(/\u001B\[[0-?]*[ -/]*[@-~]|\u001B\][^\u0007\u001B]*(?:\u0007|\u001B\\)/g, '').trim();
}
