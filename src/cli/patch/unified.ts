/** A patch in one column: readable headers, changed words marked. Long lines are left to the terminal and the pager. */

import type { Output } from '../output.ts';
import { compareChange, type ComparedLine, paintSegment, renderFileHeader, renderHunk } from './paint.ts';
import { type PatchLine, parsePatch } from './parse.ts';

/** A rule wider than this says nothing more. */
const RULE_COLUMNS_MAX = 100;

/** Turns a patch as git writes it into text for a terminal; as much is held as {@link parsePatch} holds. */
export async function* renderUnified(patch: AsyncIterable<Buffer>, output: Output): AsyncGenerator<string> {
  const width = Math.min(output.width() - 1, RULE_COLUMNS_MAX);
  let isFirst = true;
  for await (const part of parsePatch(patch)) {
    switch (part.kind) {
      case 'file':
        yield `${isFirst ? '' : '\n'}${renderFileHeader(output, part.file, width)}\n`;
        isFirst = false;
        break;
      case 'hunk':
        yield `${renderHunk(output, part)}\n`;
        break;
      case 'context':
        yield renderLine(output, ' ', plain(part.line));
        break;
      case 'change': {
        const { removed, added } = compareChange(part);
        for (const line of removed) yield renderLine(output, '-', line);
        for (const line of added) yield renderLine(output, '+', line);
      }
    }
  }
}

function plain(line: PatchLine): ComparedLine {
  return { line, segments: [{ text: line.text, isChanged: false }] };
}

function renderLine(output: Output, side: '-' | '+' | ' ', { line, segments }: ComparedLine): string {
  const end = line.isEnd ? '\n' : '';
  if (line.kind === 'note') return `${output.color.dim(line.text)}${end}`;
  const body = segments.map((segment) => paintSegment(output, side, segment)).join('');
  const marker = line.kind === 'more' ? '' : paintSegment(output, side, { text: side, isChanged: false });
  return `${marker}${body}${end}`;
}
