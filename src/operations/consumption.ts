/** Watches what the processes of a run take of the machine, all together, and says when they take more than the person allows. */

import { renderSize } from '../base/size.ts';
import { type Belonging, findBelonging } from '../process/stop.ts';
import { readResidentBytes } from '../process/table.ts';
import { measureFolder } from '../store/disk.ts';
import type { StopWish } from './attend.ts';
import type { Context } from './context.ts';
import { settingsIfValid } from './settings.ts';

/** A look reads the process table, or every size in the worktree. */
const LOOK_EVERY_MS = 1000;
/** Sizes are looked at more seldom where that takes long: it costs no more than a twentieth of the time. */
const SHARE = 20;

export type Consumption = {
  /** Undefined: nothing is over its limit, or it is not yet time for another look. */
  readonly look: () => Promise<StopWish | undefined>;
};

/** Begins to watch a run, and what is below some folders of its own. Without a limit in the settings it never looks. */
export async function watchConsumption(
  context: Context,
  run: Belonging,
  folders: readonly string[],
): Promise<Consumption> {
  const limits = (await settingsIfValid(context))?.limits;
  const [memoryBytes, processes] = [limits?.memoryBytes.value ?? null, limits?.processes.value ?? null];
  const diskBytes = limits?.diskBytes.value ?? null;
  const looks = [
    ...(memoryBytes === null && processes === null ? [] : [watchProcesses(run, { memoryBytes, processes })]),
    ...(diskBytes === null ? [] : [watchDisk(folders, diskBytes)]),
  ].map((look) => seldom(context, look));
  return {
    look: async () => {
      for (const look of looks) {
        const wish = await look();
        if (wish !== undefined) return wish;
      }
      return undefined;
    },
  };
}

type Look = () => StopWish | undefined | Promise<StopWish | undefined>;

function seldom({ clock }: Context, look: Look): Look {
  let dueMs = clock.nowMs() + LOOK_EVERY_MS;
  return async () => {
    const startMs = clock.nowMs();
    if (startMs < dueMs) return undefined;
    const wish = await look();
    const nowMs = clock.nowMs();
    dueMs = nowMs + Math.max(LOOK_EVERY_MS, SHARE * (nowMs - startMs));
    return wish;
  };
}

type ProcessLimits = { readonly memoryBytes: number | null; readonly processes: number | null };

function watchProcesses(run: Belonging, { memoryBytes, processes }: ProcessLimits): Look {
  return async () => {
    const rows = await findBelonging(run);
    if (processes !== null && rows.length > processes)
      return { by: 'process limit', detail: `${rows.length} processes, ${processes} allowed` };
    const bytes = rows.reduce((sum, { pid }) => sum + (readResidentBytes(pid) ?? 0), 0);
    return memoryBytes !== null && bytes > memoryBytes
      ? { by: 'memory limit', detail: `${renderSize(bytes)}, ${renderSize(memoryBytes)} allowed` }
      : undefined;
  };
}

/** What the checkout has does not count: only what has come since. */
function watchDisk(folders: readonly string[], limitBytes: number): Look {
  const measure = (): number => folders.reduce((sum, folder) => sum + measureFolder(folder), 0);
  const before = measure();
  return () => {
    const added = measure() - before;
    return added > limitBytes
      ? { by: 'disk limit', detail: `${renderSize(added)} added, ${renderSize(limitBytes)} allowed` }
      : undefined;
  };
}
