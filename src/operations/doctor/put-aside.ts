/** Takes something out of the way without deleting it. */

import { renameSync } from 'node:fs';
import { datedPath, moveAside } from '../../store/aside.ts';
import type { Context } from '../context.ts';

/**
 * Of the common git dir to where repairs put things, so that git does not list it among the others; elsewhere beside itself, on the same file system. Gives where it is then.
 */
export function putAside(
  { repository, paths, clock }: Pick<Context, 'repository' | 'paths' | 'clock'>,
  path: string,
): string {
  if (path.startsWith(`${repository.commonDir}/`)) return moveAside(path, paths.asideDir, clock.nowMs());
  const aside = datedPath(path, 'aside', clock.nowMs());
  renameSync(path, aside);
  return aside;
}
