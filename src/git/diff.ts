/** Differences between two trees, from the objects alone: no worktree, no attributes or drivers of an agent. */

import type { Oid } from '../base/oid.ts';
import { splitBytes } from '../base/text.ts';
import { type GitPlace, runGit, streamGit } from './git.ts';

export type FileChange = {
  /** As git's raw output has it: A, D, M, T, R (renamed), C (copied). */
  readonly status: string;
  readonly path: Buffer;
  /** Only for renames and copies. */
  readonly oldPath: Buffer | null;
  readonly oldMode: string;
  readonly newMode: string;
  /** Null for a binary file. */
  readonly insertions: number | null;
  readonly deletions: number | null;
};

export type TreeRange = { readonly from: Oid; readonly to: Oid; readonly paths: readonly string[] };

const DIFF_TIMEOUT_MS = 10 * 60_000;
const COMMON = ['-r', '-M', '--no-ext-diff', '--no-textconv', '--ignore-submodules=none', '--no-commit-id'];

function range({ from, to, paths }: TreeRange): string[] {
  return [from, to, '--', ...paths.map((path) => `:(top,literal)${path}`)];
}

/** The files that differ, with their line counts, renames recognised. One git process. */
export async function listFileChanges(place: GitPlace, trees: TreeRange): Promise<readonly FileChange[]> {
  const args = ['diff-tree', '-z', '--raw', '--numstat', ...COMMON, ...range(trees)];
  const { stdout } = await runGit(place, args, { timeoutMs: DIFF_TIMEOUT_MS });
  const fields = splitBytes(stdout, 0);
  const changes: Omit<FileChange, 'insertions' | 'deletions'>[] = [];
  let at = 0;
  // The raw part: `:modes oids status`, then one path, or two for renames and copies.
  for (; fields[at]?.[0] === 0x3a;) {
    const [oldMode = '', newMode = '', , , status = ''] = (fields[at++] ?? Buffer.alloc(0))
      .toString('latin1')
      .slice(1)
      .split(' ');
    const moved = status.startsWith('R') || status.startsWith('C');
    const oldPath = moved ? (fields[at++] ?? Buffer.alloc(0)) : null;
    changes.push({
      status: status.slice(0, 1),
      path: fields[at++] ?? Buffer.alloc(0),
      oldPath,
      oldMode,
      newMode,
    });
  }
  // The numstat part, in the same order: `insertions TAB deletions TAB path`; for renames the paths are two more fields.
  return changes.map((change) => {
    const [insertions = '', deletions = ''] = (fields[at++] ?? Buffer.alloc(0))
      .toString('latin1')
      .split('\t', 2);
    if (change.oldPath !== null) at += 2;
    return { ...change, insertions: parseCount(insertions), deletions: parseCount(deletions) };
  });
}

function parseCount(text: string): number | null {
  return /^\d+$/.test(text) ? Number(text) : null;
}

/** Sums of a list of changes. Binary files count as files without lines. */
export function sumChanges(changes: readonly FileChange[]): {
  files: number;
  insertions: number;
  deletions: number;
} {
  let [insertions, deletions] = [0, 0];
  for (const change of changes) {
    insertions += change.insertions ?? 0;
    deletions += change.deletions ?? 0;
  }
  return { files: changes.length, insertions, deletions };
}

/**
 * The patch as git writes it, piece by piece; git is started by the first reader and stopped when he has enough. With `binary` it can be given to `git apply`.
 */
export function readPatch(
  place: GitPlace,
  trees: TreeRange,
  options: { readonly binary: boolean },
): AsyncGenerator<Buffer> {
  const form = options.binary ? ['--binary', '--full-index'] : [];
  return streamGit(place, ['diff-tree', '-p', ...form, ...COMMON, ...range(trees)], {
    timeoutMs: DIFF_TIMEOUT_MS,
  });
}
