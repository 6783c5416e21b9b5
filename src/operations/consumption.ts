/** Watches what the processes of a run take of the machine, all together, and says when they take more than the person allows. */

import { renderSize } from '../base/size.ts';
import { type Belonging, findBelonging } from '../process/stop.ts';
import { readResidentBytes } from '../process/table.ts';
import type { StopWish } from './attend.ts';
import type { Context } from './context.ts';
import { settingsIfValid } from './settings.ts';

/** A look reads the process table. */
const LOOK_EVERY_MS = 1000;

export type Consumption = {
  /** Undefined: nothing is over its limit, or it is not yet time for another look. */
  readonly look: () => Promise<StopWish | undefined>;
};

/** Begins to watch a run. Without a limit in the settings it never looks. */
export async function watchConsumption(context: Context, run: Belonging): Promise<Consumption> {
  const limits = (await settingsIfValid(context))?.limits;
  const [memoryBytes, processes] = [limits?.memoryBytes.value ?? null, limits?.processes.value ?? null];
  let lookedAtMs = context.clock.nowMs();
  return {
    look: async () => {
      const nowMs = context.clock.nowMs();
      const hasLimit = memoryBytes !== null || processes !== null;
      if (!hasLimit || nowMs - lookedAtMs < LOOK_EVERY_MS) return undefined;
      lookedAtMs = nowMs;
      const rows = await findBelonging(run);
      if (processes !== null && rows.length > processes)
        return { by: 'process limit', detail: `${rows.length} processes, ${processes} allowed` };
      const bytes = rows.reduce((sum, { pid }) => sum + (readResidentBytes(pid) ?? 0), 0);
      return memoryBytes !== null && bytes > memoryBytes
        ? { by: 'memory limit', detail: `${renderSize(bytes)}, ${renderSize(memoryBytes)} allowed` }
        : undefined;
    },
  };
}
