/** What a patch's lines look like, in either layout. */

import type { Output } from '../output.ts';
import { textWidth } from '../width.ts';
import type { FileHeader } from './header.ts';
import type { Change, Hunk, PatchLine } from './parse.ts';
import { compareLines, matchLines, type Segment } from './words.ts';

/** A line of a change in stretches, and the added line beside it, if it is a version of it. */
export type ComparedLine = { readonly line: PatchLine; readonly segments: readonly Segment[] };

export type Compared = {
  readonly removed: readonly ComparedLine[];
  readonly added: readonly ComparedLine[];
  /** For each removed line the index of the added line that is its new version, or null. */
  readonly partners: readonly (number | null)[];
};

const whole = (line: PatchLine): ComparedLine => ({
  line,
  segments: [{ text: line.text, isChanged: false }],
});

/** Finds what has changed inside the lines of a change. A part of a large change, and pieces of very long lines, are left as they are. */
export function compareChange({ removed, added, isWhole }: Change): Compared {
  const before = removed.map(whole);
  const after = added.map(whole);
  const isComparable = isWhole && ![...removed, ...added].some((line) => line.kind === 'more');
  if (!isComparable || removed.length === 0 || added.length === 0)
    return { removed: before, added: after, partners: removed.map(() => null) };
  const text = (line: PatchLine): string => (line.kind === 'note' ? '' : line.text);
  const partners = matchLines(removed.map(text), added.map(text));
  for (const [index, partner] of partners.entries()) {
    const [from, to] = [removed[index], partner === null ? undefined : added[partner]];
    if (from?.kind !== 'line' || to?.kind !== 'line' || partner === null) continue;
    const segments = compareLines(from.text, to.text);
    if (segments === null) continue;
    before[index] = { line: from, segments: segments.removed };
    after[partner] = { line: to, segments: segments.added };
  }
  return { removed: before, added: after, partners };
}

/** A stretch of a changed line in its side's colour, changed words turned inside out: that is legible on every background. */
export function paintSegment({ color }: Output, side: '-' | '+' | ' ', { text, isChanged }: Segment): string {
  if (side === ' ') return text;
  const paint = side === '-' ? color.red : color.green;
  return isChanged ? color.inverse(paint(text)) : paint(text);
}

const VERBS = {
  changed: '',
  new: 'new ',
  deleted: 'deleted ',
  renamed: 'renamed ',
  copied: 'copied ',
} as const;

/** `── renamed a → b (90% the same) ─────`, as wide as the patch. */
export function renderFileHeader({ color }: Output, file: FileHeader, width: number): string {
  const verb = VERBS[file.what];
  const paint = file.what === 'new' ? color.green : file.what === 'deleted' ? color.red : color.cyan;
  const notes = file.notes.length === 0 ? '' : ` (${file.notes.join(', ')})`;
  const taken = 3 + textWidth(verb + file.name + notes) + 1;
  const rule = '─'.repeat(Math.max(2, width - taken));
  const title = `${verb === '' ? '' : paint(verb)}${color.bold(file.name)}`;
  return `${color.dim('──')} ${title}${color.dim(`${notes} ${rule}`)}`;
}

export function renderHunk({ color }: Output, { range, section }: Hunk): string {
  return section === '' ? color.cyan(range) : `${color.cyan(range)} ${color.dim(section)}`;
}
