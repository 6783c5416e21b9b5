/** Lines out of bytes that come in pieces. */

/** Longer lines are cut here; an agent's largest answer in one line is a few megabytes. */
const LINE_BYTES_MAX = 64 * 1024 * 1024;

const NEWLINE = 0x0a;

export type LineSplitter = {
  /** The lines that these bytes complete, without their newlines (and carriage returns before them). Bytes that are not UTF-8 become U+FFFD. */
  readonly push: (bytes: Buffer) => readonly string[];
  /** What came after the last newline; undefined when nothing did. */
  readonly rest: () => string | undefined;
};

/**
 * Splits in linear time: a line's pieces are joined once, when it is complete. Holds the bytes of one unfinished line.
 * The buffers given to it must not be changed afterwards.
 */
export function newLineSplitter(): LineSplitter {
  let pieces: Buffer[] = [];
  let size = 0;
  const keep = (piece: Buffer): void => {
    const room = LINE_BYTES_MAX - size;
    size += piece.length;
    if (piece.length > 0 && room > 0) pieces.push(piece.subarray(0, room));
  };
  const take = (): string => {
    const [first] = pieces;
    const line = first !== undefined && pieces.length === 1 ? first : Buffer.concat(pieces);
    pieces = [];
    size = 0;
    return line.toString('utf8').replace(/\r$/, '');
  };
  return {
    push: (bytes) => {
      const lines: string[] = [];
      let start = 0;
      for (let end = bytes.indexOf(NEWLINE); end !== -1; end = bytes.indexOf(NEWLINE, start)) {
        keep(bytes.subarray(start, end));
        lines.push(take());
        start = end + 1;
      }
      keep(bytes.subarray(start));
      return lines;
    },
    rest: () => (size === 0 ? undefined : take()),
  };
}
