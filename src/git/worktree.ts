/** The worktrees of the user's repository: who has what checked out. */

import { existsSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { asOid, type Oid } from '../base/oid.ts';
import { findStat, readPathFile } from './files.ts';
import { type GitPlace, runGit } from './git.ts';

export type ListedWorktree = {
  readonly path: string;
  /** Full name of the branch, null when detached or bare. */
  readonly branch: string | null;
  readonly head: Oid | null;
  readonly isBare: boolean;
};

/** All worktrees that git lists, the main one first. One git process. */
export async function listWorktrees(place: GitPlace): Promise<readonly ListedWorktree[]> {
  const { stdout } = await runGit(place, ['worktree', 'list', '--porcelain', '-z'], { retryLocks: true });
  const worktrees: ListedWorktree[] = [];
  for (const record of stdout.toString('utf8').split('\0\0')) {
    const values = new Map<string, string>();
    for (const line of record.split('\0')) {
      const blank = line.indexOf(' ');
      values.set(blank === -1 ? line : line.slice(0, blank), blank === -1 ? '' : line.slice(blank + 1));
    }
    const path = values.get('worktree');
    if (path === undefined) continue;
    const head = values.get('HEAD');
    worktrees.push({
      path,
      branch: values.get('branch') ?? null,
      head: head === undefined || /^0+$/.test(head) ? null : asOid(head),
      isBare: values.has('bare'),
    });
  }
  return worktrees;
}

/**
 * Where the main worktree is. `git worktree list` names the git dir itself when that is not called `.git` (a submodule, a separate git dir), so
 * its place is taken from `core.worktree`, from the git dir's own, or from `seen`, where somebody stood in it. Undefined when none of them leads back to this repository.
 */
export function findMainWorktree(
  commonDir: string,
  known: { readonly coreWorktree: string | undefined; readonly seen: string | undefined },
): string | undefined {
  const candidates = [
    known.coreWorktree === undefined ? undefined : resolve(commonDir, known.coreWorktree),
    basename(commonDir) === '.git' ? dirname(commonDir) : undefined,
    known.seen,
  ];
  return candidates.find((path) => path !== undefined && isSamePath(findGitDir(path), commonDir));
}

/** The worktrees of the user's repository as files say, without asking git: the main one where it is known, and the registered ones, Phasr's own included. */
export function listWorktreePaths(commonDir: string, seen: string | undefined): readonly string[] {
  const main = findMainWorktree(commonDir, { coreWorktree: undefined, seen });
  const folder = join(commonDir, 'worktrees');
  const names = findStat(folder)?.isDirectory() === true ? readdirSync(folder) : [];
  const linked = names.flatMap((name) => {
    const dotGit = readPathFile(join(folder, name, 'gitdir'));
    return dotGit === undefined ? [] : [dirname(resolve(join(folder, name), dotGit))];
  });
  return main === undefined ? linked : [main, ...linked];
}

function isSamePath(path: string | undefined, other: string): boolean {
  try {
    return path !== undefined && realpathSync(path) === realpathSync(other);
  } catch {
    // Safe to ignore: one of them is not there, so they are not the same.
    return false;
  }
}

/** The git dir of one of the user's worktrees, from its `.git`; undefined when the directory is not there or is no worktree. */
export function findGitDir(worktreePath: string): string | undefined {
  const dotGit = join(worktreePath, '.git');
  const stat = findStat(dotGit);
  if (stat === undefined) return undefined;
  if (!stat.isFile()) return dotGit;
  const target = /^gitdir: (.+)$/s.exec(readPathFile(dotGit) ?? '')?.[1];
  return target === undefined ? undefined : resolve(worktreePath, target);
}

const UNFINISHED: readonly (readonly [string, string])[] = [
  ['MERGE_HEAD', 'merge'],
  ['CHERRY_PICK_HEAD', 'cherry-pick'],
  ['REVERT_HEAD', 'revert'],
  ['rebase-merge', 'rebase'],
  ['rebase-apply', 'rebase'],
];

/** Takes the marks of an operation away that a worktree is in the middle of: it is as if it had never begun. */
export function forgetUnfinished(gitDir: string): void {
  for (const [name] of UNFINISHED) rmSync(join(gitDir, name), { recursive: true, force: true });
}

/** The operation that a worktree is in the middle of, if any; its git dir's files say so. */
export function findUnfinished(gitDir: string): string | undefined {
  return UNFINISHED.find(([file]) => existsSync(join(gitDir, file)))?.[1];
}
