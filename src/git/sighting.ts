/**
 * What the paths that a move changes looked like before it: to know afterwards whether anything was touched, and to change these paths alone
 * when they are few. Git then need not compare two whole trees with the index, most of the time of a small merge into a large repository
 * (50,000 files: 34 ms instead of 88).
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Oid } from '../base/oid.ts';
import { decodeUtf8 } from '../base/text.ts';
import type { TreeChange } from './clean-room.ts';
import { findExactStat } from './files.ts';
import { type GitPlace, runGit } from './git.ts';

export type Sighting = {
  readonly paths: readonly Buffer[];
  /** The index and these files by their inode, size and times. */
  readonly stamp: string;
  /** How git is told these paths alone; null when only a merge of whole trees gets them right. */
  readonly few: readonly string[] | null;
};

/** More paths than this are not named one by one in a command line. */
const PATHS_MAX = 200;

/** Looks at the paths that are to change. No git process. */
export function sight(worktree: GitPlace, changes: readonly TreeChange[]): Sighting {
  const paths = changes.map(({ path }) => path);
  return { paths, stamp: stampOf(worktree, paths), few: nameFew(worktree, changes) };
}

/** The same paths as they are now. What git has said of them does not hold any more. */
export function sightAgain(worktree: GitPlace, { paths }: Sighting): Sighting {
  return { paths, stamp: stampOf(worktree, paths), few: null };
}

function stampOf({ gitDir, workTree }: GitPlace, paths: readonly Buffer[]): string {
  if (gitDir === null || workTree === null) throw new Error('this needs a worktree');
  const files = [
    join(gitDir, 'index'),
    ...paths.map((path) => Buffer.concat([Buffer.from(`${workTree}/`), path])),
  ];
  const stamps = files.map((file) => {
    const stat = findExactStat(file);
    return stat === undefined ? '-' : [stat.ino, stat.mode, stat.size, stat.mtimeNs, stat.ctimeNs].join(' ');
  });
  return stamps.join('\n');
}

/** Ordinary files and links. */
const PLAIN_MODES: ReadonlySet<string> = new Set(['000000', '100644', '100755', '120000']);

/**
 * Git checks out single paths with the attributes that lie in the worktree, ignores sparse patterns, and may meet a file where a folder is to
 * be: such moves are left to its merge of whole trees.
 */
function nameFew({ gitDir }: GitPlace, changes: readonly TreeChange[]): readonly string[] | null {
  if (changes.length > PATHS_MAX || existsSync(join(gitDir ?? '', 'info', 'sparse-checkout'))) return null;
  const names = new Set<string>();
  for (const { path, oldMode, newMode } of changes) {
    const name = decodeUtf8(path);
    if (name === undefined || !PLAIN_MODES.has(oldMode) || !PLAIN_MODES.has(newMode)) return null;
    if (name === '.gitattributes' || name.endsWith('/.gitattributes')) return null;
    names.add(name);
  }
  for (const name of names)
    for (let end = name.indexOf('/'); end !== -1; end = name.indexOf('/', end + 1))
      if (names.has(name.slice(0, end))) return null;
  return [...names].map((name) => `:(top,literal)${name}`);
}

/** Whether the index and the files of a few paths are exactly a commit's. Two git processes at once. */
export async function areAsCommitted(
  worktree: GitPlace,
  commit: Oid,
  few: readonly string[],
): Promise<boolean> {
  const quiet = ['--quiet', '--ignore-submodules=all'];
  const [staged, unstaged] = await Promise.all([
    runGit(worktree, ['diff-index', '--cached', ...quiet, commit, '--', ...few], { ok: [0, 1] }),
    runGit(worktree, ['diff-files', ...quiet, '--', ...few], { ok: [0, 1] }),
  ]);
  return staged.exitCode === 0 && unstaged.exitCode === 0;
}

/** Brings a few paths to a commit, in the index and as files, whatever they were. One git process. */
export async function bringFew(worktree: GitPlace, commit: Oid, few: readonly string[]): Promise<void> {
  const args = ['restore', `--source=${commit}`, '--staged', '--worktree'];
  await runGit(worktree, [...args, '--pathspec-from-file=-', '--pathspec-file-nul'], {
    stdin: few.join('\0'),
  });
}
