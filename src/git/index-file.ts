/** Git's index file, copied and compared as a file. */

import { constants, copyFileSync, readFileSync, rmSync, statSync, utimesSync } from 'node:fs';
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

/** Whether two files hold the same bytes; links and other things that are no files are never the same. */
export function isSameFile(path: string, other: string): boolean {
  const [stat, otherStat] = [findStat(path), findStat(other)];
  if (stat?.isFile() !== true || otherStat?.isFile() !== true || stat.size !== otherStat.size) return false;
  return stat.size <= INDEX_BYTES_MAX && readFileSync(path).equals(readFileSync(other));
}
