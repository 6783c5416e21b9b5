/**
 * The user's uncommitted work as commits, so that a task can begin with a copy of it: what is staged, and on top of it what is not. His index, files
 * and stash are only read.
 */

import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { asOid, type Oid } from '../base/oid.ts';
import { uniqueName } from '../base/unique.ts';
import { PhasrError } from '../base/errors.ts';
import { compareTrees } from './clean-room.ts';
import { makeCommit, readTree } from './commit.ts';
import { findStat } from './files.ts';
import { type GitPlace, runGit } from './git.ts';
import { copyIndex } from './index-file.ts';
import { alternateVariable } from './task-dirs.ts';
import { type Transfer, transferCommits } from './transfer.ts';

export type Carried = {
  /** Its tree is `files`, its parent's tree `index`, its grandparent the commit that the user stands on. */
  readonly commit: Oid;
  /** What is staged. */
  readonly index: Oid;
  /** The files as they are, untracked ones included, ignored ones not. */
  readonly files: Oid;
  /** How many paths differ from the commit. */
  readonly count: number;
};

/** Hashing what is uncommitted; a limit against hanging for ever. */
const TIMEOUT_MS = 30 * 60_000;

/** `release`: call it when a ref holds the commit, or it was given up. */
export type Captured = { readonly carried: Carried | null; readonly release: () => void };

/**
 * Captures the uncommitted work of a user's worktree that stands on `head`; null when there is none. Writes objects only, which no clean-up takes before
 * `release`. Seven to nine git processes.
 * `scratchDir` is Phasr's, for what is not whole yet. Throws `refused` while a merge is unfinished there, whose conflicts no tree can hold.
 */
export async function captureUncommitted(
  worktree: GitPlace,
  head: Oid,
  { repository, scratchDir }: { readonly repository: Transfer['to']; readonly scratchDir: string },
): Promise<Captured> {
  const scratch = join(scratchDir, `carry.${uniqueName()}.new`);
  const objects = join(scratch, 'objects');
  mkdirSync(objects, { recursive: true, mode: 0o700 });
  const aside = {
    GIT_OBJECT_DIRECTORY: objects,
    ...alternateVariable(join(repository.commonDir, 'objects')),
  };
  const from = { ...worktree, variables: { ...worktree.variables, ...aside } };
  try {
    const carried = await capture(from, head, join(scratch, 'index'));
    if (carried === null) return { carried, release: () => undefined };
    const { release } = await transferCommits({
      from,
      to: repository,
      tips: [carried.commit],
      known: [head],
      scope: 'reachable',
    });
    return { carried, release };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function capture(worktree: GitPlace, head: Oid, copy: string): Promise<Carried | null> {
  const place = { ...worktree, variables: { ...worktree.variables, GIT_INDEX_FILE: copy } };
  const own = join(worktree.gitDir ?? '', 'index');
  if (findStat(own) === undefined) await runGit(place, ['read-tree', head]);
  else copyIndex(own, copy);
  const unmerged = await runGit(place, ['ls-files', '-z', '--unmerged']);
  if (unmerged.stdout.length > 0) {
    throw new PhasrError('refused', 'your checkout has conflicts, which cannot be taken along', {
      hint: 'Resolve them first, or launch without --with-changes.',
    });
  }
  const index = await writeTree(place);
  await runGit(place, ['add', '-A', '--sparse', '--', ':/'], {
    timeoutMs: TIMEOUT_MS,
    settings: ['core.safecrlf=false', 'advice.addEmbeddedRepo=false'],
  });
  const files = await writeTree(place);
  const base = await readTree(worktree, head);
  if (index === base && files === base) return null;
  const staged = await commitTree(worktree, {
    tree: index,
    parent: head,
    message: 'phasr: what was staged',
  });
  const commit = await commitTree(worktree, {
    tree: files,
    parent: staged,
    message: 'phasr: what was uncommitted',
  });
  const count = (await compareTrees(worktree, head, files)).length;
  return { commit, index, files, count };
}

async function writeTree(place: GitPlace): Promise<Oid> {
  return asOid((await runGit(place, ['write-tree'])).stdout.toString('latin1').trim());
}

async function commitTree(
  place: GitPlace,
  { tree, parent, message }: { readonly tree: Oid; readonly parent: Oid; readonly message: string },
): Promise<Oid> {
  const made = await makeCommit(place, { tree, parents: [parent], message, author: null, sign: false });
  if (made.kind !== 'made') throw new Error('an unsigned commit cannot fail to be signed');
  return made.oid;
}

/**
 * Brings carried work into a new worktree that holds the base commit: its files, and in `agentIndex` what was staged as staged. The clean room's own
 * index then knows the files. Three git processes.
 */
export async function unpackCarried(
  room: GitPlace,
  carried: Carried,
  { base, agentIndex }: { readonly base: Oid; readonly agentIndex: string },
): Promise<void> {
  await runGit(room, ['read-tree', '-m', '-u', base, carried.files], { timeoutMs: TIMEOUT_MS });
  const place = { ...room, variables: { ...room.variables, GIT_INDEX_FILE: agentIndex } };
  await runGit(place, ['read-tree', carried.index]);
  // Without times in the index the agent's git would read every file to see whether it was changed.
  await runGit(place, ['update-index', '-q', '--refresh'], { ok: [0, 1] });
}
