/** When a transcript had grown how far, so that what was printed since some time can be found. */

import { appendFileSync } from 'node:fs';
import { readPlainText } from './files.ts';

/** Once a second is as exact as a person asks. */
const EVERY_MS = 1000;

export type TimeKeeper = {
  /** `bytes`: how far the output has come; told whenever it has grown. */
  readonly note: (bytes: number, nowMs: number) => void;
};

/** Keeps the times of one run's output. A run that prints all day long makes a megabyte of them. */
export function keepTimes(path: string): TimeKeeper {
  let lastMs = 0;
  return {
    note: (bytes, nowMs) => {
      if (nowMs - lastMs < EVERY_MS) return;
      lastMs = nowMs;
      appendFileSync(path, `${bytes} ${nowMs}\n`, { mode: 0o600 });
    },
  };
}

export type TimeMark = { readonly bytes: number; readonly atMs: number };

/** The kept times, oldest first; none for a run from before they were kept. */
export function readTimes(path: string): readonly TimeMark[] {
  return (readPlainText(path) ?? '')
    .split('\n')
    .map((line) => /^(\d+) (\d+)$/.exec(line))
    .filter((match) => match !== null)
    .map(([, bytes, atMs]) => ({ bytes: Number(bytes), atMs: Number(atMs) }));
}
