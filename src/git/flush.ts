/**
 * Makes what was written survive a power cut. Git flushes the contents of what it writes (`durable` of `git.ts`), not the folders that name it; files that are written
 * without git nobody flushes but us.
 */

import { constants, existsSync } from 'node:fs';
import { type FileHandle, open, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Environment } from '../base/environment.ts';
import { systemCode } from '../base/errors.ts';
import { runToEnd } from '../process/spawn.ts';
import { readPathFile } from './files.ts';
import type { GitPlace } from './git.ts';

/** Files or folders that are flushed at a time: the file system does several with one write of its journal. */
const AT_ONCE = 32;

/** What has gone away meanwhile, is a link, or cannot be opened needs no flush of ours. */
const NOT_FLUSHED: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES', 'ENXIO']);

/** Flushes files (their contents) and folders (the names in them); links are not followed. */
export async function flushPaths(paths: readonly (string | Buffer)[]): Promise<void> {
  for (let at = 0; at < paths.length; at += AT_ONCE)
    await Promise.all(paths.slice(at, at + AT_ONCE).map(flushPath));
}

async function flushPath(path: string | Buffer): Promise<void> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  let file: FileHandle;
  try {
    file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    if (NOT_FLUSHED.has(systemCode(error) ?? '')) return;
    throw error;
  }
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Flushes everything in a folder of ours, and the folder's own name. For small folders: one call for each file. */
export async function flushTree(directory: string): Promise<void> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile() || entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name));
  await flushPaths([...paths, directory, dirname(directory)]);
}

/** Flushes the names of files, after git has flushed their contents. */
export async function flushNames(files: readonly string[]): Promise<void> {
  await flushPaths([...new Set(files.map((file) => dirname(file)))]);
}

/** Flushes what a merge has written into a worktree: so many paths of it, and the index that says they are as committed. */
export async function flushFollowed({ gitDir, workTree }: GitPlace, paths: readonly Buffer[]): Promise<void> {
  if (gitDir === null || workTree === null) throw new Error('this needs a worktree');
  await flushPaths(paths.map((path) => Buffer.concat([Buffer.from(`${workTree}/`), path])));
  await flushPaths([join(gitDir, 'index'), gitDir]);
}

/** Where a git dir's refs and objects are. */
export function commonDirOf({ gitDir }: GitPlace): string {
  if (gitDir === null) throw new Error('this needs a git dir');
  const common = readPathFile(join(gitDir, 'commondir'));
  return common === undefined ? gitDir : join(gitDir, common);
}

/** What was written since the last flush is some seconds of work for a disk; a slower one goes on by itself. */
const LIMITS = { timeoutMs: 60_000, stdoutBytesMax: 64 * 1024 };

/**
 * Flushes the whole disks that some paths are on: a worktree, in which nobody knows what was written last. One process.
 * Only Linux can (`sync --file-system`); elsewhere nothing happens, and files may be empty that were written in the half minute before a power cut.
 */
export async function flushDisks(paths: readonly string[], env: Environment): Promise<void> {
  if (process.platform !== 'linux') return;
  const args = ['--file-system', '--', ...paths.filter((path) => existsSync(path))];
  await runToEnd({ file: 'sync', args, cwd: '/', env: { PATH: env['PATH'] ?? '/usr/bin:/bin' } }, LIMITS);
}
