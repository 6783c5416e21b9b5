/** Which paths an index differs in from a commit; the index is an agent's, and is read for that alone. */

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Oid } from '../base/oid.ts';
import { splitBytes } from '../base/text.ts';
import { uniqueName } from '../base/unique.ts';
import { findStat } from './files.ts';
import { type GitPlace, runGit } from './git.ts';
import { copyIndex, INDEX_BYTES_MAX } from './index-file.ts';

/**
 * The paths that are staged otherwise than in `commit`, conflicts too. None when there is no index. No blob is looked at, so those that the agent alone has
 * need not be here. One git process. Throws `git-failed` when git cannot read the index.
 */
export async function listStagedPaths(
  objects: GitPlace,
  index: string,
  commit: Oid,
): Promise<readonly Buffer[]> {
  const stat = findStat(index);
  if (stat === undefined) return [];
  if (!stat.isFile() || stat.size > INDEX_BYTES_MAX) throw new Error(`${index} is no index`);
  const copy = join(objects.gitDir ?? '', `index.look.${uniqueName()}`);
  try {
    copyIndex(index, copy);
    const place = { ...objects, variables: { ...objects.variables, GIT_INDEX_FILE: copy } };
    const args = ['diff-index', '--cached', '-z', '--name-only', '--no-renames', '--ignore-submodules=none'];
    return splitBytes((await runGit(place, [...args, commit])).stdout, 0);
  } finally {
    rmSync(copy, { force: true });
  }
}
