/** Small files of our own: written whole or not at all. */

import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { uniqueName } from '../base/unique.ts';
import { systemCode } from '../base/errors.ts';

/** Replaces a file by a rename, after its bytes are on the disk; makes its folders (mode 0700) when they are missing. */
export function writeWhole(path: string, content: string | Uint8Array, mode = 0o600): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const partial = `${path}.${uniqueName()}.new`;
  const file = openSync(partial, 'wx', mode);
  try {
    writeFileSync(file, content);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(partial, path);
}

/** A text file's content; undefined when there is none. */
export function readPlainText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) return undefined;
    throw error;
  }
}
