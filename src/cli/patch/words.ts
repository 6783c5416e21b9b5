/** Which words of two versions of a line differ, and which lines of a change are versions of each other. Pure. */

import { graphemes } from '../width.ts';

/** A stretch of a line. */
export type Segment = { readonly text: string; readonly isChanged: boolean };

/** Longer lines are compared as a whole: they are data, or were written by a machine. */
export const LINE_CHARACTERS_MAX = 2000;
/** A table of so many cells is filled for two lines at most; words in the middle of larger ones count as changed. */
const CELLS_MAX = 200_000;
/** Below this likeness (0 to 1) two lines are different lines, and marking words in them would be noise. */
const LIKENESS_MIN = 0.4;
/** Above so many pairs of lines, lines are matched by their place alone. */
const PAIRS_MAX = 4000;

/**
 * For each removed line the added one that is its new version, or null. Partners stay in order; a line without letters or digits (a brace) has
 * none unless its place says so.
 */
export function matchLines(removed: readonly string[], added: readonly string[]): readonly (number | null)[] {
  if (removed.length * added.length > PAIRS_MAX) {
    // As many as before: most likely each line was edited in its place.
    return removed.map((_, index) => (removed.length === added.length ? index : null));
  }
  const before = removed.map(countWords);
  const after = added.map(countWords);
  const likeness = before.map((from) => after.map((to) => likenessOf(from, to)));
  return bestPath(likeness, added.length);
}

/** The pairs, in order, whose likeness adds up to the most. */
function bestPath(likeness: readonly (readonly number[])[], columns: number): readonly (number | null)[] {
  const rows = likeness.length;
  // best[i][j]: the most that lines from i and j on can give.
  const best = Array.from({ length: rows + 1 }, () => new Float64Array(columns + 1));
  const at = (row: number, column: number): number => best[row]?.[column] ?? 0;
  const together = (row: number, column: number): number => {
    const like = likeness[row]?.[column] ?? 0;
    return like < LIKENESS_MIN ? -1 : like + at(row + 1, column + 1);
  };
  for (let row = rows - 1; row >= 0; row--) {
    const line = best[row];
    for (let column = columns - 1; line !== undefined && column >= 0; column--)
      line[column] = Math.max(at(row + 1, column), at(row, column + 1), together(row, column));
  }
  const partners: (number | null)[] = [];
  let column = 0;
  for (let row = 0; row < rows; row++) {
    // An added line that gains nothing with this or any later removed line is new.
    const isNew = (): boolean =>
      column < columns &&
      at(row, column) !== together(row, column) &&
      at(row, column) !== at(row + 1, column);
    while (isNew()) column++;
    const isPair = column < columns && at(row, column) === together(row, column);
    partners.push(isPair ? column : null);
    if (isPair) column++;
  }
  return partners;
}

type Words = { readonly counts: ReadonlyMap<string, number>; readonly characters: number };

function countWords(line: string): Words {
  const counts = new Map<string, number>();
  let characters = 0;
  for (const word of splitWords(line.slice(0, LINE_CHARACTERS_MAX))) {
    if (word.trim() === '') continue;
    counts.set(word, (counts.get(word) ?? 0) + 1);
    characters += word.length;
  }
  return { counts, characters };
}

/** The share of characters in words that both lines have (Dice's coefficient). */
function likenessOf(from: Words, to: Words): number {
  const all = from.characters + to.characters;
  if (all === 0) return 0;
  let common = 0;
  for (const [word, count] of from.counts) common += word.length * Math.min(count, to.counts.get(word) ?? 0);
  return (2 * common) / all;
}

/** Both lines in stretches that stayed and stretches that changed; null when too little has stayed, or a line is too long. */
export function compareLines(
  removed: string,
  added: string,
): { readonly removed: readonly Segment[]; readonly added: readonly Segment[] } | null {
  if (removed.length > LINE_CHARACTERS_MAX || added.length > LINE_CHARACTERS_MAX) return null;
  const [from, to] = [splitWords(removed), splitWords(added)];
  const isKept = findKept(from, to);
  const sides = { removed: segmentsOf(from, isKept.from), added: segmentsOf(to, isKept.to) };
  return keptShare(sides.removed, sides.added) < LIKENESS_MIN ? null : sides;
}

