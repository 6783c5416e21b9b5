/** What `phasr doctor --fix` says, held against its schema. */

import { requireValid } from './schemas.ts';
import type { RunOptions, World } from './world.ts';

export type RepairJson = {
  readonly check: string;
  readonly outcome: 'done' | 'planned' | 'left';
  readonly message: string;
  readonly hint: string | null;
  readonly aside: string | null;
  readonly operation: string | null;
};

/** Runs it, or a dry run of it. */
export async function fix(
  world: World,
  options: RunOptions & { readonly isDryRun?: boolean } = {},
): Promise<readonly RepairJson[]> {
  const { isDryRun = false, ...rest } = options;
  const ran = await world.phasr(['doctor', '--fix', ...(isDryRun ? ['--dry-run'] : []), '--json'], rest);
  if (ran.stderr !== '') throw new Error(ran.stderr);
  const document = JSON.parse(ran.stdout) as { repairs: readonly RepairJson[] };
  requireValid(document, 'phasr doctor --fix');
  return document.repairs;
}

/** Each as `outcome: message`. */
export function told(repairs: readonly RepairJson[]): readonly string[] {
  return repairs.map(({ outcome, message }) => `${outcome}: ${message}`);
}
