/** What an agent has staged, as trees: read from its index, which is never trusted further than its entries, and made anew. */

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { asOid, type Oid } from '../base/oid.ts';
import { splitBytes } from '../base/text.ts';
import { uniqueName } from '../base/unique.ts';
import { findStat } from './files.ts';
import { type GitPlace, runGit } from './git.ts';
import { copyIndex, INDEX_BYTES_MAX } from './index-file.ts';
import { alternateVariable } from './task-dirs.ts';

/** `unmerged`: there are conflicts, and the tree has one folder for each stage (`0` … `3`). */
export type Staged = { readonly kind: 'merged' | 'unmerged'; readonly tree: Oid };

/** Undefined when there is no index, or git cannot read it. Writes trees into the clean room. One git process when there are no conflicts, else four. */
export async function readStaged(
  objects: GitPlace,
  staged: { readonly index: string; readonly objects: string },
): Promise<Staged | undefined> {
  const stat = findStat(staged.index);
  if (stat?.isFile() !== true || stat.size > INDEX_BYTES_MAX) return undefined;
  const copy = join(objects.gitDir ?? '', `index.staged.${uniqueName()}`);
  const variables = {
    ...objects.variables,
    GIT_INDEX_FILE: copy,
    ...alternateVariable(staged.objects),
  };
  const place = { ...objects, variables };
  try {
    copyIndex(staged.index, copy);
    const merged = await runGit(place, ['write-tree'], { ok: [0, 128] });
    if (merged.exitCode === 0)
      return { kind: 'merged', tree: asOid(merged.stdout.toString('latin1').trim()) };
    const listed = await runGit(place, ['ls-files', '-s', '-z'], { ok: [0, 128] });
    if (listed.exitCode !== 0) return undefined;
    rmSync(copy, { force: true });
    const entries = splitBytes(listed.stdout, 0).map(toFolder);
    await runGit(place, ['update-index', '-z', '--index-info'], { stdin: Buffer.concat(entries) });
    const { stdout, exitCode } = await runGit(place, ['write-tree'], { ok: [0, 128] });
    if (exitCode !== 0) return undefined;
    return { kind: 'unmerged', tree: asOid(stdout.toString('latin1').trim()) };
  } finally {
    rmSync(copy, { force: true });
    rmSync(`${copy}.lock`, { force: true });
  }
}

/** `mode oid stage TAB path` becomes an entry of stage 0 at `stage/path`. */
function toFolder(entry: Buffer): Buffer {
  const tab = entry.indexOf(9);
  const [mode = '', oid = '', stage = ''] = entry.subarray(0, tab).toString('latin1').split(' ');
  return Buffer.concat([
    Buffer.from(`${mode} ${oid} 0\t${stage}/`),
    entry.subarray(tab + 1),
    Buffer.from('\0'),
  ]);
}

/**
 * Makes an index file hold what was staged. It may hold other entries already: those that stay the same keep their times. Two git processes.
 */
export async function writeStaged(place: GitPlace, { kind, tree }: Staged): Promise<void> {
  if (kind === 'merged') {
    await runGit(place, ['read-tree', '--reset', tree]);
  } else {
    const { stdout } = await runGit(place, ['ls-tree', '-r', '-z', tree]);
    await runGit(place, ['read-tree', '--empty']);
    const entries = splitBytes(stdout, 0).map(fromFolder);
    await runGit(place, ['update-index', '-z', '--index-info'], { stdin: Buffer.concat(entries) });
  }
  // Without times in the index the agent's git would read every file to see whether it was changed.
  await runGit(place, ['update-index', '-q', '--refresh'], { ok: [0, 1] });
}

function fromFolder(entry: Buffer): Buffer {
  const tab = entry.indexOf(9);
  const slash = entry.indexOf(0x2f, tab);
  const [mode = '', , oid = ''] = entry.subarray(0, tab).toString('latin1').split(' ');
  const stage = entry.subarray(tab + 1, slash).toString('latin1');
  return Buffer.concat([
    Buffer.from(`${mode} ${oid} ${stage}\t`),
    entry.subarray(slash + 1),
    Buffer.from('\0'),
  ]);
}