function keptShare(removed: readonly Segment[], added: readonly Segment[]): number {
  const letters = (segments: readonly Segment[], which: (segment: Segment) => boolean): number =>
    segments.filter(which).reduce((sum, { text }) => sum + text.replaceAll(/\s/g, '').length, 0);
  const all = letters(removed, () => true) + letters(added, () => true);
  const isKept = ({ isChanged }: Segment): boolean => !isChanged;
  // Lines that differ in white space alone have all of their letters in common.
  return all === 0 ? 1 : (letters(removed, isKept) + letters(added, isKept)) / all;
}

const PLAIN = /^[\t\u0020-\u007E]*$/;
const WORDS = /\w+|\s+|[-+*/%=<>!&|^?:]+|./gs;
const LETTER = /^[\p{L}\p{N}_]/u;
/** Scripts without spaces between words: each character is one. */
const SINGLE =
  /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}]/u;

/** Words, stretches of white space, operators of plain lines, and every other character for itself. Nothing is cut inside what a person takes for one character. */
export function splitWords(line: string): readonly string[] {
  if (PLAIN.test(line)) return line.match(WORDS) ?? [];
  const words: string[] = [];
  let before = '';
  for (const grapheme of graphemes(line)) {
    const kind = SINGLE.test(grapheme)
      ? ''
      : LETTER.test(grapheme)
        ? 'word'
        : /^\s/.test(grapheme)
          ? 'space'
          : '';
    if (kind !== '' && kind === before) words.push((words.pop() ?? '') + grapheme);
    else words.push(grapheme);
    before = kind;
  }
  return words;
}

type Kept = { readonly from: readonly boolean[]; readonly to: readonly boolean[] };

/** A longest common subsequence, after what is the same at both ends. */
function findKept(from: readonly string[], to: readonly string[]): Kept {
  const shorter = Math.min(from.length, to.length);
  let start = 0;
  while (start < shorter && from[start] === to[start]) start++;
  let end = 0;
  while (end < shorter - start && from[from.length - 1 - end] === to[to.length - 1 - end]) end++;
  const ends = (length: number): boolean[] =>
    Array.from({ length }, (_, index) => index < start || index >= length - end);
  const kept = { from: ends(from.length), to: ends(to.length) };
  const [rows, columns] = [from.length - start - end, to.length - start - end];
  if (rows * columns > CELLS_MAX) return kept;
  const width = columns + 1;
  // longest[i * width + j]: how many words from i and j on are common.
  const longest = new Uint16Array((rows + 1) * width);
  const at = (row: number, column: number): number => longest[row * width + column] ?? 0;
  for (let row = rows - 1; row >= 0; row--) {
    for (let column = columns - 1; column >= 0; column--) {
      longest[row * width + column] =
        from[start + row] === to[start + column]
          ? at(row + 1, column + 1) + 1
          : Math.max(at(row + 1, column), at(row, column + 1));
    }
  }
  for (let row = 0, column = 0; row < rows && column < columns;) {
    if (from[start + row] === to[start + column]) {
      [kept.from[start + row], kept.to[start + column]] = [true, true];
      [row, column] = [row + 1, column + 1];
    } else if (at(row + 1, column) >= at(row, column + 1)) row++;
    else column++;
  }
  return kept;
}

/** What stands between two changed words and is no word itself counts as changed with them: one mark is easier to read than three. */
function segmentsOf(words: readonly string[], isKept: readonly boolean[]): readonly Segment[] {
  const isChanged = isKept.map((kept, index) => {
    if (!kept) return true;
    const isBetween = isKept[index - 1] === false && isKept[index + 1] === false;
    return isBetween && !LETTER.test(words[index] ?? '');
  });
  const segments: Segment[] = [];
  for (const [index, text] of words.entries()) {
    const last = segments.at(-1);
    const changed = isChanged[index] === true;
    if (last?.isChanged === changed) segments.splice(-1, 1, { text: last.text + text, isChanged: changed });
    else segments.push({ text, isChanged: changed });
  }
  return segments;
}
