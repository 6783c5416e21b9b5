/**
 * A worktree's whole state as one commit outside every branch (ADR 0013), taken from the clean room: nothing of the agent's runs, and its files, index and
 * times stay as they are.
 *
 * The commit's tree is the files. Its second parent, the state commit, has as tree what files alone do not tell: see {@link StateTree}.
 */

import { join } from 'node:path';
import type { Environment } from '../base/environment.ts';
import { asOid, type Oid } from '../base/oid.ts';
import { splitBytes } from '../base/text.ts';
import { captureTree, cleanObjects, cleanRoom, compareCommonPaths } from './clean-room.ts';
import { makeCommit, readTree } from './commit.ts';
import { findStat, readPlainFile } from './files.ts';
import { listGitFiles } from './git-files.ts';
import { type GitPlace, runGit } from './git.ts';
import {
  addIgnored,
  findNestedRepositories,
  findPrivateCommits,
  IGNORED_BYTES_MAX,
  type IgnoredFiles,
  readAllTips,
} from './keep.ts';
import { openRawRoom, writeRawTree } from './raw-room.ts';
import { takeQuickly } from './quick-snapshot.ts';
import {
  forgetSeen,
  lookAround,
  readSeen,
  type Seen,
  type Looked,
  stampFiles,
  watchFiles,
  writeSeen,
} from './snapshot-look.ts';
import { readStaged } from './staged.ts';
import {
  makeStateTree,
  type Modes,
  readModes,
  type Snapshot,
  type StateTree,
  writeModes,
} from './state-tree.ts';
import { alternateVariable, type TaskDirs } from './task-dirs.ts';
import { listTips } from './refs.ts';
import { transferCommits } from './transfer.ts';

/** Whose state it is. The directories may be in the trash already. */
export type SnapshotSource = {
  readonly dirs: TaskDirs;
  readonly env: Environment;
  readonly repository: GitPlace & { readonly commonDir: string };
  readonly base: Oid;
  /** The recorded head: the snapshot's first parent. */
  readonly head: Oid;
};

export type SnapshotOptions = {
  /** The messages of its two commits. */
  readonly message: (part: 'files' | 'state') => string;
  /** Whether an agent may be writing: then the clean room's index is left as it is. */
  readonly isLive: boolean;
  /** More commits to keep. */
  readonly tips: readonly Oid[];
  /** The latest snapshot of the same task; when nothing has changed since, no other one is made. */
  readonly last: Snapshot | null;
  /** Whether the head commit will do where nothing else is there (the private git dir's settings and refs are then not kept). */
  readonly mayBeHead: boolean;
};

export type Taken = {
  readonly snapshot: Snapshot;
  /** True when there is more in it than the head commit and a worktree that is exactly that. */
  readonly hasMore: boolean;
  /** Why not everything is in it, if so. */
  readonly incomplete: string | null;
  /** Call it when a ref holds the snapshot, or it was given up. */
  readonly release: () => void;
};

/**
 * Takes a snapshot. Writes objects, into the clean room and the user's repository; no ref.
 * An unchanged worktree costs one git process, a look at its files; few changed files four; anything else about 25.
 */
export async function takeSnapshot(source: SnapshotSource, options: SnapshotOptions): Promise<Taken> {
  const { dirs, env, head } = source;
  const { last } = options;
  const keyOf = (snapshot: Snapshot): string => [snapshot.commit, head, ...options.tips].join(' ');
  const seen = last === null ? undefined : readSeen(dirs, keyOf(last));
  const looked = await lookAround(dirs, env);
  if (seen !== undefined && last !== null) {
    const quick = await takeQuickly(source, { seen, looked, last, message: options.message });
    if (quick !== undefined) {
      const { snapshot, release } = quick;
      if (quick.seen !== seen) writeSeen(dirs, { ...quick.seen, key: keyOf(snapshot) });
      return { snapshot, hasMore: quick.seen.hasMore, incomplete: quick.seen.incomplete, release };
    }
  }
  forgetSeen(dirs);
  const { taken, changed, ...about } = await takeAnew(source, options, looked);
  const { hasMore, incomplete, snapshot } = taken;
  const watched = watchFiles(dirs.worktreePath, changed);
  const clean = { paths: [], inside: stampFiles([]), watched, outside: looked.outside };
  writeSeen(dirs, { key: keyOf(snapshot), ...about, ...clean, hasMore, incomplete });
  return taken;
}

/** What a snapshot consists of, beside what is in {@link Taken}. */
type About = Pick<Seen, 'plain' | 'state' | 'modes' | 'tips'>;

