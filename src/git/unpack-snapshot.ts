/** A snapshot's state put back: files, what was staged, the private git dir, bytes and permissions (ADR 0013). */

import { chmodSync, mkdirSync, realpathSync, renameSync, rmSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import type { Environment } from '../base/environment.ts';
import type { Oid } from '../base/oid.ts';
import { splitBytes } from '../base/text.ts';
import { uniqueName } from '../base/unique.ts';
import { cleanObjects, cleanRoom } from './clean-room.ts';
import { findStat } from './files.ts';
import { type GitPlace, runGit } from './git.ts';
import { copyIndex } from './index-file.ts';
import { openRawRoom, writeRawFiles } from './raw-room.ts';
import { listGitFiles } from './git-files.ts';
import { readStateTree, type Snapshot, type StateTree } from './state-tree.ts';
import { writeStaged } from './staged.ts';
import type { TaskDirs } from './task-dirs.ts';

const CHECKOUT_TIMEOUT_MS = 2 * 60 * 60_000;

/**
 * Makes worktree and private git dir those of a snapshot. `from`: a tree whose files may be deleted where the snapshot does not have them, since
 * another snapshot holds them; null for a new worktree. Files in neither stay. May be repeated after it was cut short. Ten to sixteen git processes.
 */
export async function unpackSnapshot(
  { dirs, env }: { readonly dirs: TaskDirs; readonly env: Environment },
  { snapshot, from }: { readonly snapshot: Snapshot; readonly from: Oid | null },
): Promise<void> {
  const objects = cleanObjects(dirs, env);
  const { files, state: oid } = snapshot;
  const state = oid === null ? headState(files) : await readStateTree(objects, { files, state: oid });
  const index = join(dirs.cleanDir, `index.${uniqueName()}`);
  const room = withIndex(cleanRoom(dirs, env), index);
  try {
    if (from !== null) {
      await runGit(room, ['read-tree', from]);
      await runGit(room, ['update-index', '-q', '--refresh'], { ok: [0, 1] });
    }
    await runGit(room, ['read-tree', '--reset', '-u', snapshot.files], { timeoutMs: CHECKOUT_TIMEOUT_MS });
    // What is tracked: not the ignored files, which stay where they are.
    await runGit(room, ['read-tree', '--reset', state.files]);
    await unpackExactBytes(objects, dirs.worktreePath, state);
    await runGit(room, ['update-index', '-q', '--refresh'], { ok: [0, 1] });
    renameSync(index, join(dirs.cleanDir, 'index'));
  } finally {
    rmSync(index, { force: true });
    rmSync(`${index}.lock`, { force: true });
  }
  await unpackGitFiles(objects, dirs, state);
  await unpackIndex(cleanRoom(dirs, env), dirs, state);
}

/** Of a snapshot that is its head commit: what is staged is what is committed; the private git dir stays as it is. */
function headState(files: Oid): StateTree {
  return { files, index: files, unmerged: null, git: null, raw: null, modes: null };
}

function withIndex(place: GitPlace, index: string): GitPlace {
  return { ...place, variables: { ...place.variables, GIT_INDEX_FILE: index } };
}

async function unpackExactBytes(
  objects: GitPlace,
  worktreePath: string,
  { raw, modes, files }: StateTree,
): Promise<void> {
  if (raw !== null) {
    const room = openRawRoom(objects, worktreePath, files.length);
    try {
      await writeRawFiles(room, raw);
    } finally {
      room.dispose();
    }
  }
  if (modes === null) return;
  const { stdout } = await runGit(objects, ['cat-file', 'blob', modes]);
  for (const line of splitBytes(stdout, 0)) {
    const blank = line.indexOf(0x20);
    const mode = Number.parseInt(line.subarray(0, blank).toString('latin1'), 8);
    setMode(worktreePath, line.subarray(blank + 1), mode);
  }
}

/** Only of a file, and only inside: never through a link. */
function setMode(worktreePath: string, path: Buffer, mode: number): void {
  const file = Buffer.concat([Buffer.from(`${worktreePath}/`), path]);
  if (findStat(file)?.isFile() !== true || !Number.isInteger(mode)) return;
  const real = realpathSync(file, { encoding: 'buffer' });
  const inside = Buffer.concat([Buffer.from(`${realpathSync(worktreePath)}${sep}`), path]);
  if (real.equals(inside)) chmodSync(file, mode & 0o7777);
}

/** The private git dir's own files become the snapshot's; its objects stay. */
async function unpackGitFiles(objects: GitPlace, dirs: TaskDirs, { git, files }: StateTree): Promise<void> {
  if (git === null) return;
  for (const { path } of listGitFiles(dirs.privateDir, Buffer.alloc(0)))
    rmSync(Buffer.concat([Buffer.from(`${dirs.privateDir}/`), path]), { force: true });
  const room = openRawRoom(objects, dirs.privateDir, files.length);
  try {
    await writeRawFiles(room, git);
  } finally {
    room.dispose();
  }
  // git takes a directory without these for none of its own.
  for (const folder of ['objects', 'refs']) mkdirSync(join(dirs.privateDir, folder), { recursive: true });
}

async function unpackIndex(room: GitPlace, dirs: TaskDirs, { index, unmerged }: StateTree): Promise<void> {
  const agentIndex = join(dirs.privateAdminDir, 'index');
  mkdirSync(dirname(agentIndex), { recursive: true });
  const partial = `${agentIndex}.phasr-${uniqueName()}`;
  try {
    copyIndex(join(dirs.cleanDir, 'index'), partial);
    const staged =
      unmerged === null
        ? index === null
          ? null
          : ({ kind: 'merged', tree: index } as const)
        : ({ kind: 'unmerged', tree: unmerged } as const);
    if (staged !== null) await writeStaged(withIndex(room, partial), staged);
    renameSync(partial, agentIndex);
  } finally {
    rmSync(partial, { force: true });
    rmSync(`${partial}.lock`, { force: true });
  }
}
