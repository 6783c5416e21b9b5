/** Puts things aside instead of deleting them: what a repair moves out of the way can be taken back. */

import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** More things of one name in one second are a loop. */
const TRIES_MAX = 1000;

/** A path's name with the time, so that it is neither taken for the thing itself nor met twice: `phasr.db.damaged-20240131T120000Z`. */
export function datedPath(path: string, word: string, nowMs: number): string {
  const time = new Date(nowMs).toISOString().replaceAll(/[-:]|\.\d+/g, '');
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const dated = `${path}.${word}-${time}${tries === 0 ? '' : `-${tries}`}`;
    if (!existsSync(dated)) return dated;
  }
  throw new Error(`there are ${TRIES_MAX} things called ${path}.${word}-${time}`);
}

/** Moves a file or folder into a folder of the same file system, under its own name and the time. Gives where it is then. */
export function moveAside(path: string, asideDir: string, nowMs: number): string {
  const aside = datedPath(join(asideDir, basename(path)), 'aside', nowMs);
  mkdirSync(dirname(aside), { recursive: true, mode: 0o700 });
  renameSync(path, aside);
  return aside;
}
