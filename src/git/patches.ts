/**
 * What commits change, as digests that are equal exactly when their patches are: same files, modes, lines and lines around, wherever in the file.
 * `git patch-id` and `git cherry` take no notice of white space, which is work in some languages.
 */

import type { Hash } from 'node:crypto';
import type { Oid } from '../base/oid.ts';
import { splitBytes } from '../base/text.ts';
import { type GitPlace, runGit } from './git.ts';

/** A commit that changes nothing has none. */
export type Patch = { readonly commit: string; readonly digest: string };

/** No settings and attributes of anybody have a say in how a patch looks. */
const OPTIONS =
  'diff-tree -r -p --binary --full-index --no-renames --unified=3 --no-color --no-ext-diff --no-textconv --diff-algorithm=myers --ignore-submodules=none --no-relative'.split(
    ' ',
  );

/** Patches larger than this, all together, are not compared. */
const BYTES_MAX = 64 * 1024 * 1024;

/** The patch of each commit against its first parent; those that change nothing are left out. One git process. Throws `git-timed-out` when they are too large. */
export async function readPatches(place: GitPlace, commits: readonly Oid[]): Promise<readonly Patch[]> {
  if (commits.length === 0) return [];
  const stdin = commits.map((commit) => `${commit}\n`).join('');
  const { stdout } = await runGit(place, [...OPTIONS, '--stdin'], { stdin, stdoutBytesMax: BYTES_MAX });
  return digestPatches(stdout, '');
}

/** The patch between two commits; undefined when their trees are equal. One git process. */
export async function readPatchBetween(place: GitPlace, from: Oid, to: Oid): Promise<Patch | undefined> {
  const { stdout } = await runGit(place, [...OPTIONS, from, to], { stdoutBytesMax: BYTES_MAX });
  return (await digestPatches(stdout, to))[0];
}

async function digestPatches(printed: Buffer, first: string): Promise<readonly Patch[]> {
  const { createHash } = await import('node:crypto');
  const patches: Patch[] = [];
  let [commit, hash]: [string, Hash | undefined] = [first, undefined];
  const close = (): void => {
    if (hash !== undefined) patches.push({ commit, digest: hash.digest('hex') });
    hash = undefined;
  };
  for (const line of splitBytes(printed, 0x0a)) {
    const start = line.subarray(0, 65).toString('latin1');
    if (/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(start)) {
      close();
      commit = start;
      // Where in the file, and which blobs: other commits may have changed other lines. Lines of files begin with a blank, + or -.
    } else if (!start.startsWith('@@ ') && !start.startsWith('index ')) {
      hash ??= createHash('sha256');
      hash.update(line).update('\n');
    }
  }
  close();
  return patches;
}
