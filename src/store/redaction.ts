/** Takes the values of secrets out of what an agent prints: the bytes are written over where they stand, so that positions and sizes stay. */

import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from 'node:fs';

export type Redactor = {
  /** Writes over what was printed since the last look. To be called before anybody reads it. */
  readonly look: () => void;
  /** The same in what is about to be recorded. */
  readonly clean: <T>(value: T) => T;
};

const NOTHING: Redactor = { look: () => undefined, clean: (value) => value };

const CHUNK_BYTES = 1024 * 1024;

/** For some files of a run, and for all that is recorded of it. Without values it does nothing, at no cost. */
export function redact(paths: readonly string[], values: readonly string[]): Redactor {
  if (values.length === 0) return NOTHING;
  // In a stream of JSON quotes and backslashes are escaped.
  const forms = [...new Set(values.flatMap((value) => [value, JSON.stringify(value).slice(1, -1)]))];
  const needles = forms.map((form) => Buffer.from(form));
  const looks = paths.map((path) => followMasking(path, needles));
  return {
    look: () => {
      for (const look of looks) look();
    },
    clean: <T>(value: T): T => {
      let text = JSON.stringify(value);
      for (const form of values.map((one) => JSON.stringify(one).slice(1, -1)))
        text = text.replaceAll(form, '*'.repeat(form.length));
      return JSON.parse(text) as T;
    },
  };
}

function followMasking(path: string, needles: readonly Buffer[]): () => void {
  const overlap = Math.max(...needles.map(({ length }) => length)) - 1;
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES + overlap);
  let done = 0;
  return () => {
    let file: number;
    try {
      file = openSync(path, constants.O_RDWR | (constants.O_NOFOLLOW ?? 0));
    } catch {
      // Safe to ignore: not there (yet).
      return;
    }
    try {
      const { size } = fstatSync(file);
      // It was emptied, and begins anew.
      if (size < done) done = 0;
      while (done < size) {
        const start = Math.max(0, done - overlap);
        const length = readSync(file, buffer, 0, buffer.length, start);
        if (length === 0) return;
        maskIn(file, buffer.subarray(0, length), { start, needles });
        done = start + length;
      }
    } finally {
      closeSync(file);
    }
  };
}

function maskIn(
  file: number,
  bytes: Buffer,
  { start, needles }: { readonly start: number; readonly needles: readonly Buffer[] },
): void {
  for (const needle of needles)
    for (let at = bytes.indexOf(needle); at !== -1; at = bytes.indexOf(needle, at + needle.length)) {
      bytes.fill('*', at, at + needle.length);
      writeSync(file, bytes, at, needle.length, start + at);
    }
}
