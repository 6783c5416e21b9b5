/**
 * Whether anything of a worktree has changed since its latest snapshot, and if only a few files, which. What git tracks is compared with the clean room's
 * index as the latest capture has left it, the rest by inode, size and times with what was written down before it was read.
 */

import { createHash } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from '../base/environment.ts';
import type { Oid } from '../base/oid.ts';
import { cleanRoom } from './clean-room.ts';
import { findExactStat, findStat, readPlainFile } from './files.ts';
import type { GitPlace } from './git.ts';
import { listGitFiles } from './git-files.ts';
import { expandIgnored, type IgnoredFiles } from './keep.ts';
import { type Look, lookAt } from './look.ts';
import type { Modes, StateTree } from './state-tree.ts';
import type { TaskDirs } from './task-dirs.ts';

/** Some files as they were at one moment. Equal texts: none of them was touched in between. */
export type Stamp = {
  readonly text: string;
  /** True when one was written so shortly before that it can be written again without a later time; then equal texts tell nothing. */
  readonly isYoung: boolean;
};

/** The coarsest clock of a file system that git is used on has two seconds (FAT); one whose times have fractions of a second ticks every 10 ms or faster. */
const COARSE_TICK_MS = 2000;
const FINE_TICK_MS = 100;

/** Looks at files' own facts, links not followed; what is not there counts, too. No git process. */
export function stampFiles(paths: Iterable<Buffer>): Stamp {
  const nowMs = Date.now();
  const hash = createHash('sha256');
  let isYoung = false;
  for (const path of paths) {
    const stat = findExactStat(path);
    hash.update(path);
    if (stat === undefined) {
      hash.update('\0-\0');
      continue;
    }
    const { ino, mode, size, mtimeNs, ctimeNs, ctimeMs } = stat;
    hash.update(`\0${[ino, mode, size, mtimeNs, ctimeNs].map(String).join(' ')}\0`);
    const tickMs = ctimeNs % 1_000_000_000n === 0n ? COARSE_TICK_MS : FINE_TICK_MS;
    isYoung ||= Number(ctimeMs) >= nowMs - tickMs;
  }
  return { text: hash.digest('hex'), isYoung };
}

export type Looked = {
  /** Null when the worktree is gone. */
  readonly look: Look | null;
  /** What git ignores, and no tool makes again. */
  readonly ignored: IgnoredFiles;
  /** Those files, the private git dir's own ones, and the agent's index. */
  readonly outside: Stamp;
};

/** Looks at everything that a snapshot holds; only files that were touched are opened. One git process. */
export async function lookAround(dirs: TaskDirs, env: Environment): Promise<Looked> {
  const { worktreePath } = dirs;
  const isThere = findStat(worktreePath)?.isDirectory() === true;
  const look = isThere ? await lookAt(lookPlace(dirs, env)) : null;
  const ignored = look === null ? { paths: [], bytes: 0 } : expandIgnored(worktreePath, look);
  return { look, ignored, outside: stampFiles(outsidePaths(dirs, ignored)) };
}

/** The clean room with the index that {@link lookAround} compares with. */
export function lookPlace(dirs: TaskDirs, env: Environment): GitPlace {
  const room = cleanRoom(dirs, env);
  return { ...room, variables: { ...room.variables, GIT_INDEX_FILE: indexOf(dirs) } };
}

function* outsidePaths(dirs: TaskDirs, ignored: IgnoredFiles): Generator<Buffer> {
  for (const path of ignored.paths) yield within(dirs.worktreePath, path);
  for (const { path } of listGitFiles(dirs.privateDir, Buffer.alloc(0))) yield within(dirs.privateDir, path);
  yield Buffer.from(join(dirs.privateAdminDir, 'index'));
}

export function within(directory: string, path: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${directory}/`), path]);
}

/** What was written down with a snapshot, about what it was taken of. */
export type Seen = {
  /** Whatever else must be the same. */
  readonly key: string;
  readonly outside: Stamp;
  /** Paths that were other than the index said, as latin1 text, and their files. */
  readonly paths: readonly string[];
  readonly inside: Stamp;
  readonly watched: Watched;
  /** The files that a commit would take. */
  readonly plain: Oid;
  /** The state commit's tree; null for a head commit that says everything. */
  readonly state: StateTree | null;
  readonly modes: Modes;
  readonly tips: readonly Oid[];
  readonly hasMore: boolean;
  readonly incomplete: string | null;
};

/**
 * Files that are not as in the base commit, as latin1 text, and their modes: the snapshot has their permissions, which git does not look at.
 */
export type Watched = readonly (readonly [path: string, mode: number])[];

/** Of more files than this, a change of permissions alone is seen at the next capture. */
const WATCHED_MAX = 5000;

export function watchFiles(worktreePath: string, paths: readonly Buffer[]): Watched {
  if (paths.length > WATCHED_MAX) return [];
  return paths.map((path) => [path.toString('latin1'), modeOf(worktreePath, path)]);
}

/** Whether they still have the same modes, but for those that are known to be others. */
export function areAsWatched(worktreePath: string, watched: Watched, others: ReadonlySet<string>): boolean {
  return watched.every(
    ([path, mode]) => others.has(path) || modeOf(worktreePath, Buffer.from(path, 'latin1')) === mode,
  );
}

function modeOf(worktreePath: string, path: Buffer): number {
  return findStat(within(worktreePath, path))?.mode ?? 0;
}

const SEEN_BYTES_MAX = 4 * 1024 * 1024;

/** Writes down what a snapshot was taken of: looked at before anything was read. */
export function writeSeen(dirs: TaskDirs, seen: Seen): void {
  const text = JSON.stringify({ ...seen, index: stampFiles([Buffer.from(indexOf(dirs))]).text });
  // Lost or cut off, it costs one capture.
  writeFileSync(seenPath(dirs), text);
}

/** Before a capture: what is written down does not hold while it goes on. */
export function forgetSeen(dirs: TaskDirs): void {
  rmSync(seenPath(dirs), { force: true });
}

/** What was written down with the latest snapshot, if it is that one and the index is still the one it was compared with. */
export function readSeen(dirs: TaskDirs, key: string): Seen | undefined {
  const text = readPlainFile(seenPath(dirs), SEEN_BYTES_MAX);
  if (text === undefined) return undefined;
  try {
    const { index, ...seen } = JSON.parse(text) as Seen & { readonly index: string };
    const isSame = seen.key === key && index === stampFiles([Buffer.from(indexOf(dirs))]).text;
    // Nested repositories are looked into by a capture alone.
    return isSame && readPlainFile(join(dirs.cleanDir, 'gitlinks'), 1) === '' ? seen : undefined;
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
  // A power cut may have emptied one; to git a missing index is an empty one, an empty file is none.
  const names = ['index.live', 'index'].map((name) => join(dirs.cleanDir, name));
  return names.find((name) => (findStat(name)?.size ?? 0) > 0) ?? join(dirs.cleanDir, 'index.missing');
}
