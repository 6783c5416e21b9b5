/** Files that somebody else may have made: looked at without following links and without trusting their size. */

import {
  type BigIntStats,
  closeSync,
  constants,
  type Dirent,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  type Stats,
} from 'node:fs';
import { systemCode } from '../base/errors.ts';

/** A file's own facts, links not followed; undefined when nothing is there. */
export function findStat(path: string | Buffer): Stats | undefined {
  return orAbsent(() => lstatSync(path));
}

/** As {@link findStat}, with times in nanoseconds. */
export function findExactStat(path: string | Buffer): BigIntStats | undefined {
  return orAbsent(() => lstatSync(path, { bigint: true }));
}

/** What is in a folder; undefined when it is not there (any more). */
export function findEntries(directory: Buffer): readonly Dirent<Buffer>[] | undefined {
  return orAbsent(() => readdirSync(directory, { withFileTypes: true, encoding: 'buffer' }));
}

/** Names in a folder; none when it is not there, or is something else (a link, too). */
export function namesIn(directory: string): readonly string[] {
  return findStat(directory)?.isDirectory() === true ? readdirSync(directory) : [];
}

/** More folders than this are not tried. */
const FOLDERS_MAX = 100_000;

/** Folders below one that cannot be looked into: without permission, or with a path longer than the kernel takes. Links are not followed. */
export function findClosedFolders(top: string): readonly Buffer[] {
  const closed: Buffer[] = [];
  const waiting: Buffer[] = [Buffer.from(top)];
  let room = FOLDERS_MAX;
  for (let folder = waiting.pop(); folder !== undefined && room > 0; folder = waiting.pop(), room--) {
    try {
      for (const entry of findEntries(folder) ?? [])
        if (entry.isDirectory()) waiting.push(Buffer.concat([folder, Buffer.from('/'), entry.name]));
    } catch (error) {
      if (!['EACCES', 'EPERM', 'ENAMETOOLONG'].includes(systemCode(error) ?? '')) throw error;
      closed.push(folder.subarray(Buffer.byteLength(top) + 1));
    }
  }
  return closed;
}

function orAbsent<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    // ENOTDIR: a file stands where a folder of the path should be.
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) return undefined;
    throw error;
  }
}

/** A regular file's bytes as latin1 text; undefined when it is absent, a link, something else, or larger than allowed. */
export function readPlainFile(path: string, bytesMax: number): string | undefined {
  try {
    const stat = lstatSync(path);
    return stat.isFile() && stat.size <= bytesMax ? readFileSync(path, 'latin1') : undefined;
  } catch {
    // Safe to ignore: absent or unreadable is one answer here.
    return undefined;
  }
}

/** A small file that holds a path, without its closing newlines. */
export function readPathFile(path: string): string | undefined {
  const bytes = readPlainFile(path, 8192);
  return bytes === undefined ? undefined : Buffer.from(bytes, 'latin1').toString('utf8').replace(/\n+$/, '');
}

/** A regular file's bytes; undefined when it is absent, a link, something else, or larger than allowed. */
export function readBytes(path: Buffer, bytesMax: number): Buffer | undefined {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  } catch {
    // Safe to ignore: absent or unreadable is one answer here.
    return undefined;
  }
  try {
    const stat = fstatSync(file);
    return stat.isFile() && stat.size <= bytesMax ? readFileSync(file) : undefined;
  } finally {
    closeSync(file);
  }
}
