/** A tree with a few paths of it changed, made without an index: only the folders on the way to them are read. */

import { asOid, type Oid } from '../base/oid.ts';
import { type GitPlace, runGit } from './git.ts';
import type { ObjectSet } from './pack.ts';

/** What is at a path now; null: nothing. */
export type TreeEdit = { readonly path: Buffer; readonly entry: TreeEntry | null };
export type TreeEntry = { readonly mode: string; readonly oid: Oid };

/** Trees that were read, by tree and folder; what is not there has no entry. */
export type ReadTrees = ReadonlyMap<string, Buffer>;

/** As git names a folder of a tree or commit. */
const keyOf = (tree: Oid, folder: string): string => `${tree}:${folder}`;

/** The folders on the way to some paths, as latin1 text, the top one (`''`) among them. */
function foldersOf(edits: readonly TreeEdit[]): ReadonlySet<string> {
  const folders = new Set(['']);
  for (const { path } of edits) {
    const text = path.toString('latin1');
    for (let at = text.indexOf('/'); at !== -1; at = text.indexOf('/', at + 1))
      folders.add(text.slice(0, at));
  }
  return folders;
}

/**
 * Reads what {@link editTree} will need, and some commits. One git process.
 * Source of the format: git-cat-file(1), "BATCH OUTPUT".
 */
export async function readObjects(
  place: GitPlace,
  wanted: {
    readonly trees: readonly Oid[];
    readonly edits: readonly TreeEdit[];
    readonly commits: readonly Oid[];
  },
): Promise<ReadTrees> {
  const folders = [...foldersOf(wanted.edits)];
  const names: readonly string[] = [
    ...wanted.commits,
    ...new Set(wanted.trees.flatMap((tree) => folders.map((folder) => keyOf(tree, folder)))),
  ];
  const stdin = Buffer.from(names.map((name) => `${name}\0`).join(''), 'latin1');
  const { stdout } = await runGit(place, ['cat-file', '--batch', '-z'], { stdin });
  const found = new Map<string, Buffer>();
  let at = 0;
  for (const name of names) {
    // A name may hold a newline, and then so does what is said of it when there is nothing.
    const missing = Buffer.from(`${name} missing\n`, 'latin1');
    if (stdout.subarray(at, at + missing.length).equals(missing)) {
      at += missing.length;
      continue;
    }
    const end = stdout.indexOf(0x0a, at);
    const [, type, size = ''] = stdout.toString('latin1', at, end).split(' ');
    const length = Number(size);
    // A file may be where a folder is to be: there is no folder then.
    if (type === 'tree' || type === 'commit') found.set(name, stdout.subarray(end + 1, end + 1 + length));
    at = end + 1 + length + 1;
  }
  return found;
}

/** What a tree or commit that was read has at a path, if its folder was read. No git process. */
export function findEntry(read: ReadTrees, tree: Oid, path: Buffer): TreeEntry | undefined {
  const text = path.toString('latin1');
  const slash = text.lastIndexOf('/');
  const content = read.get(keyOf(tree, text.slice(0, Math.max(0, slash))));
  return content === undefined ? undefined : parseTree(content, tree.length / 2).get(text.slice(slash + 1));
}

/** Whether the tree itself was read. */
export function hasTree(read: ReadTrees, tree: Oid): boolean {
  return read.has(keyOf(tree, ''));
}

/** Makes the tree that has some paths changed; later edits of a path win. Empty folders are left out, as in an index. No git process. */
export function editTree(
  objects: ObjectSet,
  { tree, read }: { readonly tree: Oid; readonly read: ReadTrees },
  edits: readonly TreeEdit[],
): Oid {
  const root = makeFolder(tree, '', { read, length: tree.length / 2 });
  for (const { path, entry } of edits) {
    const parts = path.toString('latin1').split('/');
    const name = parts.pop() ?? '';
    const folder = openFolder(root, parts, entry === null ? 'find' : 'make');
    if (entry !== null) folder?.entries.set(name, entry);
    // A folder that has taken the place of a file stays.
    else if (folder?.folders.has(name) !== true) folder?.entries.delete(name);
  }
  return writeFolder(objects, root) ?? objects.add('tree', Buffer.alloc(0));
}

type Folder = {
  readonly entries: Map<string, TreeEntry>;
  /** Those of the entries that are being changed. */
  readonly folders: Map<string, Folder>;
  readonly load: (name: string) => Folder;
};

type Source = { readonly read: ReadTrees; readonly length: number };

function makeFolder(tree: Oid, path: string, source: Source): Folder {
  const content = source.read.get(keyOf(tree, path));
  return {
    entries: content === undefined ? new Map() : parseTree(content, source.length),
    folders: new Map(),
    load: (name) => makeFolder(tree, path === '' ? name : `${path}/${name}`, source),
  };
}

function openFolder(top: Folder, parts: readonly string[], how: 'find' | 'make'): Folder | undefined {
  let folder = top;
  for (const part of parts) {
    let next = folder.folders.get(part);
    if (next === undefined) {
      if (how === 'find' && folder.entries.get(part)?.mode !== FOLDER_MODE) return undefined;
      next = folder.load(part);
      folder.folders.set(part, next);
    }
    folder = next;
  }
  return folder;
}

const FOLDER_MODE = '40000';

function parseTree(content: Buffer, oidBytes: number): Map<string, TreeEntry> {
  const entries = new Map<string, TreeEntry>();
  for (let at = 0; at < content.length;) {
    const space = content.indexOf(0x20, at);
    const end = content.indexOf(0, space);
    const oid = asOid(content.toString('hex', end + 1, end + 1 + oidBytes));
    entries.set(content.toString('latin1', space + 1, end), {
      mode: content.toString('latin1', at, space),
      oid,
    });
    at = end + 1 + oidBytes;
  }
  return entries;
}

/** Undefined when nothing is left in it. */
function writeFolder(objects: ObjectSet, folder: Folder): Oid | undefined {
  const entries = new Map(folder.entries);
  for (const [name, inner] of folder.folders) {
    const oid = writeFolder(objects, inner);
    if (oid !== undefined) entries.set(name, { mode: FOLDER_MODE, oid });
    else if (entries.get(name)?.mode === FOLDER_MODE) entries.delete(name);
  }
  if (entries.size === 0) return undefined;
  return objects.add('tree', renderTree([...entries].map(([name, entry]) => ({ name, ...entry }))));
}

/** A tree's content. Git sorts by bytes, a folder as if its name ended with a slash; names are latin1 text. */
export function renderTree(entries: readonly (TreeEntry & { readonly name: string })[]): Buffer {
  const keyed = entries.map((entry) => ({
    entry,
    key: Buffer.from(entry.mode === FOLDER_MODE ? `${entry.name}/` : entry.name, 'latin1'),
  }));
  keyed.sort((one, other) => Buffer.compare(one.key, other.key));
  return Buffer.concat(
    keyed.flatMap(({ entry: { mode, name, oid } }) => [
      Buffer.from(`${mode} ${name}\0`, 'latin1'),
      Buffer.from(oid, 'hex'),
    ]),
  );
}
