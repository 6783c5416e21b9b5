/**
 * Whether anything of a worktree has changed since its latest snapshot, by one look at it: no file is opened. What git tracks is compared with the clean room's
 * index as the snapshot has left it, the rest by inode, size and times with what was written down before it was read.
 */

import { createHash } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from '../base/environment.ts';
import { cleanRoom, findDirty } from './clean-room.ts';
import { findExactStat, findStat, readPlainFile } from './files.ts';
import { type IgnoredFiles, listIgnoredWork } from './keep.ts';
import { listGitFiles } from './git-files.ts';
import type { TaskDirs } from './task-dirs.ts';

/** What git does not track in the worktree, and all that is outside it. */
export type Outside = {
  readonly ignored: IgnoredFiles;
  /** Equal texts: nothing of it was touched in between. */
  readonly text: string;
};

/** Looks at ignored work, the private git dir's own files and the agent's index. One git process. */
export async function lookOutside(dirs: TaskDirs, env: Environment): Promise<Outside> {
  const isThere = findStat(dirs.worktreePath)?.isDirectory() === true;
  const ignored = isThere ? await listIgnoredWork(cleanRoom(dirs, env)) : { paths: [], bytes: 0 };
  const hash = createHash('sha256');
  const add = (path: Buffer): void => {
    hash.update(path);
    hash.update(`\0${stampOf(path)}\0`);
  };
  for (const path of ignored.paths) add(within(dirs.worktreePath, path));
  for (const { path } of listGitFiles(dirs.privateDir, Buffer.alloc(0))) add(within(dirs.privateDir, path));
  add(Buffer.from(join(dirs.privateAdminDir, 'index')));
  return { ignored, text: hash.digest('hex') };
}

function within(directory: string, path: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${directory}/`), path]);
}

function stampOf(path: string | Buffer): string {
  const stat = findExactStat(path);
  return stat === undefined
    ? '-'
    : [stat.ino, stat.mode, stat.size, stat.mtimeNs, stat.ctimeNs].map(String).join(' ');
}

/** What the look is compared with; `key` is whatever else must be the same. */
export type Seen = {
  readonly key: string;
  readonly outside: string;
  readonly hasMore: boolean;
  readonly incomplete: string | null;
};

const SEEN_BYTES_MAX = 64 * 1024;

/** What was written down with the latest snapshot, if nothing has changed since. Three git processes, at once. */
export async function findUnchanged(
  dirs: TaskDirs,
  env: Environment,
  key: string,
): Promise<Seen | undefined> {
  const seen = readSeen(dirs);
  if (seen === undefined || seen.key !== key || seen.index !== stampOf(indexOf(dirs))) return undefined;
  // Nested repositories are looked into by a capture alone.
  if (readPlainFile(join(dirs.cleanDir, 'gitlinks'), 1) !== '') return undefined;
  const room = cleanRoom(dirs, env);
  const place = { ...room, variables: { ...room.variables, GIT_INDEX_FILE: indexOf(dirs) } };
  const [dirty, outside] = await Promise.all([findDirty(place), lookOutside(dirs, env)]);
  return !dirty && outside.text === seen.outside ? seen : undefined;
}

/** Writes down what a snapshot was taken of. `outside` was looked at before anything was read. */
export function writeSeen(dirs: TaskDirs, seen: Seen): void {
  const text = JSON.stringify({ ...seen, index: stampOf(indexOf(dirs)) });
  // Lost or cut off, it costs one capture.
  writeFileSync(seenPath(dirs), text);
}

/** Before a capture: what is written down does not hold while it goes on. */
export function forgetSeen(dirs: TaskDirs): void {
  rmSync(seenPath(dirs), { force: true });
}

function readSeen(dirs: TaskDirs): (Seen & { readonly index: string }) | undefined {
  const text = readPlainFile(seenPath(dirs), SEEN_BYTES_MAX);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as Seen & { readonly index: string };
  } catch {
    // Safe to ignore: cut off by a kill.
    return undefined;
  }
}

function seenPath(dirs: TaskDirs): string {
  return join(dirs.cleanDir, 'seen.json');
}

/** The index that the latest capture of a live worktree has left, or of one at rest. */
function indexOf(dirs: TaskDirs): string {
  const live = join(dirs.cleanDir, 'index.live');
  return findStat(live) === undefined ? join(dirs.cleanDir, 'index') : live;
}
