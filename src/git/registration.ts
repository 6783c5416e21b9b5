/** What a worktree's entry in the user's repository says, read as text: which path, which branch, which task. */

import { join, resolve } from 'node:path';
import { findStat, readPathFile, readPlainFile } from './files.ts';

/** Names a task's entry and nothing else; git leaves files that it does not know in place. */
export const TOKEN_FILE = 'phasr-token';

export type Registration = {
  /** The worktree that it is for; undefined when it names none. */
  readonly worktreePath: string | undefined;
  /** Full name; undefined when HEAD is detached or unreadable. */
  readonly branch: string | undefined;
  readonly token: string | undefined;
};

/** `missing`: there is no such entry. `unusable`: it is a link, or no folder. */
export function readRegistration(directory: string): Registration | 'missing' | 'unusable' {
  const stat = findStat(directory);
  if (stat === undefined) return 'missing';
  if (!stat.isDirectory()) return 'unusable';
  const dotGit = readPathFile(join(directory, 'gitdir'));
  const path = dotGit === undefined ? undefined : resolve(directory, dotGit);
  return {
    worktreePath: path?.endsWith('/.git') === true ? path.slice(0, -'/.git'.length) : undefined,
    branch: /^ref: (refs\/\S+)\n?$/.exec(readPlainFile(join(directory, 'HEAD'), 4096) ?? '')?.[1],
    token: readPlainFile(join(directory, TOKEN_FILE), 256)?.trim(),
  };
}
