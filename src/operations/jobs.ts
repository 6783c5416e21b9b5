/** How many runs may go on at once. */

import { totalmem } from 'node:os';
import type { Context } from './context.ts';

const GIB = 1024 ** 3;

/** Five unless the user says otherwise; fewer where each would have less than 2 GiB of memory, never fewer than two. */
function defaultJobs(): number {
  return Math.min(5, Math.max(2, Math.floor(totalmem() / (2 * GIB))));
}

/** The number that holds now, for all repositories and terminals of the user. */
export function readJobs(context: Context): number {
  return context.places().readJobs() ?? defaultJobs();
}
