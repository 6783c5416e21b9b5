/** An escape in words. Pure. */

import { renderCount, renderVisible } from '../base/text.ts';
import type { TaskId } from './names.ts';
import type { Escape } from './task.ts';

/** In a sentence without its end: how much was changed, when, and by whom as far as that is known. */
export function describeEscape({ changes, more, run, by, isVictim }: Escape, id: TaskId): string {
  const count = renderCount(changes.length + more, 'thing');
  if (isVictim) return `${count} of task ${id} changed while nobody was at work on it`;
  const seen = by === null ? '' : `, and ${by}`;
  return `${count} outside its worktree changed while run ${run} of task ${id} was at work${seen}`;
}

/** A line for each change, safe to show. */
export function listChanges({ changes, more }: Pick<Escape, 'changes' | 'more'>): readonly string[] {
  return [
    ...changes.map(({ name, what }) => `${renderVisible(name)}: ${renderVisible(what)}`),
    ...(more === 0 ? [] : [`and ${more} more`]),
  ];
}
