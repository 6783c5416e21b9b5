/** What a person, or a tool of his, has taken from a task behind Phasr's back: its worktree, its branch. Cheap enough for every list. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { branchRef, type RefName } from '../base/oid.ts';
import { findExactStat } from '../git/files.ts';
import { readPackedRefs } from '../git/refs.ts';
import type { Task } from '../task/task.ts';
import type { Context } from './context.ts';

/** Tells whether a ref is there; packed ones are read once, when the first of them is asked for. */
export function lookForRefs({ repository: { commonDir } }: Context): (name: RefName) => boolean {
  let packed: ReadonlyMap<string, unknown> | undefined;
  return (name) => existsSync(join(commonDir, name)) || (packed ??= readPackedRefs(commonDir)).has(name);
}

/** What is missing of a task that waits for its person; null when nothing is. */
export function describeLoss(task: Task, hasRef: (name: RefName) => boolean): string | null {
  const { phase, directory, worktreePath, branch, branchCreated } = task;
  if (phase.kind !== 'idle') return null;
  if (directory !== null) {
    const stat = findExactStat(worktreePath);
    if (stat === undefined) return `its worktree is gone from ${worktreePath}: phasr doctor --fix`;
    if (String(stat.ino) !== directory.ino || String(stat.dev) !== directory.dev)
      return `another folder is at ${worktreePath}: phasr doctor --fix`;
  }
  if (branchCreated && !hasRef(branchRef(branch))) return `its branch is gone: phasr doctor --fix`;
  return null;
}
