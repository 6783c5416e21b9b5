/** A patch in two columns: before and after, with line numbers. Long lines are wrapped inside their column. */

import type { Output } from '../output.ts';
import { graphemes, graphemeWidth } from '../width.ts';
import { compareChange, type ComparedLine, paintSegment, renderFileHeader, renderHunk } from './paint.ts';
import { type Change, type Hunk, type PatchLine, parsePatch } from './parse.ts';
import type { Segment } from './words.ts';

/** Two columns of code need half the room for a tab that one column has. */
const TAB_COLUMNS = 4;
/** Narrower columns hold no words. */
const TEXT_COLUMNS_MIN = 10;
const NUMBER_COLUMNS_MIN = 4;

type Side = '-' | '+' | ' ';

/** One side of a row of lines. */
type Cell = { readonly side: Side; readonly line: ComparedLine; readonly number: number | null };

type Layout = {
  readonly output: Output;
  /** Columns of the whole row. */
  readonly width: number;
  /** True for a file that has one side: new and deleted ones. It gets all the room. */
  readonly isOneSided: boolean;
  readonly numberColumns: number;
};

/** Turns a patch as git writes it into text `width` columns wide; as much is held as {@link parsePatch} holds. */
export async function* renderSideBySide(
  patch: AsyncIterable<Buffer>,
  output: Output,
  width: number,
): AsyncGenerator<string> {
  let [isOneSided, numberColumns] = [false, NUMBER_COLUMNS_MIN];
  const layout = (): Layout => ({ output, width, isOneSided, numberColumns });
  let at = { old: 0, new: 0 };
  let isFirst = true;
  const number = (side: 'old' | 'new', line: PatchLine): number | null =>
    line.kind === 'line' ? at[side]++ : null;
  for await (const part of parsePatch(patch)) {
    switch (part.kind) {
      case 'file':
        yield `${isFirst ? '' : '\n'}${renderFileHeader(output, part.file, width)}\n`;
        isOneSided = part.file.what === 'new' || part.file.what === 'deleted';
        isFirst = false;
        break;
      case 'hunk':
        // A file with one side is one hunk, and its numbers say where.
        if (!isOneSided) yield `${renderHunk(output, part)}\n`;
        at = { old: part.oldStart, new: part.newStart };
        numberColumns = numberColumnsOf(part);
        break;
      case 'context': {
        const line = { line: part.line, segments: [{ text: part.line.text, isChanged: false }] };
        const left: Cell = { side: ' ', line, number: number('old', part.line) };
        yield renderRow(layout(), left, { ...left, number: number('new', part.line) });
        break;
      }
      case 'change':
        for (const [left, right] of pairCells(part, number)) yield renderRow(layout(), left, right);
    }
  }
}

function numberColumnsOf({ lineMax }: Hunk): number {
  return Math.max(NUMBER_COLUMNS_MIN, String(lineMax).length);
}

type Count = (side: 'old' | 'new', line: PatchLine) => number | null;

/** Versions of a line stand beside each other; the lines between two such pairs stand beside each other as they come. */
function pairCells(change: Change, count: Count): readonly (readonly [Cell | null, Cell | null])[] {
  const { removed, added, partners } = compareChange(change);
  const left = removed.map((line): Cell => ({ side: '-', line, number: count('old', line.line) }));
  const right = added.map((line): Cell => ({ side: '+', line, number: count('new', line.line) }));
  const rows: [Cell | null, Cell | null][] = [];
  let [from, to] = [0, 0];
  const fill = (leftEnd: number, rightEnd: number): void => {
    while (from < leftEnd || to < rightEnd)
      rows.push([
        from < leftEnd ? (left[from++] ?? null) : null,
        to < rightEnd ? (right[to++] ?? null) : null,
      ]);
  };
  for (const [index, partner] of partners.entries()) {
    if (partner === null) continue;
    fill(index, partner);
    fill(index + 1, partner + 1);
  }
  fill(left.length, right.length);
  return rows;
}

function renderRow(layout: Layout, left: Cell | null, right: Cell | null): string {
  const { output, width, isOneSided } = layout;
  if (isOneSided)
    return `${renderCell(layout, left ?? right, width)
      .map(({ text }) => text)
      .join('\n')}\n`;
  const columns = Math.floor((width - 3) / 2);
  const lefts = renderCell(layout, left, columns);
  const rights = renderCell(layout, right, columns);
  let rows = '';
  for (let index = 0; index < Math.max(lefts.length, rights.length); index++) {
    const { text, filled } = lefts[index] ?? { text: '', filled: 0 };
    const gap = ' '.repeat(Math.max(0, columns - filled));
    rows += `${text}${gap} ${output.color.dim('│')} ${rights[index]?.text ?? ''}`.trimEnd() + '\n';
  }
  return rows;
}

/** A painted row of a cell and the columns it fills. */
type CellRow = { readonly text: string; readonly filled: number };

function renderCell(
  { output, numberColumns }: Layout,
  cell: Cell | null,
  columns: number,
): readonly CellRow[] {
  if (cell === null) return [];
  const { side, line, number } = cell;
  const { dim } = output.color;
  const gutter = numberColumns + 3;
  const isNote = line.line.kind === 'note';
  const room = Math.max(TEXT_COLUMNS_MIN, columns - gutter);
  return wrap(line.segments, room).map((row, index) => {
    const shown = index === 0 && number !== null ? String(number) : '';
    const marker = index === 0 && line.line.kind === 'line' ? side : ' ';
    const text = row.segments.map((segment) =>
      isNote ? dim(segment.text) : paintSegment(output, side, segment),
    );
    return {
      text: `${dim(shown.padStart(numberColumns))} ${paintSegment(output, side, { text: marker, isChanged: false })} ${text.join('')}`,
      filled: gutter + row.filled,
    };
  });
}

/** Lines of at most so many columns, tabs made into spaces. At least one line. */
export function wrap(
  segments: readonly Segment[],
  columns: number,
): readonly { readonly segments: readonly Segment[]; readonly filled: number }[] {
  const rows: { segments: Segment[]; filled: number }[] = [];
  let row: { segments: Segment[]; filled: number } = { segments: [], filled: 0 };
  const next = (): void => {
    rows.push(row);
    row = { segments: [], filled: 0 };
  };
  for (const { text, isChanged } of segments) {
    let run = '';
    const give = (): void => {
      if (run !== '') row.segments.push({ text: run, isChanged });
      run = '';
    };
    for (const grapheme of graphemes(text)) {
      const isTab = grapheme === '\t';
      const width = isTab ? TAB_COLUMNS - (row.filled % TAB_COLUMNS) : graphemeWidth(grapheme);
      if (row.filled + width > columns) {
        give();
        next();
      }
      // A tab that begins a row is as wide as one in the first column.
      const shown = isTab
        ? ' '.repeat(Math.min(columns, TAB_COLUMNS - (row.filled % TAB_COLUMNS)))
        : grapheme;
      run += shown;
      row.filled += isTab ? shown.length : width;
    }
    give();
  }
  rows.push(row);
  return rows;
}
