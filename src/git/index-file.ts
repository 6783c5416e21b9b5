/** Git's index file, copied and compared as a file. */

import {
  closeSync,
  constants,
  copyFileSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  utimesSync,
} from 'node:fs';
import { findStat } from './files.ts';

/**
 * Copies an index file so that git trusts it no more than the original: entries as young as the index itself are looked at
 * again ("racily clean"), so the copy must not look younger.
 */
export function copyIndex(from: string, to: string): void {
  rmSync(to, { force: true });
  copyFileSync(from, to, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
  const stat = statSync(from);
  utimesSync(to, stat.atime, Math.floor(stat.mtimeMs - 1) / 1000);
}

/** More than any repository's index; a larger file is no index of an honest agent. */
export const INDEX_BYTES_MAX = 2 * 1024 * 1024 * 1024;

/** Two pieces of this size are in memory at a time: an index of 50,000 files has 5 MB, and memory fresh from the system is slower than the disk's cache. */
const COMPARE_BYTES = 128 * 1024;

/** Whether two files hold the same bytes; links and other things that are no files are never the same. */
export function isSameFile(path: string, other: string): boolean {
  const [stat, otherStat] = [findStat(path), findStat(other)];
  if (stat?.isFile() !== true || otherStat?.isFile() !== true || stat.size !== otherStat.size) return false;
  if (stat.size > INDEX_BYTES_MAX) return false;
  const files: number[] = [];
  try {
    for (const name of [path, other])
      files.push(openSync(name, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0)));
    const [first = -1, second = -1] = files;
    const [one, two] = [Buffer.allocUnsafe(COMPARE_BYTES), Buffer.allocUnsafe(COMPARE_BYTES)];
    for (;;) {
      const length = readSync(first, one, 0, COMPARE_BYTES, null);
      if (length !== readSync(second, two, 0, COMPARE_BYTES, null)) return false;
      if (length === 0) return true;
      if (!one.subarray(0, length).equals(two.subarray(0, length))) return false;
    }
  } finally {
    for (const file of files) closeSync(file);
  }
}
