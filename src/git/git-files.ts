/** The private git dir's own files. */

import { findEntries, findStat } from './files.ts';

/** The files of a private git dir that a snapshot holds: all but objects, index and locks. Nothing is followed. */
export function* listGitFiles(
  top: string,
  folder: Buffer,
): Generator<{ readonly path: Buffer; readonly size: number }> {
  const directory = Buffer.concat([Buffer.from(`${top}/`), folder]);
  if (findStat(directory)?.isDirectory() !== true) return;
  for (const entry of findEntries(directory) ?? []) {
    const path = folder.length === 0 ? entry.name : Buffer.concat([folder, Buffer.from('/'), entry.name]);
    const name = path.toString('latin1');
    if (name === 'objects' || name.endsWith('.lock') || /^worktrees\/[^/]+\/index$/.test(name)) continue;
    if (entry.isDirectory()) yield* listGitFiles(top, path);
    else if (entry.isFile() || entry.isSymbolicLink())
      yield { path, size: findStat(Buffer.concat([Buffer.from(`${top}/`), path]))?.size ?? 0 };
  }
}
