/**
 * A snapshot of a worktree in which few files have changed since the latest one, and nothing else. No index is read or written: with 50,000 files that is most
 * of what a capture costs. The objects are made here, and sent to the user's repository as one pack, which git checks there.
 *
 * Whatever is not plain is left to the capture: other things than files, bytes that a filter would change, repositories in the worktree.
 */

import { decodeUtf8, splitBytes } from '../base/text.ts';
import { PhasrError } from '../base/errors.ts';
import { asOid, type Oid } from '../base/oid.ts';
import { cleanRoom } from './clean-room.ts';
import { findStat, readBytes } from './files.ts';
import { runGit } from './git.ts';
import type { Look } from './look.ts';
import { collectObjects, type ObjectSet } from './pack.ts';
import type { SnapshotSource } from './snapshot.ts';
import { areAsWatched, type Seen, type Looked, lookPlace, stampFiles, within } from './snapshot-look.ts';
import { readModes, renderModes, type Snapshot, stateEntries, type StateTree } from './state-tree.ts';
import { receivePack } from './transfer.ts';
import { editTree, findEntry, hasTree, readObjects, renderTree, type TreeEdit } from './tree-edit.ts';

/** More, or larger files, are left to the capture, which brings the index up to date: the next look has less to tell then. */
const PATHS_MAX = 500;
const BYTES_MAX = 8 * 1024 * 1024;
const NEW_FOLDERS_MAX = 50;

export type Quick = {
  readonly snapshot: Snapshot;
  /** What to write down; the very same object when nothing has changed. */
  readonly seen: Seen;
  readonly release: () => void;
};

export type Latest = {
  readonly last: Snapshot;
  /** What was written down with it. */
  readonly seen: Seen;
  readonly looked: Looked;
  readonly message: (part: 'files' | 'state') => string;
};

/** Undefined when it takes a capture. No git process when nothing has changed, else three or four. */
export async function takeQuickly(source: SnapshotSource, latest: Latest): Promise<Quick | undefined> {
  const { last, seen, looked } = latest;
  if (looked.look === null || seen.outside.isYoung || seen.outside.text !== looked.outside.text)
    return undefined;
  const found = await listFiles(source, looked.look);
  if (found === undefined) return undefined;
  const paths = [...found.gone, ...found.files.map(({ path }) => path)];
  const names = new Set(paths.map((path) => path.toString('latin1')));
  const { worktreePath } = source.dirs;
  if (!areAsWatched(worktreePath, seen.watched, names)) return undefined;
  const inside = stampFiles(paths.map((path) => within(worktreePath, path)));
  const isSame = !seen.inside.isYoung && seen.inside.text === inside.text;
  if (isSame) return { snapshot: last, seen, release: () => undefined };
  // A path that is as in the index again needs what only an older snapshot may hold.
  const isPlain = seen.incomplete === null && seen.state?.raw === null;
  if (!isPlain || !seen.paths.every((path) => names.has(path))) return undefined;
  const made = await makeObjects(source, latest, found);
  if (made === undefined) return undefined;
  const about = { ...made.about, paths: [...names], inside };
  if (made.pack === null) return { snapshot: last, seen: { ...seen, ...about }, release: () => undefined };
  try {
    const { release } = await receivePack(source.repository, made.pack);
    return { snapshot: made.snapshot, seen: { ...seen, ...about }, release };
  } catch (error) {
    // Something that the latest snapshot should hold is not there: a capture holds it anew.
    if (error instanceof PhasrError && error.code === 'git-failed') return undefined;
    throw error;
  }
}

type File = { readonly path: Buffer; readonly mode: string };

type Found = { readonly files: readonly File[]; readonly gone: readonly Buffer[] };

