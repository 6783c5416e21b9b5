/**
 * Moving a branch that may be checked out (design §6): what is in the way is found before; the ref moves by compare-and-swap; then the files follow,
 * and whatever the user has changed, staged or left untracked stays byte for byte.
 *
 * A kill between the ref and the last file leaves files of the old commit, of the new one, and at most one half-written. {@link finishFollowing} tells these
 * from the user's own edits and finishes.
 */

import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { PhasrError } from '../base/errors.ts';
import type { Oid } from '../base/oid.ts';
import { renderPath, splitBytes } from '../base/text.ts';
import { uniqueName } from '../base/unique.ts';
import { findUsers } from '../process/table.ts';
import { compareTrees, type TreeChange } from './clean-room.ts';
import { findStat } from './files.ts';
import { flushFollowed } from './flush.ts';
import { type GitPlace, runGit } from './git.ts';
import { areAsCommitted, bringFew, type Sighting, sight, sightAgain } from './sighting.ts';

export type Move = { readonly from: Oid; readonly to: Oid };

/** What keeps a worktree's files from following a branch, as paths for people; `other` when git refuses for a reason of its own. */
export type Obstacles =
  /** `seen`: the paths as they were; its `few` only where they are exactly as committed. */
  | { readonly kind: 'none'; readonly seen: Sighting }
  | { readonly kind: 'paths'; readonly paths: readonly string[] }
  | { readonly kind: 'other'; readonly message: string };

const FOLLOW_TIMEOUT_MS = 60 * 60_000;

/**
 * Finds what is in the way before anything moves. Changes nothing (the index's stat data may be refreshed, as `git status` does).
 * Three git processes when little changes and nothing is in the way.
 */
export async function findObstacles(worktree: GitPlace, move: Move): Promise<Obstacles> {
  const changes = await compareTrees(worktree, move.from, move.to);
  // Before anything is looked at: whatever is touched after the look must show.
  const seen = sight(worktree, changes);
  const inTheWay = findUntrackedInTheWay(requireTop(worktree), changes);
  if (inTheWay.length > 0) return { kind: 'paths', paths: inTheWay.map(renderPath) };
  if (seen.few !== null && (await areAsCommitted(worktree, move.from, seen.few)))
    return { kind: 'none', seen };
  const clear: Obstacles = { kind: 'none', seen: { ...seen, few: null } };
  const dryRun = ['read-tree', '-n', '-m', '-u', move.from, move.to];
  const tried = await runGit(worktree, dryRun, { ok: [0, 128] });
  if (tried.exitCode === 0) return clear;
  // Times of files may have changed without their contents; git says so only after a refresh.
  await runGit(worktree, ['update-index', '-q', '--refresh'], { ok: [0, 1], retryLocks: true });
  const again = await runGit(worktree, dryRun, { ok: [0, 128] });
  if (again.exitCode === 0) return clear;
  const changed = new Set(changes.map(({ path }) => path.toString('latin1')));
  const dirty = (await listDirty(worktree, move.from)).filter((path) => changed.has(path.toString('latin1')));
  if (dirty.length > 0) return { kind: 'paths', paths: dirty.map(renderPath) };
  return { kind: 'other', message: again.stderr };
}

/** Tracked paths whose index entry or file differs from a commit. */
async function listDirty(worktree: GitPlace, commit: Oid): Promise<readonly Buffer[]> {
  const options = ['--name-only', '-z', '--no-renames', '--ignore-submodules=all'];
  const staged = await runGit(worktree, ['diff-index', '--cached', ...options, commit, '--']);
  const unstaged = await runGit(worktree, ['diff-files', ...options]);
  const paths = [...splitBytes(staged.stdout, 0), ...splitBytes(unstaged.stdout, 0)];
  return [...new Map(paths.map((path) => [path.toString('latin1'), path])).values()];
}

/**
 * Files that git does not know and that a new path would overwrite; ignored ones too, which git itself would overwrite without a word.
 */
function findUntrackedInTheWay(top: string, changes: readonly TreeChange[]): readonly Buffer[] {
  const deleted = new Set(
    changes.filter(({ status }) => status === 'D').map(({ path }) => path.toString('latin1')),
  );
  const found = new Map<string, Buffer>();
  for (const change of changes) {
    if (change.status !== 'A') continue;
    const obstacle = findObstacle(top, change.path, deleted);
    if (obstacle !== undefined) found.set(obstacle.toString('latin1'), obstacle);
  }
  return [...found.values()];
}

