/** Holes in files: blocks given back to the file system while the file keeps its size and everybody's positions in it. */

import { PhasrError } from '../base/errors.ts';
import { runToEnd } from './spawn.ts';

const LIMITS = { timeoutMs: 60_000, stdoutBytesMax: 4096 };

/**
 * Makes a stretch of a file a hole. False where that cannot be done: Node has no call for it, so util-linux's `fallocate` is asked, which
 * only Linux has, and not every file system can.
 */
export async function makeHole(
  path: string,
  { start, end }: { readonly start: number; readonly end: number },
): Promise<boolean> {
  const args = ['--punch-hole', '--offset', String(start), '--length', String(end - start), '--', path];
  const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C' };
  try {
    return (await runToEnd({ file: 'fallocate', args, cwd: '/', env }, LIMITS)).exitCode === 0;
  } catch (error) {
    if (error instanceof PhasrError && error.code === 'program-missing') return false;
    throw error;
  }
}