/** All paths that are other than the index says; undefined when they are many, or one is no plain file. */
async function listFiles(source: SnapshotSource, { changed, untracked }: Look): Promise<Found | undefined> {
  const folders = untracked.filter(isFolder);
  const inFolders = folders.length === 0 ? [] : await listFolders(source, folders);
  if (inFolders === undefined) return undefined;
  const fresh = [...untracked.filter((path) => !isFolder(path)), ...inFolders];
  if (changed.length + fresh.length > PATHS_MAX) return undefined;
  const files: File[] = [];
  const gone: Buffer[] = [];
  for (const { path, status, mode } of changed) {
    if (status === 'D') {
      // Git does not list what is in a folder that has taken a file's place.
      if (findStat(within(source.dirs.worktreePath, path)) !== undefined) return undefined;
      gone.push(path);
    } else if (status === 'M' && /^100(?:644|755)$/.test(mode)) files.push({ path, mode });
    else return undefined;
  }
  for (const path of fresh) {
    const stat = findStat(within(source.dirs.worktreePath, path));
    // Whether a new file's permission to be executed counts is git's business.
    if (stat?.isFile() !== true || (stat.mode & 0o111) !== 0) return undefined;
    files.push({ path, mode: '100644' });
  }
  return { files, gone };
}

function isFolder(path: Buffer): boolean {
  return path.at(-1) === 0x2f;
}

/** The files in folders of which nothing is tracked. One git process. */
async function listFolders(
  { dirs, env }: SnapshotSource,
  folders: readonly Buffer[],
): Promise<readonly Buffer[] | undefined> {
  const names = folders.map(decodeUtf8).filter((name) => name !== undefined);
  if (names.length < folders.length || names.length > NEW_FOLDERS_MAX) return undefined;
  const place = lookPlace(dirs, env);
  const variables = { ...place.variables, GIT_LITERAL_PATHSPECS: '1' };
  const args = ['ls-files', '-z', '--others', '--exclude-standard', '--', ...names];
  const { stdout } = await runGit({ ...place, variables }, args);
  const paths = splitBytes(stdout, 0);
  // A folder in this list is a repository.
  return paths.some(isFolder) ? undefined : paths;
}

type Made = {
  readonly snapshot: Snapshot;
  readonly about: Pick<Seen, 'plain' | 'state' | 'modes' | 'hasMore'>;
  /** Null: it would be the latest snapshot again. */
  readonly pack: Buffer | null;
};

async function makeObjects(
  source: SnapshotSource,
  { last, seen, message }: Latest,
  { files, gone }: Found,
): Promise<Made | undefined> {
  const { dirs, base, head, repository } = source;
  const contents = readContents(dirs.worktreePath, files);
  if (contents === undefined || seen.state === null) return undefined;
  const objects = collectObjects(head.length);
  const blobs = contents.map((content) => objects.add('blob', content));
  const edits: TreeEdit[] = [
    ...gone.map((path): TreeEdit => ({ path, entry: null })),
    ...files.flatMap(({ path, mode }, index): TreeEdit[] => {
      const oid = blobs[index];
      return oid === undefined ? [] : [{ path, entry: { mode, oid } }];
    }),
  ];
  const trees = [...new Set([last.files, seen.plain])];
  const commits = [last.commit, head];
  const [read, hashed] = await Promise.all([
    readObjects(repository, { trees: [...trees, base], edits, commits }),
    hashAsCommitted(source, files),
  ]);
  if (hashed.length !== blobs.length || !blobs.every((blob, index) => blob === hashed[index]))
    return undefined;
  const [identity, headTree] = [findIdentity(read.get(last.commit)), findTree(read.get(head))];
  if (identity === undefined || headTree === undefined || !trees.every((tree) => hasTree(read, tree)))
    return undefined;

  const all = editTree(objects, { tree: last.files, read }, edits);
  const plain = seen.plain === last.files ? all : editTree(objects, { tree: seen.plain, read }, edits);
  const changed = new Set(edits.map(({ path }) => path.toString('latin1')));
  // As in a capture, of a file that is as in the base commit no permissions are kept.
  const others = edits.filter(({ path, entry }) => {
    const before = findEntry(read, base, path);
    return entry !== null && (entry.oid !== before?.oid || entry.mode !== before.mode);
  });
  const modes = [
    ...seen.modes.filter(([path]) => !changed.has(path)),
    ...readModes(
      dirs.worktreePath,
      others.map(({ path }) => path),
    ),
  ];
  const rendered = renderModes(modes);
  const parts: StateTree = {
    ...seen.state,
    files: plain,
    modes: rendered === null ? null : objects.add('blob', rendered),
  };
  const state = objects.add('tree', renderTree(stateEntries(parts)));
  const { index, unmerged } = parts;
  const about = {
    plain,
    state: parts,
    modes,
    hasMore:
      all !== headTree ||
      seen.tips.length > 0 ||
      unmerged !== null ||
      (index !== null && index !== headTree && index !== plain),
  };
  if (all === last.files && state === last.state) return { snapshot: last, about, pack: null };
  const commit = commitMaker(objects, identity);
  const stateCommit = commit({ tree: state, parents: [head], message: message('state') });
  const parents = [head, stateCommit, ...seen.tips];
  const made = commit({ tree: all, parents, message: message('files') });
  return { snapshot: { commit: made, files: all, state }, about, pack: objects.pack() };
}

