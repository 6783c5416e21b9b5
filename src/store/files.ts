/** Small files: our own, written whole or not at all, and other people's, read with care. */

import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { uniqueName } from '../base/unique.ts';
import { systemCode } from '../base/errors.ts';

/** Replaces a file by a rename, after its bytes are on the disk, and flushes the rename; makes its folders (mode 0700) when they are missing. */
export function writeWhole(path: string, content: string | Uint8Array, mode = 0o600): void {
  makeFolder(dirname(path));
  const partial = `${path}.${uniqueName()}.new`;
  const file = openSync(partial, 'wx', mode);
  try {
    try {
      writeFileSync(file, content);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(partial, path);
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  }
  flushFolder(dirname(path));
}

/** Flushes the names in a folder: a file's contents on the disk are not yet its name there. */
function flushFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** Makes a folder of ours (mode 0700) with those above it that are missing; each is on the disk when this returns. */
export function makeFolder(path: string): void {
  const first = mkdirSync(path, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let made = path; made !== dirname(first); made = dirname(made)) flushFolder(dirname(made));
}

/** Writes a small file, unless there is something of that name: then nothing changes and the answer is false. */
export function createWhole(path: string, content: string | Uint8Array, mode = 0o600): boolean {
  let file: number;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    file = openSync(path, 'wx', mode);
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw error;
  }
  try {
    writeFileSync(file, content);
    fsyncSync(file);
    flushFolder(dirname(path));
    return true;
  } catch (error) {
    // A full disk: half a file is none.
    rmSync(path, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
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

/** What is at a path: bytes, nothing, or something that is not read, and why not. */
export type FileContent =
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  | { readonly kind: 'missing' }
  | { readonly kind: 'unusable'; readonly reason: string };

const CHUNK_BYTES = 64 * 1024;

/** Reads a file that somebody else wrote: never a device or a pipe, never more than `bytesMax`, links only where they are wanted. */
export function readForeignFile(
  path: string,
  limits: { readonly bytesMax: number; readonly followsLinks: boolean },
): FileContent {
  const unusable = (reason: string): FileContent => ({ kind: 'unusable', reason });
  const { O_RDONLY, O_NONBLOCK, O_NOFOLLOW } = constants;
  let file: number;
  try {
    // Without O_NONBLOCK opening a pipe would wait for somebody to write.
    file = openSync(path, O_RDONLY | O_NONBLOCK | (limits.followsLinks ? 0 : O_NOFOLLOW));
  } catch (error) {
    const code = systemCode(error) ?? '';
    if (['ENOENT', 'ENOTDIR'].includes(code)) return { kind: 'missing' };
    if (code === 'ELOOP') return unusable('it is a symbolic link');
    return unusable(`it cannot be read (${code})`);
  }
  try {
    const stat = fstatSync(file);
    if (stat.isDirectory()) return unusable('it is a directory');
    if (!stat.isFile()) return unusable('it is no regular file');
    const tooLarge = `it is larger than ${limits.bytesMax / 1024} KiB`;
    if (stat.size > limits.bytesMax) return unusable(tooLarge);
    const chunks: Buffer[] = [];
    let length = 0;
    for (;;) {
      const chunk = Buffer.alloc(CHUNK_BYTES);
      const read = readSync(file, chunk, 0, chunk.length, null);
      if (read === 0) return { kind: 'bytes', bytes: Buffer.concat(chunks) };
      length += read;
      // It may be growing.
      if (length > limits.bytesMax) return unusable(tooLarge);
      chunks.push(chunk.subarray(0, read));
    }
  } finally {
    closeSync(file);
  }
}
