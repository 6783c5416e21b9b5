/** Copies of git's index file. */

import { constants, copyFileSync, rmSync, statSync, utimesSync } from 'node:fs';

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