/** Undefined when one is gone, or another thing by now, or they are too large together. */
function readContents(worktreePath: string, files: readonly File[]): readonly Buffer[] | undefined {
  const contents: Buffer[] = [];
  let left = BYTES_MAX;
  for (const { path } of files) {
    const content = readBytes(within(worktreePath, path), left);
    if (content === undefined) return undefined;
    contents.push(content);
    left -= content.length;
  }
  return contents;
}

/** The ids that the files would have in a commit: with filters and line endings as git has them. None when one cannot be told. One git process. */
async function hashAsCommitted(
  { dirs, env }: SnapshotSource,
  files: readonly File[],
): Promise<readonly string[]> {
  const names = files.map(({ path }) => path.toString('latin1'));
  // Lines are all that this command reads, and one that begins with a quotation mark is quoted as in C.
  if (names.some((name) => name.includes('\n') || name.startsWith('"'))) return [];
  const { stdout, exitCode } = await runGit(cleanRoom(dirs, env), ['hash-object', '--stdin-paths'], {
    stdin: Buffer.from(names.map((name) => `${name}\n`).join(''), 'latin1'),
    ok: [0, 128],
    settings: ['core.safecrlf=false'],
  });
  return exitCode === 0 ? stdout.toString('latin1').split('\n').slice(0, -1) : [];
}

/** Who makes the snapshots of this task, as the latest one has it: `Name <address>`, and the time zone. */
type Identity = { readonly who: string; readonly zone: string };

function findIdentity(commit: Buffer | undefined): Identity | undefined {
  const header = headerOf(commit);
  const [, who, zone] = /\ncommitter (.*>) \d+ ([+-]\d{4})\n/.exec(header) ?? [];
  // Its name is in another character set.
  if (who === undefined || zone === undefined || /\nencoding /.test(header)) return undefined;
  return { who, zone };
}

function findTree(commit: Buffer | undefined): Oid | undefined {
  const [, tree] = /^tree ([0-9a-f]+)\n/.exec(headerOf(commit)) ?? [];
  return tree === undefined ? undefined : asOid(tree);
}

function headerOf(commit: Buffer | undefined): string {
  return commit?.toString('latin1', 0, commit.indexOf('\n\n') + 1) ?? '';
}

type NewCommit = { readonly tree: Oid; readonly parents: readonly Oid[]; readonly message: string };

function commitMaker(objects: ObjectSet, { who, zone }: Identity): (commit: NewCommit) => Oid {
  const by = `${who} ${Math.floor(Date.now() / 1000)} ${zone}`;
  return ({ tree, parents, message }) => {
    const lines = [
      `tree ${tree}`,
      ...parents.map((oid) => `parent ${oid}`),
      `author ${by}`,
      `committer ${by}`,
    ];
    const header = Buffer.from(`${lines.join('\n')}\n\n`, 'latin1');
    return objects.add('commit', Buffer.concat([header, Buffer.from(message)]));
  };
}