/** Walks down to a path that is to be added; gives what stands there or above it and is not about to go away. */
function findObstacle(top: string, path: Buffer, deleted: ReadonlySet<string>): Buffer | undefined {
  for (let end = path.indexOf(0x2f); ; end = path.indexOf(0x2f, end + 1)) {
    const part = end === -1 ? path : path.subarray(0, end);
    const stat = findStat(Buffer.concat([Buffer.from(`${top}/`), part]));
    if (stat === undefined) return undefined;
    const goesAway = deleted.has(part.toString('latin1'));
    if (end === -1) {
      if (goesAway) return undefined;
      return stat.isDirectory() ? findKeptInside(top, part, deleted) : part;
    }
    if (!stat.isDirectory()) return goesAway ? undefined : part;
  }
}

/** A file inside a directory that is to become a file, if one would be lost. */
function findKeptInside(top: string, directory: Buffer, deleted: ReadonlySet<string>): Buffer | undefined {
  const entries = readdirSync(Buffer.concat([Buffer.from(`${top}/`), directory]), {
    withFileTypes: true,
    encoding: 'buffer',
  });
  for (const entry of entries) {
    const path = Buffer.concat([directory, Buffer.from('/'), entry.name]);
    const kept = entry.isDirectory()
      ? findKeptInside(top, path, deleted)
      : deleted.has(path.toString('latin1'))
        ? undefined
        : path;
    if (kept !== undefined) return kept;
  }
  return undefined;
}

/**
 * Brings index and files of a worktree from one commit to another: a few paths alone while they are as seen, else by git's two-tree merge.
 * One git process when nothing is in the way.
 * `untouched`: something came into the way in the last moment, and nothing was changed. Throws when it was cut short in the middle.
 */
export async function followMove(
  worktree: GitPlace,
  move: Move,
  seen: Sighting,
): Promise<'followed' | 'untouched'> {
  const now = sightAgain(worktree, seen);
  const few = now.stamp === seen.stamp ? seen.few : null;
  try {
    if (few !== null) {
      await bringFew(worktree, move.to, few);
    } else {
      const options = { timeoutMs: FOLLOW_TIMEOUT_MS, retryLocks: true };
      await runGit(worktree, ['read-tree', '-m', '-u', move.from, move.to], options);
    }
    await flushFollowed(worktree, seen.paths);
    return 'followed';
  } catch (error) {
    // git checks everything before it writes anything.
    if (sightAgain(worktree, seen).stamp !== now.stamp) throw error;
    return 'untouched';
  }
}

/**
 * Finishes a {@link followMove} that was killed at any point. Gives the paths that somebody has edited since, which stay as they are.
 * `scratchDir` is Phasr's, for an index file. Throws `busy` while another git works in the worktree.
 */
export async function finishFollowing(
  worktree: GitPlace,
  move: Move,
  scratchDir: string,
): Promise<readonly string[]> {
  await removeStaleLock(worktree);
  const changes = await compareTrees(worktree, move.from, move.to);
  const top = requireTop(worktree);
  const aside = { worktree, index: join(scratchDir, `index.${uniqueName()}`) };
  const oldPaths = await listDifferent(aside, move.from, changes);
  const newPaths = await listDifferent(aside, move.to, changes);
  const kept: Buffer[] = [];
  const toWrite: Buffer[] = [];
  for (const change of changes) {
    const key = change.path.toString('latin1');
    const file = Buffer.concat([Buffer.from(`${top}/`), change.path]);
    const stat = findStat(file);
    // A folder where a file was deleted holds files of the new commit or of the user's; it is in nobody's way.
    if (change.status === 'D' && stat?.isDirectory() === true) continue;
    const exists = stat !== undefined;
    const isOld = exists && change.status !== 'A' && !oldPaths.has(key);
    if (change.status === 'D') {
      if (isOld) removeTracked(top, change.path);
      else if (exists) kept.push(change.path);
      continue;
    }
    if (exists && !newPaths.has(key)) continue;
    if (!exists || isOld || (await isBeginningOf(worktree, change, file))) toWrite.push(change.path);
    else kept.push(change.path);
  }
  await writeFollowed(worktree, changes, toWrite);
  const written = changes.map(({ path }) => path);
  await flushFollowed(worktree, written);
  return kept.map(renderPath);
}