async function takeAnew(
  source: SnapshotSource,
  options: SnapshotOptions,
  { ignored }: Looked,
): Promise<About & { readonly taken: Taken; readonly changed: readonly Buffer[] }> {
  const { dirs, env, base, head } = source;
  const objects = cleanObjects(dirs, env);
  const privateObjects = privateObjectsOf(dirs, env);
  const files = await captureFiles(source, options, ignored);
  const staged = await readStaged(objects, {
    index: join(dirs.privateAdminDir, 'index'),
    objects: join(dirs.privateDir, 'objects'),
  });
  const headTree = await readTree(objects, head);
  const git = await keepGitFiles(objects, dirs, base.length);
  const all = files ?? { all: headTree, plain: headTree, changed: [], incomplete: null };
  const exact = files === null ? null : await keepExactBytes(objects, dirs.worktreePath, { ...all, base });
  const parts: StateTree = {
    files: all.plain,
    index: staged?.kind === 'merged' ? staged.tree : null,
    unmerged: staged?.kind === 'unmerged' ? staged.tree : null,
    git: git.tree,
    raw: exact?.raw ?? null,
    modes: exact === null ? null : await writeModes(objects, exact.modes),
  };
  const state = await makeStateTree(objects, parts);
  const named = readAllTips(dirs.privateDir, dirs.privateAdminDir);
  const own = await findPrivateCommits({ repository: source.repository, privateObjects }, named, head);
  const tips = [...new Set([...own, ...options.tips])].filter((tip) => tip !== head);
  const incomplete = [all.incomplete, git.incomplete].filter((reason) => reason !== null).join('; ');
  const hasMore =
    all.all !== headTree ||
    tips.length > 0 ||
    staged?.kind === 'unmerged' ||
    (staged !== undefined && staged.tree !== headTree && staged.tree !== all.plain);
  const result = { hasMore, incomplete: incomplete === '' ? null : incomplete };
  const isHead = options.mayBeHead && !hasMore && (staged === undefined || staged.tree === headTree);
  const about = {
    plain: all.plain,
    state: isHead ? null : parts,
    modes: exact?.modes ?? [],
    tips,
    changed: all.changed,
  };
  const { last } = options;
  const isSame = last?.files === all.all && last.state === (isHead ? null : state);
  const held = isSame ? await listParents(source.repository, last) : [];
  const release = (): void => undefined;
  if (isSame && tips.every((tip) => held.includes(tip)))
    return { ...about, taken: { ...result, snapshot: last, release } };
  if (isHead) {
    const snapshot = { commit: head, files: headTree, state: null };
    return { ...about, taken: { ...result, snapshot, release } };
  }
  const made = await makeSnapshot(source, { files: all.all, state, tips, own, message: options.message });
  return { ...about, taken: { ...result, ...made } };
}

/** What a snapshot holds beside its head and its state commit. One git process. */
async function listParents(place: GitPlace, snapshot: Snapshot | null): Promise<readonly Oid[]> {
  if (snapshot === null || snapshot.state === null) return [];
  const { stdout, exitCode } = await runGit(place, ['rev-list', '--parents', '-n', '1', snapshot.commit], {
    ok: [0, 128],
  });
  if (exitCode !== 0) return [];
  return stdout.toString('latin1').trim().split(' ').slice(3).map(asOid);
}

function privateObjectsOf(dirs: TaskDirs, env: Environment): GitPlace {
  return {
    ...cleanObjects(dirs, env),
    variables: {
      GIT_OBJECT_DIRECTORY: join(dirs.privateDir, 'objects'),
      ...alternateVariable(join(dirs.cleanDir, 'objects')),
    },
  };
}

type Files = {
  /** With ignored work. */
  readonly all: Oid;
  readonly plain: Oid;
  /** Paths that are not the base commit's, ignored ones too. */
  readonly changed: readonly Buffer[];
  readonly incomplete: string | null;
};

