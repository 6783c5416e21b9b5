/** Text from outside, made safe to show. Nothing here reads or prints. */

/**
 * Characters that act on a terminal or hide what a text says: C0 and C1 controls, DEL, zero-width and
 * bidirectional controls (Unicode TR36 §2.5), line and paragraph separators, tags. A zero-width joiner between two
 * emoji makes one of them and stays.
 */
const INVISIBLE =
  /[\u0000-\u001F\u007F-\u009F\u00AD\u061C\u180E\u200B\u200C\u200E\u200F\u2028-\u202E\u2060-\u2069\uFEFF\u{E0000}-\u{E007F}]|(?<!\p{Extended_Pictographic}\uFE0F?\p{Emoji_Modifier}?)\u200D|\u200D(?!\p{Extended_Pictographic})/gu;

const SHORT_ESCAPES: ReadonlyMap<string, string> = new Map([
  ['\n', String.raw`\n`],
  ['\r', String.raw`\r`],
  ['\t', String.raw`\t`],
  ['\u001B', String.raw`\e`],
]);

function escapeCharacter(character: string): string {
  const short = SHORT_ESCAPES.get(character);
  if (short !== undefined) return short;
  const code = character.codePointAt(0) ?? 0;
  return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
}

/** One line of text with everything that would act or hide spelt out; newlines and tabs become `\n`, `\t`. */
export function renderVisible(text: string): string {
  return text.replace(INVISIBLE, escapeCharacter);
}

/** As {@link renderVisible}, but newlines and tabs stay, for texts of several lines. */
export function renderVisibleLines(text: string): string {
  return text.replace(INVISIBLE, (character) =>
    character === '\n' || character === '\t' ? character : escapeCharacter(character),
  );
}

/**
 * As {@link renderVisibleLines}, but colours (`ESC [ … m`) and carriage returns before a newline stay: an agent's own output
 * as a person wants to see it, without letting it move the cursor, set the title or touch the clipboard.
 */
export function renderVisibleOutput(text: string): string {
  return text.replaceAll(/\u001B\[[0-9;:]*m|\r(?=\n)|[^\u001B\r]+|[\u001B\r]/g, (piece) => {
    if (piece === '\r') return '\n';
    if (piece.startsWith('\u001B[') && piece.endsWith('m')) return piece;
    return renderVisibleLines(piece);
  });
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text if the bytes are UTF-8, else undefined. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    // Safe to ignore: not UTF-8 is one of the two answers.
    return undefined;
  }
}

/** A path's bytes for people: UTF-8 where it is, every other byte as `\xNN`, controls spelt out. */
export function renderPath(path: Uint8Array): string {
  const text = decodeUtf8(path);
  if (text !== undefined) return renderVisible(text);
  let shown = '';
  for (const byte of path) {
    shown +=
      byte >= 0x20 && byte < 0x7f ? String.fromCodePoint(byte) : `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return shown;
}

/** `1 file`, `2 files`. */
export function renderCount(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** A duration in its largest one or two units: `0s`, `42s`, `3m`, `2h 5m`, `4d`. */
export function renderDuration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60)
    return seconds % 60 === 0 || minutes >= 10 ? `${minutes}m` : `${minutes}m ${seconds % 60}s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 === 0 ? `${hours}h` : `${hours}h ${minutes % 60}m`;
  return `${Math.floor(hours / 24)}d`;
}

/** Splits at a byte; the empty piece after a closing separator is left out (`a\0b\0` gives two pieces). */
export function splitBytes(bytes: Buffer, separator: number): Buffer[] {
  const pieces: Buffer[] = [];
  let start = 0;
  while (start < bytes.length) {
    const end = bytes.indexOf(separator, start);
    if (end === -1) {
      pieces.push(bytes.subarray(start));
      break;
    }
    pieces.push(bytes.subarray(start, end));
    start = end + 1;
  }
  return pieces;
}
