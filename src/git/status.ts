/** What is uncommitted in one of the user's own worktrees. Reads only: no lock is taken, no index refreshed on disk. */

import { splitBytes } from '../base/text.ts';
import { type GitPlace, runGit } from './git.ts';

/** The number of changed and untracked entries; a wholly untracked folder counts once. One git process. */
export async function countUncommitted(worktree: GitPlace): Promise<number> {
  const args = [
    'status',
    '--porcelain=v2',
    '-z',
    '--no-renames',
    '--untracked-files=normal',
    '--ignore-submodules=dirty',
  ];
  const { stdout } = await runGit(worktree, args);
  return splitBytes(stdout, 0).filter((entry) => entry[0] !== 0x23).length;
}
