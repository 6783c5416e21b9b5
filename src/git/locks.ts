/** The lock files of a repository: git makes them, and leaves them behind when it is killed (hazards §5). Reads the file system alone. */

import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { findStat, namesIn, readPathFile } from './files.ts';

export type LockFile = {
  readonly path: string;
  /** When it was written last. */
  readonly mtimeMs: number;
  /** Tells it from a later one of the same name. */
  readonly inode: number;
};

/** Names that git locks besides refs, in a common git dir and in the git dir of one worktree. */
const COMMON_LOCKS = [
  'index.lock',
  'HEAD.lock',
  'config.lock',
  'packed-refs.lock',
  'shallow.lock',
  'objects/info/commit-graph.lock',
];
const WORKTREE_LOCKS = ['index.lock', 'HEAD.lock', 'ORIG_HEAD.lock', 'config.worktree.lock'];

/** More entries below `refs/` than this are not looked through. */
const REF_ENTRIES_MAX = 200_000;

/** The lock files of a git dir: its own, its worktrees', its refs'. Links are not followed. */
export function listLocks(gitDir: string): readonly LockFile[] {
  const worktrees = namesIn(join(gitDir, 'worktrees')).map((name) => join(gitDir, 'worktrees', name));
  const paths = [
    ...COMMON_LOCKS.map((name) => join(gitDir, name)),
    ...worktrees.flatMap((directory) => WORKTREE_LOCKS.map((name) => join(directory, name))),
    ...findRefLocks(join(gitDir, 'refs')),
  ];
  return paths.flatMap((path) => {
    const lock = findLock(path);
    return lock === undefined ? [] : [lock];
  });
}

/** A lock file as it is now; undefined when there is none. */
export function findLock(path: string): LockFile | undefined {
  const stat = findStat(path);
  return stat?.isFile() === true ? { path, mtimeMs: stat.mtimeMs, inode: stat.ino } : undefined;
}

/** Where git works that locks in a git dir: the dir itself, and the directories of its worktrees as their registrations name them. */
export function listWorkplaces(gitDir: string): readonly string[] {
  const worktrees = namesIn(join(gitDir, 'worktrees')).flatMap((name) => {
    const dotGit = readPathFile(join(gitDir, 'worktrees', name, 'gitdir'));
    return dotGit === undefined ? [] : [dirname(dotGit)];
  });
  return [gitDir, dirname(gitDir), ...worktrees];
}

function findRefLocks(refs: string): readonly string[] {
  const found: string[] = [];
  const folders = [refs];
  let seen = 0;
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    if (findStat(folder)?.isDirectory() !== true) continue;
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (++seen > REF_ENTRIES_MAX) return found;
      const path = join(folder, entry.name);
      if (entry.isDirectory()) folders.push(path);
      else if (entry.isFile() && entry.name.endsWith('.lock')) found.push(path);
    }
  }
  return found;
}
