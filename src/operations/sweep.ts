/**
 * Empties the trash, in the background and at low priority: first every file and commit that is nowhere else goes into `refs/phasr/trash/<id>`,
 * then the files are deleted. What no ref can hold stays on the disk, and the task says where.
 */

import { rmSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { join } from 'node:path';
import type { Oid } from '../base/oid.ts';
import { captureTree, cleanObjects, cleanRoom } from '../git/clean-room.ts';
import { makeCommit, readTree } from '../git/commit.ts';
import { findStat, readPlainFile } from '../git/files.ts';
import type { GitPlace } from '../git/git.ts';
import {
  addIgnored,
  findNestedRepositories,
  findPrivateCommits,
  IGNORED_BYTES_MAX,
  listIgnoredWork,
  readAllTips,
  readStagedTree,
} from '../git/keep.ts';
import { changeRefs, readRefAsText, type RefChange } from '../git/refs.ts';
import { worktreeName } from '../git/task-dirs.ts';
import { type Arrived, transferCommits } from '../git/transfer.ts';
import { splitBytes } from '../base/text.ts';
import { runToEnd } from '../process/spawn.ts';
import {
  holdTrash,
  isKept,
  listSweepable,
  markKept,
  readTrashEntry,
  type TrashEntry,
} from '../store/trash.ts';
import { asTaskId, rewrittenRef, type TaskId, trashRef } from '../task/names.ts';
import { type Context, recordFacts, SWEEP_CLAIM, takeClaim, userRepository } from './context.ts';
import { describeFailure } from './run.ts';

/** Works until the trash is empty, or nothing more in it can be emptied. Does nothing when a living process is at it. */
export async function sweepTrash(context: Context): Promise<void> {
  const release = await takeClaim(context, SWEEP_CLAIM);
  if (release === undefined) return;
  try {
    setPriority(constants.priority.PRIORITY_LOW);
    // Each entry is deleted or held, so this ends.
    for (
      let name = listSweepable(context.paths.trashDir)[0];
      name !== undefined;
      name = listSweepable(context.paths.trashDir)[0]
    ) {
      await sweepEntry(context, name);
    }
  } finally {
    release();
  }
}

async function sweepEntry(context: Context, name: string): Promise<void> {
  const entry = readTrashEntry(context.paths.trashDir, name);
  if (entry === undefined) return;
  const id = asTaskId(entry.taskId);
  const directory = join(context.paths.trashDir, name);
  // From here on there are fewer files than were kept: they must not be looked at again.
  if (isKept(context.paths.trashDir, name)) return removeEntry(context, entry, directory);
  const kept = await keepEverything(context, { id, entry, directory });
  if (kept.held !== null) {
    holdTrash(context.paths.trashDir, name, kept.held);
    recordFacts(context, id, () => [
      { type: 'trash.swept', kept: kept.ref, held: `${entry.worktree} (${kept.held ?? ''})` },
    ]);
    return;
  }
  recordFacts(context, id, () => [{ type: 'trash.swept', kept: kept.ref, held: null }]);
  markKept(context.paths.trashDir, name);
  await removeEntry(context, entry, directory);
}

/** The entry's own marks last: as long as they are there, a killed sweeper's successor goes on here. */
async function removeEntry(context: Context, entry: TrashEntry, directory: string): Promise<void> {
  const parts = ['git', 'registration', 'clean'].map((part) => join(directory, part));
  for (const path of [entry.worktree, ...parts, directory]) await removeTree(path, context.env);
}

type Swept = { readonly ref: string | null; readonly held: string | null };

type Removed = { readonly id: TaskId; readonly entry: TrashEntry; readonly directory: string };

async function keepEverything(context: Context, removed: Removed): Promise<Swept> {
  const { commonDir } = context.repository;
  const currentRef = (): string | null =>
    readRefAsText(commonDir, trashRef(removed.id)) === undefined ? null : trashRef(removed.id);
  try {
    const held = await keepInRef(context, removed);
    return { ref: currentRef(), held };
  } catch (error) {
    return { ref: currentRef(), held: describeFailure(error) };
  }
}

/** Puts what is nowhere else into the trash ref. Gives the reason why files must stay on the disk all the same, if there is one. */
async function keepInRef(context: Context, { id, entry, directory }: Removed): Promise<string | null> {
  const place = userRepository(context);
  const dirs = placesOf(context, directory, entry);
  const files = await captureRemoved(dirs, entry);
  const tips = await findPrivateCommits(
    { repository: place, privateObjects: dirs.privateObjects },
    readAllTips(dirs.privateDir, dirs.adminDir),
  );
  const staged = await readStagedTree(dirs.objects, {
    index: join(dirs.adminDir, 'index'),
    objects: join(dirs.privateDir, 'objects'),
  });
  const headTree = await readTree(dirs.objects, entry.head);
  const hasStaged =
    staged !== undefined && staged !== files.tree && staged !== headTree && staged !== files.plainTree;
  const rewritten = readRefAsText(place.commonDir, rewrittenRef(id));
  const extra = [...tips, ...(rewritten === undefined ? [] : [rewritten])];
  const isNew = (files.tree !== null && files.tree !== headTree) || extra.length > 0 || hasStaged;
  if (isNew) {
    await makeSnapshot(context, {
      id,
      entry,
      dirs,
      tips,
      rewritten: rewritten ?? null,
      tree: files.tree ?? headTree,
      staged: hasStaged ? staged : null,
    });
  }
  return files.held;
}

type RemovedPlaces = {
  readonly room: GitPlace;
  readonly objects: GitPlace;
  readonly privateObjects: GitPlace;
  readonly privateDir: string;
  readonly adminDir: string;
};

function placesOf(context: Context, directory: string, entry: TrashEntry): RemovedPlaces {
  const privateDir = join(directory, 'git');
  const adminDir = join(privateDir, 'worktrees', worktreeName(entry.taskId));
  const dirs = {
    privateDir,
    privateAdminDir: adminDir,
    cleanDir: join(directory, 'clean'),
    registrationDir: join(directory, 'registration'),
    worktreePath: entry.worktree,
  };
  const objects = cleanObjects(dirs, context.env);
  const variables = {
    GIT_OBJECT_DIRECTORY: join(privateDir, 'objects'),
    GIT_ALTERNATE_OBJECT_DIRECTORIES: join(dirs.cleanDir, 'objects'),
  };
  return {
    room: cleanRoom(dirs, context.env),
    objects,
    privateObjects: { ...objects, variables },
    privateDir,
    adminDir,
  };
}

type RemovedFiles = {
  /** All files, ignored work included; null when the worktree was gone before. */
  readonly tree: Oid | null;
  readonly plainTree: Oid | null;
  readonly held: string | null;
};

async function captureRemoved(dirs: RemovedPlaces, entry: TrashEntry): Promise<RemovedFiles> {
  if (findStat(entry.worktree)?.isDirectory() !== true) return { tree: null, plainTree: null, held: null };
  const captured = await captureTree(dirs.room, entry.base, {
    keepIndex: true,
    agentIndex: join(dirs.adminDir, 'index'),
  });
  const gitlinks = splitBytes(
    Buffer.from(readPlainFile(join(dirs.room.gitDir ?? '', 'gitlinks'), 16 * 1024 * 1024) ?? '', 'latin1'),
    0,
  );
  const nested = findNestedRepositories(entry.worktree, gitlinks);
  const ignored = await listIgnoredWork(dirs.room);
  const fits = ignored.bytes <= IGNORED_BYTES_MAX;
  const tree = fits && ignored.paths.length > 0 ? await addIgnored(dirs.room, ignored.paths) : captured.tree;
  const reasons = [
    ...(captured.incomplete === null ? [] : ['some files could not be read']),
    ...(nested.length > 0 ? ['it holds a repository of its own'] : []),
    ...(fits ? [] : ['its ignored files are too large to keep in git']),
  ];
  return { tree, plainTree: captured.tree, held: reasons.length === 0 ? null : reasons.join('; ') };
}

type Snapshot = {
  readonly id: TaskId;
  readonly entry: TrashEntry;
  readonly dirs: RemovedPlaces;
  readonly tree: Oid;
  readonly tips: readonly Oid[];
  readonly rewritten: Oid | null;
  readonly staged: Oid | null;
};

/**
 * One commit that holds it all: its tree is the files; its parents are the head, what was staged (as a commit), and every end of history that only the agent
 * had.
 */
async function makeSnapshot(context: Context, snapshot: Snapshot): Promise<void> {
  const { id, entry, dirs, tips, staged } = snapshot;
  const place = userRepository(context);
  const arrived: Arrived[] = [];
  try {
    const fromAgent = [...tips, ...(staged === null ? [] : [staged])];
    if (fromAgent.length > 0)
      arrived.push(
        await transferCommits({ from: dirs.privateObjects, to: place, tips: fromAgent, known: [entry.head] }),
      );
    const commit = async (tree: Oid, parents: readonly Oid[], what: string): Promise<Oid> => {
      const made = await makeCommit(dirs.objects, {
        tree,
        parents,
        message: `phasr: ${what} of task ${id}\n`,
        author: null,
        sign: false,
      });
      if (made.kind !== 'made') throw new Error('an unsigned commit cannot fail to be signed');
      return made.oid;
    };
    const index = staged === null ? [] : [await commit(staged, [entry.head], 'index')];
    const others = [...tips, ...(snapshot.rewritten === null ? [] : [snapshot.rewritten])];
    const kept = await commit(
      snapshot.tree,
      [entry.head, ...index, ...others.filter((tip) => tip !== entry.head)],
      'files',
    );
    arrived.push(
      await transferCommits({ from: dirs.objects, to: place, tips: [kept], known: [entry.head, ...others] }),
    );
    const before = readRefAsText(place.commonDir, trashRef(id)) ?? null;
    const changes: RefChange[] = [{ name: trashRef(id), expected: before, to: kept }];
    if (snapshot.rewritten !== null)
      changes.push({ name: rewrittenRef(id), expected: snapshot.rewritten, to: null });
    if ((await changeRefs(place, changes, `keep task ${id}`)) === 'moved')
      throw new Error(`${trashRef(id)} was moved by somebody else`);
  } finally {
    for (const { release } of arrived) release();
  }
}

const REMOVE_LIMITS = { timeoutMs: 6 * 60 * 60_000, stdoutBytesMax: 1024 * 1024 };

/**
 * Deletes a directory tree without following links. `rm` copes with paths longer than the system's limit, which Node's own removal does not
 * (hazard d14); folders without permission are opened up first, by their owner (d15). Only folders: a file may be a hard link to somebody else's.
 */
async function removeTree(path: string, env: Context['env']): Promise<void> {
  const PATH = env['PATH'] ?? '/usr/bin:/bin';
  const run = (file: string, args: readonly string[]): Promise<{ exitCode: number | null }> =>
    runToEnd({ file, args, cwd: '/', env: { PATH } }, REMOVE_LIMITS);
  if ((await run('rm', ['-rf', '--', path])).exitCode === 0) return;
  await run('find', [path, '-type', 'd', '!', '-perm', '-700', '-exec', 'chmod', 'u+rwx', '{}', ';']);
  await run('rm', ['-rf', '--', path]);
  rmSync(path, { recursive: true, force: true });
}