/** Null when the worktree is gone. */
async function captureFiles(
  { dirs, env, base }: SnapshotSource,
  { isLive }: SnapshotOptions,
  ignored: IgnoredFiles,
): Promise<Files | null> {
  if (findStat(dirs.worktreePath)?.isDirectory() !== true) return null;
  const room = cleanRoom(dirs, env);
  const captured = await captureTree(room, base, {
    keepIndex: isLive ? 'live' : true,
    agentIndex: join(dirs.privateAdminDir, 'index'),
  });
  const gitlinks = readPlainFile(join(dirs.cleanDir, 'gitlinks'), 16 * 1024 * 1024) ?? '';
  const nested = findNestedRepositories(dirs.worktreePath, splitBytes(Buffer.from(gitlinks, 'latin1'), 0));
  const fits = ignored.bytes <= IGNORED_BYTES_MAX;
  const withIgnored = fits && ignored.paths.length > 0;
  const reasons = [
    ...(captured.incomplete === null ? [] : ['some files could not be read']),
    ...(nested.length > 0 ? ['it holds a repository of its own'] : []),
    ...(fits ? [] : ['its ignored files are too large to keep in git']),
  ];
  const changed = captured.changes.filter(({ status, newMode }) => status !== 'D' && newMode !== '160000');
  return {
    all: withIgnored ? await addIgnored(room, captured.tree, ignored.paths) : captured.tree,
    plain: captured.tree,
    changed: [...changed.map(({ path }) => path), ...(withIgnored ? ignored.paths : [])],
    incomplete: reasons.length === 0 ? null : reasons.join('; '),
  };
}

/** More files or bytes of its own than this no private git dir has that only git has written to. */
const GIT_FILES_MAX = 50_000;
const GIT_BYTES_MAX = 256 * 1024 * 1024;

/** Everything in the private git dir but objects, index and locks. */
async function keepGitFiles(
  objects: GitPlace,
  dirs: TaskDirs,
  oidLength: number,
): Promise<{ readonly tree: Oid | null; readonly incomplete: string | null }> {
  const paths: Buffer[] = [];
  let bytes = 0;
  for (const { path, size } of listGitFiles(dirs.privateDir, Buffer.alloc(0))) {
    paths.push(path);
    bytes += size;
    if (paths.length > GIT_FILES_MAX || bytes > GIT_BYTES_MAX)
      return { tree: null, incomplete: 'its git dir is too large to keep in git' };
  }
  if (paths.length === 0) return { tree: null, incomplete: null };
  const room = openRawRoom(objects, dirs.privateDir, oidLength);
  try {
    const tree = await writeRawTree(room, paths);
    if (tree === undefined) return { tree: null, incomplete: 'its git dir could not be read' };
    return { tree, incomplete: null };
  } finally {
    room.dispose();
  }
}

/** What the files' tree does not tell of the files that have changed: bytes that a filter would change, and permissions. */
async function keepExactBytes(
  objects: GitPlace,
  worktreePath: string,
  files: Files & { readonly base: Oid },
): Promise<{ readonly raw: Oid | null; readonly modes: Modes }> {
  if (files.changed.length === 0) return { raw: null, modes: [] };
  const modes = readModes(worktreePath, files.changed);
  const room = openRawRoom(objects, worktreePath, files.base.length);
  try {
    const all = await writeRawTree(room, files.changed);
    if (all === undefined) return { raw: null, modes };
    // What only the files' tree has is none of the changed.
    const differ = await compareCommonPaths(objects, files.all, all);
    if (differ.length === 0) return { raw: null, modes };
    room.dispose();
    const raw = await writeRawTree(
      room,
      differ.map(({ path }) => path),
    );
    return { raw: raw ?? null, modes };
  } finally {
    room.dispose();
  }
}

type Parts = {
  readonly files: Oid;
  readonly state: Oid;
  readonly tips: readonly Oid[];
  /** Those of the tips that only the private git dir has. */
  readonly own: readonly Oid[];
  readonly message: SnapshotOptions['message'];
};

async function makeSnapshot(
  { dirs, env, repository, head }: SnapshotSource,
  { files, state, tips, own, message }: Parts,
): Promise<{ readonly snapshot: Snapshot; readonly release: () => void }> {
  const objects = cleanObjects(dirs, env);
  const stateCommit = await commit(objects, { tree: state, parents: [head], message: message('state') });
  // What the agent has staged or committed is in its own store, the trees over it are in the clean room's.
  const variables = alternateVariable(join(dirs.privateDir, 'objects'));
  const from = { ...objects, variables };
  const parents = [head, stateCommit, ...tips];
  const made = await commit(from, { tree: files, parents, message: message('files') });
  // The agent's commits may go on from any branch of the user's.
  const branches = own.length === 0 ? [] : await listTips(repository);
  const known = [head, ...tips.filter((tip) => !own.includes(tip)), ...branches];
  const { release } = await transferCommits({
    from,
    to: repository,
    tips: [made],
    known,
    scope: 'reachable',
  });
  return { snapshot: { commit: made, files, state }, release };
}

async function commit(
  objects: GitPlace,
  parts: { readonly tree: Oid; readonly parents: readonly Oid[]; readonly message: string },
): Promise<Oid> {
  const made = await makeCommit(objects, { ...parts, author: null, sign: false });
  if (made.kind !== 'made') throw new Error('an unsigned commit cannot fail to be signed');
  return made.oid;
}
