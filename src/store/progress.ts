/** What a run is doing now, as a small file: many readers, one writer, nothing lost when it is gone. */

import { renameSync, writeFileSync } from 'node:fs';
import type { RunProgress } from '../task/progress.ts';
import { readPlainText } from './files.ts';

/** Replaces the file by a rename. Not flushed to the disk: after a power cut nobody wants to know it. */
export function writeProgress(path: string, progress: RunProgress): void {
  const partial = `${path}.new`;
  writeFileSync(partial, JSON.stringify(progress), { mode: 0o600 });
  renameSync(partial, path);
}

/** Null when there is none (yet), or it cannot be read. */
export function readProgress(path: string): RunProgress | null {
  const text = readPlainText(path);
  if (text === undefined) return null;
  try {
    return JSON.parse(text) as RunProgress;
  } catch {
    // Safe to ignore: cut off by a full disk; the next one replaces it.
    return null;
  }
}
