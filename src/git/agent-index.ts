/**
 * Which ignored files count as tracked. `git add -A` follows the index there: a file added with force stays tracked although a rule ignores it, and one
 * removed from the index stays out although it is on the disk. The agent's index is read for these paths and for nothing else.
 */

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { uniqueName } from '../base/unique.ts';
import { splitBytes } from '../base/text.ts';
import { findStat } from './files.ts';
import { type GitPlace, runGit } from './git.ts';
import { copyIndex, INDEX_BYTES_MAX, isSameFile } from './index-file.ts';

/**
 * Makes the index of `place` track exactly those ignored files that the agent's index tracks. Call it before staging everything else.
 * Two or three git processes, none when the agent has not touched its index.
 */
export async function followAgentIndex(
  place: GitPlace,
  indexes: { readonly agent: string; readonly seed: string },
): Promise<void> {
  const stat = findStat(indexes.agent);
  if (stat?.isFile() !== true || stat.size > INDEX_BYTES_MAX || isSameFile(indexes.agent, indexes.seed))
    return;
  const copy = join(place.gitDir ?? '', `index.agent.${uniqueName()}`);
  try {
    copyIndex(indexes.agent, copy);
    const theirs = await listIgnoredTracked({
      ...place,
      variables: { ...place.variables, GIT_INDEX_FILE: copy },
    });
    const ours = await listIgnoredTracked(place);
    // An index that git cannot read tells nothing.
    if (theirs === undefined || ours === undefined) return;
    const without = (paths: ReadonlyMap<string, Buffer>, others: ReadonlyMap<string, Buffer>): Buffer[] =>
      [...paths].filter(([key]) => !others.has(key)).map(([, path]) => path);
    const added = without(theirs, ours).filter((path) => isFile(place, path));
    await updateIndex(place, '--force-remove', without(ours, theirs));
    await updateIndex(place, '--add', added);
  } finally {
    rmSync(copy, { force: true });
  }
}

function isFile(place: GitPlace, path: Buffer): boolean {
  const stat = findStat(Buffer.concat([Buffer.from(`${place.workTree ?? ''}/`), path]));
  return stat?.isFile() === true || stat?.isSymbolicLink() === true;
}

async function listIgnoredTracked(place: GitPlace): Promise<ReadonlyMap<string, Buffer> | undefined> {
  const args = ['ls-files', '-z', '--cached', '--ignored', '--exclude-standard'];
  const { exitCode, stdout } = await runGit(place, args, { ok: [0, 128] });
  if (exitCode !== 0) return undefined;
  return new Map(splitBytes(stdout, 0).map((path) => [path.toString('latin1'), path]));
}

async function updateIndex(
  place: GitPlace,
  how: '--add' | '--force-remove',
  paths: readonly Buffer[],
): Promise<void> {
  if (paths.length === 0) return;
  const stdin = Buffer.concat(paths.flatMap((path) => [path, Buffer.from('\0')]));
  await runGit(place, ['update-index', how, '-z', '--stdin'], { stdin });
}
