/** Where the keys of a TOML file stand. The parser does not say; it has accepted the file, so here nothing is checked again. */

import { parse } from 'smol-toml';
import { newOffsets, type Offsets, type Path } from './document.ts';

const BLANK = /(?:\s|#[^\n]*)*/y;
const KEY_PART = /[\w-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'/y;
const LONG_QUOTES = /"""|'''/y;
const ONE_LINE_STRING = /"(?:[^"\\\n]|\\.)*"|'[^'\n]*'/y;
const BARE_VALUE = /[^,\]}#\n]+/y;

/** Reads the file once from start to end. */
export function locateTomlKeys(text: string): Offsets {
  const offsets = newOffsets();
  const scanner = newScanner(text);
  const lists = new Map<string, number>();
  let table: Path = [];
  for (scanner.skipBlank(); scanner.at() < text.length; scanner.skipBlank()) {
    if (text[scanner.at()] !== '[') {
      readPair(scanner, offsets, table);
      continue;
    }
    const start = scanner.at();
    const isList = text[start + 1] === '[';
    scanner.advance(isList ? 2 : 1);
    const parts = readKey(scanner).map(({ name }) => name);
    scanner.advance(isList ? 2 : 1);
    table = openTable(lists, parts, isList);
    // The tables around it count from here too, if this is where they are first named.
    for (let length = 1; length <= table.length; length++)
      offsets.set(table.slice(0, length), { key: start, value: start });
  }
  return offsets;
}

/** The path that a header means: below a list of tables it is the latest of them. */
function openTable(lists: Map<string, number>, parts: readonly string[], isList: boolean): Path {
  const path: (string | number)[] = [];
  for (const [index, part] of parts.entries()) {
    path.push(part);
    const key = JSON.stringify(path);
    const isNew = isList && index === parts.length - 1;
    if (isNew) lists.set(key, (lists.get(key) ?? -1) + 1);
    const position = lists.get(key);
    if (position !== undefined) path.push(position);
  }
  return path;
}

type Scanner = {
  readonly at: () => number;
  readonly peek: () => string;
  /** Over so many characters and what is blank around them. */
  readonly advance: (count: number) => void;
  /** Over blanks, newlines and comments. */
  readonly skipBlank: () => void;
  /** Over what the pattern matches here, which is given. */
  readonly take: (pattern: RegExp) => string;
  /** To the end of a string in triple quotes, from behind its first three. */
  readonly skipLongString: (quotes: string) => void;
};

function newScanner(text: string): Scanner {
  let at = 0;
  const take = (pattern: RegExp): string => {
    pattern.lastIndex = at;
    const taken = pattern.exec(text)?.[0] ?? '';
    at += taken.length;
    return taken;
  };
  const skipBlank = (): void => void take(BLANK);
  return {
    at: () => at,
    peek: () => text[at] ?? '',
    advance: (count) => {
      skipBlank();
      at += count;
      skipBlank();
    },
    skipBlank,
    take,
    skipLongString: (quotes) => {
      const next = quotes === '"""' ? /\\[^]|"""/g : /'''/g;
      next.lastIndex = at;
      let match = next.exec(text);
      while (match !== null && match[0].startsWith('\\')) match = next.exec(text);
      at = match === null ? text.length : next.lastIndex;
      // Up to two quotes may stand directly before the closing three.
      for (let more = 0; more < 2 && text[at] === quotes[0]; more++) at++;
    },
  };
}

type KeyPart = { readonly name: string; readonly start: number };

/** A dotted key, in its parts. */
function readKey(scanner: Scanner): readonly KeyPart[] {
  const parts: KeyPart[] = [];
  for (;;) {
    scanner.skipBlank();
    const start = scanner.at();
    const written = scanner.take(KEY_PART);
    if (written === '') throw new Error(`no key at offset ${start} of a TOML file that was accepted`);
    parts.push({ name: unquote(written), start });
    scanner.skipBlank();
    if (scanner.peek() !== '.') return parts;
    scanner.advance(1);
  }
}

function unquote(written: string): string {
  if (!/^["']/.test(written)) return written;
  const { name } = parse(`name = ${written}`);
  return typeof name === 'string' ? name : written;
}

function readPair(scanner: Scanner, offsets: Offsets, table: Path): void {
  const parts = readKey(scanner);
  // Over the equals sign.
  scanner.advance(1);
  const value = scanner.at();
  const path = [...table];
  for (const [index, { name, start }] of parts.entries()) {
    path.push(name);
    offsets.set(path, { key: start, value: index === parts.length - 1 ? value : start });
  }
  readValue(scanner, offsets, path);
}

function readValue(scanner: Scanner, offsets: Offsets, path: Path): void {
  const first = scanner.peek();
  if (first === '[') return readList(scanner, offsets, path);
  if (first === '{') return readInlineTable(scanner, offsets, path);
  const quotes = scanner.take(LONG_QUOTES);
  if (quotes !== '') return scanner.skipLongString(quotes);
  scanner.take(first === '"' || first === "'" ? ONE_LINE_STRING : BARE_VALUE);
}

function readList(scanner: Scanner, offsets: Offsets, path: Path): void {
  scanner.advance(1);
  for (let index = 0; scanner.peek() !== ']' && scanner.peek() !== ''; index++) {
    const item = [...path, index];
    offsets.set(item, { key: scanner.at(), value: scanner.at() });
    readValue(scanner, offsets, item);
    scanner.skipBlank();
    if (scanner.peek() === ',') scanner.advance(1);
  }
  scanner.advance(1);
}

function readInlineTable(scanner: Scanner, offsets: Offsets, path: Path): void {
  scanner.advance(1);
  while (scanner.peek() !== '}' && scanner.peek() !== '') {
    readPair(scanner, offsets, path);
    scanner.skipBlank();
    if (scanner.peek() === ',') scanner.advance(1);
  }
  scanner.advance(1);
}
