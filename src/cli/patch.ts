/** A patch on a terminal: git's colours, and every character that acts or hides spelt out. Line by line, so that size does not matter. */

import { decodeUtf8, renderPath, renderVisible } from '../base/text.ts';
import type { Output } from './output.ts';

/** A line longer than this is shown cut, with its length; it is a minified file or data. */
const LINE_BYTES_SHOWN_MAX = 4000;

/** Turns a patch as git writes it into lines for a terminal. */
export async function* renderPatch(patch: AsyncIterable<Buffer>, output: Output): AsyncGenerator<string> {
  let isHeader = true;
  for await (const line of splitLines(patch)) {
    if (line.bytes.subarray(0, 5).toString('latin1') === 'diff ') isHeader = true;
    else if (line.bytes.subarray(0, 2).toString('latin1') === '@@') isHeader = false;
    yield paint(output, showLine(line), isHeader);
  }
}

type Line = { readonly bytes: Buffer; readonly length: number };

/** Pieces of at most the bytes that are shown of each line; the rest of a long line is counted and dropped. */
async function* splitLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<Line> {
  let kept: Buffer[] = [];
  let keptBytes = 0;
  let length = 0;
  const add = (piece: Buffer): void => {
    length += piece.length;
    const room = LINE_BYTES_SHOWN_MAX - keptBytes;
    if (room <= 0) return;
    kept.push(piece.subarray(0, room));
    keptBytes += Math.min(room, piece.length);
  };
  const take = (): Line => {
    const line = { bytes: Buffer.concat(kept), length };
    [kept, keptBytes, length] = [[], 0, 0];
    return line;
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      add(chunk.subarray(start, end));
      yield take();
      start = end + 1;
    }
    add(chunk.subarray(start));
  }
  if (length > 0) yield take();
}

function showLine({ bytes, length }: Line): string {
  const isCut = length > bytes.length;
  const text = decodeUtf8(bytes);
  // A cut may go through a character, and files need not be UTF-8.
  const shown = text === undefined ? renderPath(bytes) : showText(text);
  return isCut ? `${shown} … (${length} bytes in this line)` : shown;
}

/** A tab is a tab; a carriage return at the end of a line is shown as git's `^M`. */
function showText(text: string): string {
  const body = text.endsWith('\r') ? text.slice(0, -1) : text;
  const visible = body.split('\t').map(renderVisible).join('\t');
  return body === text ? visible : `${visible}^M`;
}

function paint(output: Output, line: string, isHeader: boolean): string {
  const { color } = output;
  if (isHeader) return color.bold(line);
  if (line.startsWith('@@')) return line.replace(/^@@.*?@@/, (hunk) => color.cyan(hunk));
  if (line.startsWith('+')) return color.green(line);
  return line.startsWith('-') ? color.red(line) : line;
}
