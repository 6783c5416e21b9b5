/** A patch as what it says: files, hunks, unchanged lines, changes. A stream in, a stream out, with bounded memory. */

import { type FileHeader, parseFileHeader } from './header.ts';
import { type Piece, showBytes, splitLines } from './lines.ts';

/** One line of a file, or a piece of a very long one; `text` may be shown on a terminal and has tabs. */
export type PatchLine = {
  /** `more` goes on with the line before; `note` is git's word on the line before (no newline at the end of the file). */
  readonly kind: 'line' | 'more' | 'note';
  readonly text: string;
  /** False when a `more` follows. */
  readonly isEnd: boolean;
};

/** Lines that were taken away and, in their place, lines that were added. */
export type Change = {
  readonly kind: 'change';
  readonly removed: readonly PatchLine[];
  readonly added: readonly PatchLine[];
  /** False for a part of a change that is too large to be held. */
  readonly isWhole: boolean;
};

export type Hunk = {
  readonly kind: 'hunk';
  /** `@@ -1,3 +1,4 @@` */
  readonly range: string;
  /** What git found above the hunk: a function's first line, mostly; may be empty. */
  readonly section: string;
  readonly oldStart: number;
  readonly newStart: number;
  /** The largest line number in it. */
  readonly lineMax: number;
};

export type PatchPart =
  | { readonly kind: 'file'; readonly file: FileHeader }
  | Hunk
  | { readonly kind: 'context'; readonly line: PatchLine }
  | Change;

/** A change of more lines or bytes comes in parts. */
const CHANGE_LINES_MAX = 400;
const CHANGE_BYTES_MAX = 512 * 1024;
/** A header longer than this is no header that git writes: a path has at most 4096 bytes, each written with 4 at most. */
const HEADER_BYTES_MAX = 128 * 1024;

/** Reads a patch of two sides as git writes it. What a hunk holds is counted, so that no content is taken for a header. */
export async function* parsePatch(patch: AsyncIterable<Buffer>): AsyncGenerator<PatchPart> {
  const header = new HeaderReader();
  const change = new ChangeReader();
  let left = { old: 0, new: 0 };
  let marker = '';
  for await (const piece of splitLines(patch)) {
    if (piece.isStart) marker = String.fromCodePoint(piece.bytes[0] ?? 0x20);
    const isInside = left.old > 0 || left.new > 0 || marker === '\\' || !piece.isStart;
    if (!header.isOpen && isInside) {
      const line = lineOf(piece, marker);
      if (piece.isStart) left = countDown(left, marker);
      // Git's word on the line before belongs to that line's side, and so does the rest of a long line.
      const side = marker === '\\' ? change.side : marker;
      if (side === '-' || side === '+') yield* change.add(side, line);
      else {
        yield* change.end(' ');
        yield { kind: 'context', line };
      }
      continue;
    }
    yield* change.end('');
    const hunk = piece.isStart && marker === '@' ? parseHunk(showBytes(piece.bytes, piece.isEnd)) : undefined;
    const isNextFile = piece.isStart && piece.bytes.subarray(0, 5).toString('latin1') === 'diff ';
    if (hunk !== undefined || isNextFile) yield* header.end();
    if (hunk === undefined) header.add(piece);
    else {
      yield hunk.part;
      left = hunk.left;
    }
  }
  yield* change.end('');
  yield* header.end();
}

function lineOf({ bytes, isStart, isEnd }: Piece, marker: string): PatchLine {
  if (!isStart) return { kind: 'more', text: showBytes(bytes, isEnd), isEnd };
  if (marker === '\\') return { kind: 'note', text: showBytes(bytes, isEnd), isEnd };
  return { kind: 'line', text: showBytes(bytes.subarray(1), isEnd), isEnd };
}

type Left = { readonly old: number; readonly new: number };

function countDown(left: Left, marker: string): Left {
  if (marker === '\\') return left;
  return { old: left.old - (marker === '+' ? 0 : 1), new: left.new - (marker === '-' ? 0 : 1) };
}

function parseHunk(text: string): { readonly part: Hunk; readonly left: Left } | undefined {
  const match = /^(@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@) ?(.*)$/su.exec(text);
  if (match === null) return undefined;
  const [, range = '', oldStart = '', oldCount = '1', newStart = '', newCount = '1', section = ''] = match;
  const [from, to] = [Number(oldStart), Number(newStart)];
  const left = { old: Number(oldCount), new: Number(newCount) };
  const lineMax = Math.max(from + left.old, to + left.new) - 1;
  return { part: { kind: 'hunk', range, section, oldStart: from, newStart: to, lineMax }, left };
}

/** Collects the lines before a file's first hunk. */
class HeaderReader {
  #lines: string[] = [];
  #bytes = 0;

  get isOpen(): boolean {
    return this.#lines.length > 0;
  }

  add({ bytes, isStart }: Piece): void {
    this.#bytes += bytes.length;
    if (this.#bytes > HEADER_BYTES_MAX) return;
    // One character for each byte: paths are bytes.
    const text = bytes.toString('latin1');
    if (isStart) this.#lines.push(text);
    else this.#lines.push((this.#lines.pop() ?? '') + text);
  }

  *end(): Generator<PatchPart> {
    if (this.isOpen) yield { kind: 'file', file: parseFileHeader(this.#lines) };
    [this.#lines, this.#bytes] = [[], 0];
  }
}

/** Collects a change, up to its limits. */
class ChangeReader {
  /** Where the last line went; a space for unchanged lines. */
  side = ' ';
  #removed: PatchLine[] = [];
  #added: PatchLine[] = [];
  #bytes = 0;
  #isWhole = true;

  *add(side: '-' | '+', line: PatchLine): Generator<Change> {
    if (side === '-' && this.#added.length > 0) yield* this.end(side);
    this.side = side;
    (side === '-' ? this.#removed : this.#added).push(line);
    this.#bytes += line.text.length;
    if (this.#removed.length + this.#added.length < CHANGE_LINES_MAX && this.#bytes < CHANGE_BYTES_MAX)
      return;
    this.#isWhole = false;
    yield* this.#give();
  }

  /** What was collected, if anything was; the next line belongs to something else. */
  *end(side: string): Generator<Change> {
    yield* this.#give();
    this.side = side;
    this.#isWhole = true;
  }

  *#give(): Generator<Change> {
    const [removed, added, isWhole] = [this.#removed, this.#added, this.#isWhole];
    [this.#removed, this.#added, this.#bytes] = [[], [], 0];
    if (removed.length > 0 || added.length > 0) yield { kind: 'change', removed, added, isWhole };
  }
}
