/** Whether the disks take more work: writable, and with room above the free-space floor, so that what goes on already can be written down. */

import { accessSync, constants } from 'node:fs';
import { asStorageFailure, PhasrError } from '../base/errors.ts';
import { renderSize } from '../base/size.ts';
import { inspectDisk } from '../store/disk.ts';
import { DISK_FLOOR_BYTES } from '../store/settings.ts';
import type { Context } from './context.ts';
import { settingsHere } from './settings.ts';

/**
 * Looks at the disks of the worktrees and of the repository; no process. Throws `storage-failed` when nothing may be written there, `disk-full` when one has less than
 * `floorBytes` free.
 */
export function requireUsableDisks({ user, repository }: Context, floorBytes: number): void {
  for (const [what, path] of [
    ['worktrees', user.worktrees],
    ['repository', repository.commonDir],
  ] as const) {
    const disk = inspectDisk(path);
    try {
      accessSync(disk.path, constants.W_OK | constants.X_OK);
    } catch (error) {
      throw asStorageFailure(error);
    }
    if (disk.freeBytes >= floorBytes) continue;
    throw new PhasrError(
      'disk-full',
      `the disk of the ${what} has ${renderSize(disk.freeBytes)} free, and below ${renderSize(floorBytes)} nothing is started (${disk.path})`,
      {
        hint: 'Free some space: phasr list shows what to merge or discard. Another limit: floor = "100MB" below [disk] in your own settings (phasr config shows where they are).',
        details: { path: disk.path, freeBytes: disk.freeBytes, floorBytes },
      },
    );
  }
}

/** The floor for a run that has waited. Settings that have become unreadable meanwhile stop none. */
export async function floorOfWaiting(context: Context): Promise<number> {
  try {
    return (await settingsHere(context)).disk.floorBytes.value;
  } catch (error) {
    if (error instanceof PhasrError && error.code === 'settings-invalid') return DISK_FLOOR_BYTES;
    throw error;
  }
}