function requireTop(worktree: GitPlace): string {
  if (worktree.workTree === null) throw new Error('this needs a worktree');
  return worktree.workTree;
}

/** A git command of a process that died may still be finishing; nobody's takes longer than this without a person. */
const LOCK_WAIT_MS = 10_000;

/** Removes a lock whose holder is gone; waits for one who is not. */
async function removeStaleLock(worktree: GitPlace): Promise<void> {
  if (worktree.gitDir === null || worktree.workTree === null) return;
  const lock = join(worktree.gitDir, 'index.lock');
  const deadlineMs = Date.now() + LOCK_WAIT_MS;
  while (existsSync(lock)) {
    if ((await findUsers(lock, [worktree.workTree, worktree.gitDir])) === 'none')
      return rmSync(lock, { force: true });
    if (Date.now() > deadlineMs) {
      throw new PhasrError('busy', `${lock} exists, and a git command may be using it`, {
        hint: 'Wait for the other git command; if there is none, remove that file and try again.',
        details: { lock },
      });
    }
    await delay(50);
  }
}

/** Which of the changed paths differ from a commit's, filters and line endings considered; through an index of its own. */
async function listDifferent(
  { worktree, index }: { readonly worktree: GitPlace; readonly index: string },
  commit: Oid,
  changes: readonly TreeChange[],
): Promise<ReadonlySet<string>> {
  const place = { ...worktree, variables: { ...worktree.variables, GIT_INDEX_FILE: index } };
  try {
    await runGit(place, ['read-tree', commit]);
    // Without times in the index git would call every file different.
    await runGit(place, ['update-index', '-q', '--refresh'], { ok: [0, 1] });
    const { stdout } = await runGit(place, [
      'diff-files',
      '--name-only',
      '-z',
      '--no-renames',
      '--ignore-submodules=all',
    ]);
    const changed = new Set(changes.map(({ path }) => path.toString('latin1')));
    const paths = splitBytes(stdout, 0).map((path) => path.toString('latin1'));
    return new Set(paths.filter((path) => changed.has(path)));
  } finally {
    rmSync(index, { force: true });
  }
}

/** True when a file holds nothing but the beginning of what git was writing there: no edit of a person can be in it. */
async function isBeginningOf(worktree: GitPlace, change: TreeChange, file: Buffer): Promise<boolean> {
  if (findStat(file)?.isFile() !== true || change.newMode === '120000' || change.newMode === '160000')
    return false;
  const written = readFileSync(file);
  const filtered = ['cat-file', '--filters', `--path=${change.path.toString('utf8')}`, change.newOid];
  const { stdout } = await runGit(worktree, filtered, { stdoutBytesMax: 1024 * 1024 * 1024 });
  return stdout.subarray(0, written.length).equals(written);
}

function removeTracked(top: string, path: Buffer): void {
  rmSync(Buffer.concat([Buffer.from(`${top}/`), path]), { force: true });
  // Folders that git would have removed with their last file.
  const text = path.toString('utf8');
  for (let folder = dirname(text); folder !== '.'; folder = dirname(folder)) {
    if (readdirSync(join(top, folder)).length > 0) return;
    rmSync(join(top, folder), { recursive: true });
  }
}

async function writeFollowed(
  worktree: GitPlace,
  changes: readonly TreeChange[],
  toWrite: readonly Buffer[],
): Promise<void> {
  const entries = changes.map(({ newMode, newOid, path, status }) =>
    Buffer.concat([
      Buffer.from(status === 'D' ? `0 ${'0'.repeat(newOid.length)}\t` : `${newMode} ${newOid}\t`),
      path,
      Buffer.from('\0'),
    ]),
  );
  await runGit(worktree, ['update-index', '-z', '--index-info'], {
    stdin: Buffer.concat(entries),
    retryLocks: true,
  });
  const paths = Buffer.concat(toWrite.flatMap((path) => [path, Buffer.from('\0')]));
  await runGit(worktree, ['checkout-index', '-f', '-q', '-z', '--stdin'], {
    stdin: paths,
    timeoutMs: FOLLOW_TIMEOUT_MS,
  });
  await runGit(worktree, ['update-index', '-q', '--refresh'], { ok: [0, 1], retryLocks: true });
}
