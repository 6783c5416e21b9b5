/** What an agent, or a script in its name, reports of itself: appended by `phasr signal`, read by the run's supervisor. */

import { appendFileSync, closeSync, constants, openSync, readSync, statSync } from 'node:fs';

export type SignalKind = 'done' | 'needs-input' | 'progress';

export type Signal = {
  /** The run's own marker: a report without it counts for nothing. */
  readonly marker: string;
  readonly kind: SignalKind;
  readonly message: string;
};

/** Longer messages are cut; a signal is one line for a person. */
const MESSAGE_CHARACTERS_MAX = 500;
/** More than this is no report but an accident; the rest is not read. */
const FILE_BYTES_MAX = 1024 * 1024;

/** Appends a signal in one write. Throws as the system does when the file cannot be written. */
export function appendSignal(path: string, signal: Signal): void {
  const message = signal.message.replaceAll(/\s+/g, ' ').trim().slice(0, MESSAGE_CHARACTERS_MAX);
  appendFileSync(path, `${JSON.stringify({ ...signal, message })}\n`, { mode: 0o600 });
}

export type SignalReader = {
  /** The complete signals that have been added since the last call; none when the file has not grown. */
  readonly read: () => readonly Signal[];
};

/** Reads a run's signals as they come, those of its marker alone. */
export function readSignals(path: string, marker: string): SignalReader {
  let at = 0;
  return {
    read: () => {
      const size = Math.min(statSync(path, { throwIfNoEntry: false })?.size ?? 0, FILE_BYTES_MAX);
      if (size <= at) return [];
      const text = readRange(path, at, size);
      const end = text.lastIndexOf('\n') + 1;
      at += Buffer.byteLength(text.slice(0, end), 'latin1');
      return Buffer.from(text.slice(0, end), 'latin1')
        .toString('utf8')
        .split('\n')
        .map(parseSignal)
        .filter((signal) => signal?.marker === marker)
        .filter((signal) => signal !== undefined);
    },
  };
}

function readRange(path: string, start: number, end: number): string {
  const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const buffer = Buffer.alloc(end - start);
    return buffer.subarray(0, readSync(file, buffer, 0, buffer.length, start)).toString('latin1');
  } finally {
    closeSync(file);
  }
}

function parseSignal(line: string): Signal | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    // Safe to ignore: something else than a signal was written there.
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { marker, kind, message } = value as Record<string, unknown>;
  const isKind = kind === 'done' || kind === 'needs-input' || kind === 'progress';
  return typeof marker === 'string' && isKind && typeof message === 'string'
    ? { marker, kind, message }
    : undefined;
}
