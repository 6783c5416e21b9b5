/** What git says of a worktree's files, for a fingerprint; and what has to be watched so that it need not be asked again. */

import { type BigIntStats, lstatSync, type Stats } from 'node:fs';
import { basename } from 'node:path';
import { PhasrError } from '../base/errors.ts';
import { isSecretName } from '../base/secret-name.ts';
import { decodeUtf8, splitBytes } from '../base/text.ts';
import { UNREAD } from './compare-fingerprints.ts';
import { type GitPlace, runGit } from './git.ts';
import { isRebuildable } from './keep.ts';

export type Watched = string | Buffer;

const SLASH = 0x2f;

/** A fingerprint that is being taken. */
export type Taking = { readonly found: Map<string, string>; readonly watched: Watched[] };

/** Links are not followed. Undefined: not there, or not to be looked at. */
export function lookUp(path: Watched): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch {
    // Safe to ignore: what cannot be looked at is as good as gone, and that is a difference.
    return undefined;
  }
}

/** What changes when a file does: inode, mode, size, times. */
export function exactStamp(path: Watched): string {
  let stat: BigIntStats | undefined;
  try {
    stat = lstatSync(path, { throwIfNoEntry: false, bigint: true });
  } catch {
    // Safe to ignore: as above.
  }
  return stat === undefined ? 'gone' : [stat.ino, stat.mode, stat.size, stat.mtimeNs, stat.ctimeNs].join(':');
}

/** Puts what git says of one worktree into a fingerprint. Two git processes at once. */
export async function takeStatus(taking: Taking, top: string, place: GitPlace): Promise<void> {
  const { found, watched } = taking;
  const status = [
    'status',
    '--porcelain=v2',
    '-z',
    '--no-renames',
    '--untracked-files=all',
    '--ignored=matching',
  ];
  try {
    const [changed, tracked] = await Promise.all([
      runGit(place, [...status, '--ignore-submodules=all']),
      runGit(place, ['ls-files', '-z']),
    ]);
    for (const record of splitBytes(changed.stdout, 0)) {
      const { path, letters } = parseStatus(record);
      const full = Buffer.concat([Buffer.from(`${top}/`), path]);
      if (letters === '!!') takeIgnored(taking, full);
      else found.set(`path ${textOf(full)}`, `${letters} ${exactStamp(full)}`);
    }
    watchTracked(watched, top, splitBytes(tracked.stdout, 0));
  } catch (error) {
    if (!(error instanceof PhasrError)) throw error;
    found.set(`path ${top}`, UNREAD + error.message);
  }
}

/** Folders of ignored code that the person runs. */
export const INSTALLED: ReadonlySet<string> = new Set(['node_modules', '.venv', 'venv', 'vendor']);

/** Files that editors, servers and databases make and delete as they start and end. */
const TRANSIENT = /^\.?#|~$|\.(?:sw[a-p]|log|pid|sock|lock|tmp|temp|part|crdownload)$|-(?:wal|shm|journal)$/;

/**
 * Of what git ignores, what no tool makes again ({@link isRebuildable}), and installed packages: whether it is there, and of a file that looks like a secret whether it is another one. Programs of the person's write into the
 * rest all day.
 */
function takeIgnored({ found, watched }: Taking, full: Buffer): void {
  const isFolder = full.at(-1) === SLASH;
  const path = isFolder ? full.subarray(0, -1) : full;
  const text = textOf(path);
  const name = basename(text);
  const isInstalled = isFolder && INSTALLED.has(name);
  if (!isInstalled && (isRebuildable(name, isFolder) || (!isFolder && TRANSIENT.test(name)))) return;
  const isSecret = !isFolder && isSecretName(text);
  if (isSecret) watched.push(path);
  watched.push(path.subarray(0, path.lastIndexOf(SLASH)));
  found.set(`ignored ${text}`, isSecret ? exactStamp(path) : 'there');
}

/** Files, and the folders that they are in: what appears beside them touches those. */
function watchTracked(watched: Watched[], top: string, paths: readonly Buffer[]): void {
  const folders = new Set<string>();
  const base = Buffer.from(`${top}/`);
  for (const path of paths) {
    watched.push(Buffer.concat([base, path]));
    const text = path.toString('latin1');
    for (let end = text.lastIndexOf('/'); end !== -1; end = text.lastIndexOf('/', end - 1)) {
      const folder = text.slice(0, end);
      if (folders.has(folder)) break;
      folders.add(folder);
      if (end === 0) break;
    }
  }
  watched.push(top, ...[...folders].map((folder) => Buffer.concat([base, Buffer.from(folder, 'latin1')])));
}

/** git-status(1), "Porcelain Format Version 2": the fields before a path by the kind of the record. */
const FIELDS = new Map([
  ['1', 8],
  ['u', 10],
  ['?', 1],
  ['!', 1],
]);

function parseStatus(record: Buffer): { readonly path: Buffer; readonly letters: string } {
  const kind = record.toString('latin1', 0, 1);
  let at = 0;
  for (let field = 0; field < (FIELDS.get(kind) ?? 0); field++) at = record.indexOf(0x20, at) + 1;
  const fields = record.toString('latin1', 0, at).split(' ');
  // State, and what is staged: of the file itself the stamp tells.
  const letters = kind === '?' || kind === '!' ? kind + kind : `${fields[1] ?? ''} ${fields[7] ?? ''}`;
  return { path: record.subarray(at), letters };
}

function textOf(path: Buffer): string {
  return decodeUtf8(path) ?? path.toString('latin1');
}
