/** Deletes directories that are in the trash. */

import { rmSync } from 'node:fs';
import { runToEnd } from '../process/spawn.ts';
import type { Context } from './context.ts';

const REMOVE_LIMITS = { timeoutMs: 6 * 60 * 60_000, stdoutBytesMax: 1024 * 1024 };

/**
 * Deletes a directory tree without following links. `rm` copes with paths longer than the system's limit, which Node's own removal does not
 * (hazard d14); folders without permission are opened up first, by their owner (d15). Only folders: a file may be a hard link to somebody else's.
 */
export async function removeTree(path: string, env: Context['env']): Promise<void> {
  const PATH = env['PATH'] ?? '/usr/bin:/bin';
  const run = (file: string, args: readonly string[]): Promise<{ exitCode: number | null }> =>
    runToEnd({ file, args, cwd: '/', env: { PATH } }, REMOVE_LIMITS);
  if ((await run('rm', ['-rf', '--', path])).exitCode === 0) return;
  await run('find', [path, '-type', 'd', '!', '-perm', '-700', '-exec', 'chmod', 'u+rwx', '{}', ';']);
  await run('rm', ['-rf', '--', path]);
  rmSync(path, { recursive: true, force: true });
}
