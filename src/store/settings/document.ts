/**
 * What a settings or task file says, whatever its format: plain data, and where in the file each piece of it stands.
 *
 * Everything in this folder that parses and checks is built into files of its own (`scripts/build.mjs`), which a command loads when it meets
 * such a file. It answers with problems as values: a class such as PhasrError would be another one there.
 */

export type Path = readonly (string | number)[];

/** Counted from 1, as editors do. Columns are UTF-16 units. */
export type Position = { readonly line: number; readonly column: number };

export type Document = {
  /** Strings, numbers, booleans, nulls, lists, plain objects, dates; what came from a key is an own property. */
  readonly value: unknown;
  /** Where a key, or the value behind it, stands; of what is not in the file, the nearest table around it. */
  readonly locate: (path: Path, part: 'key' | 'value') => Position;
};

/** One thing that is wrong with a file, in words for people. */
export type Problem = {
  /** Null when it is the file as a whole. */
  readonly position: Position | null;
  /** As people write it: `limits.retries`, `tasks[2].prompt`. */
  readonly key: string | null;
  readonly message: string;
  readonly hint: string | null;
};

export type Faulty = { readonly problems: readonly Problem[] };

/** A file of many mistakes is one mistake: the rest is not looked for. */
export const PROBLEMS_MAX = 100;

/** A key as people write it. Of our files only a task file may be a list, and then it is one of tasks. */
export function renderKey(path: Path): string {
  let key = typeof path[0] === 'number' ? 'tasks' : '';
  for (const part of path) {
    if (typeof part === 'number') key += `[${part}]`;
    else key += `${key === '' ? '' : '.'}${/^[\w-]+$/.test(part) ? part : JSON.stringify(part)}`;
  }
  return key;
}

/** A single problem, as an answer. */
export function faulty(message: string, more: Partial<Problem> = {}): Faulty {
  return { problems: [{ position: null, key: null, hint: null, ...more, message }] };
}

/** Line and column of an offset. */
export function positionAt(text: string, offset: number): Position {
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf('\n') + 1;
  let line = 1;
  for (let at = before.indexOf('\n'); at !== -1; at = before.indexOf('\n', at + 1)) line++;
  return { line, column: offset - lineStart + 1 };
}

/** Where each key and the value behind it begin, by path. */
export type Offsets = {
  readonly set: (path: Path, at: { readonly key: number; readonly value: number }) => void;
  readonly locate: (path: Path, part: 'key' | 'value') => number;
};

/** An empty record of offsets. The first word on a path counts. */
export function newOffsets(): Offsets {
  const known = new Map<string, { readonly key: number; readonly value: number }>();
  return {
    set: (path, at) => {
      const key = JSON.stringify(path);
      if (!known.has(key)) known.set(key, at);
    },
    locate: (path, part) => {
      const exact = known.get(JSON.stringify(path));
      if (exact !== undefined) return exact[part];
      for (let length = path.length - 1; length > 0; length--) {
        const around = known.get(JSON.stringify(path.slice(0, length)));
        if (around !== undefined) return around.key;
      }
      return 0;
    },
  };
}

const decoder = new TextDecoder('utf-8', { fatal: true });

/** The text of a file, without a byte order mark; or what it is instead. */
export function readText(bytes: Uint8Array): string | Faulty {
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff))
    return faulty('this is UTF-16, not UTF-8', { hint: 'Save it as UTF-8.' });
  try {
    const text = decoder.decode(bytes);
    return text.includes('\0') ? faulty('this is no text: it has NUL bytes') : text;
  } catch {
    // Safe to ignore: not UTF-8 is one of the answers.
    return faulty('this is not UTF-8 text', { hint: 'Save it as UTF-8.' });
  }
}
