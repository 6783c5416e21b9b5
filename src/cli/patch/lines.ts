/** A patch's bytes as lines of bounded size, and a line's bytes as text that a terminal may show. */

import { decodeUtf8, renderPath, renderVisible } from '../../base/text.ts';

/** A line, or a piece of one that is longer than {@link PIECE_BYTES_MAX}: nothing of a patch is ever left out, however long its lines are. */
export type Piece = {
  readonly bytes: Buffer;
  /** The first piece of its line. */
  readonly isStart: boolean;
  /** The last piece of its line. */
  readonly isEnd: boolean;
};

export const PIECE_BYTES_MAX = 16 * 1024;
const NEWLINE = 10;

/** Splits at newlines, which are left out. Holds one chunk and one piece at a time. */
export async function* splitLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<Piece> {
  let rest: Buffer = Buffer.alloc(0);
  let isStart = true;
  function* pieces(line: Buffer, isWhole: boolean): Generator<Piece> {
    let from = 0;
    while (line.length - from > PIECE_BYTES_MAX) {
      const to = endOfCharacter(line, from + PIECE_BYTES_MAX);
      yield { bytes: line.subarray(from, to), isStart, isEnd: false };
      [from, isStart] = [to, false];
    }
    rest = line.subarray(from);
    if (!isWhole) return;
    yield { bytes: rest, isStart, isEnd: true };
    [rest, isStart] = [Buffer.alloc(0), true];
  }
  for await (const chunk of chunks) {
    let from = 0;
    for (let to = chunk.indexOf(NEWLINE); to !== -1; to = chunk.indexOf(NEWLINE, from)) {
      const end = chunk.subarray(from, to);
      yield* pieces(rest.length === 0 ? end : Buffer.concat([rest, end]), true);
      from = to + 1;
    }
    yield* pieces(Buffer.concat([rest, chunk.subarray(from)]), false);
  }
  if (rest.length > 0 || !isStart) yield* pieces(rest, true);
}

/** The nearest place at or before `at` that is not inside a UTF-8 character; `at` itself where the bytes are none. */
function endOfCharacter(bytes: Buffer, at: number): number {
  for (let back = 0; back < 4; back++) if (((bytes[at - back] ?? 0) & 0xc0) !== 0x80) return at - back;
  return at;
}

/** Bytes as a terminal may show them; a tab stays a tab, a carriage return at the end of a line is shown as git's `^M`. */
export function showBytes(bytes: Buffer, isEnd: boolean): string {
  const text = decodeUtf8(bytes);
  // Files need not be UTF-8.
  if (text === undefined) return renderPath(bytes);
  const body = isEnd && text.endsWith('\r') ? text.slice(0, -1) : text;
  const visible = body.includes('\t') ? body.split('\t').map(renderVisible).join('\t') : renderVisible(body);
  return body === text ? visible : `${visible}^M`;
}
