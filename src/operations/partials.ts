/** What dead processes have left half-written, or half-deleted: files and folders whose names say which process they belong to. */

import { lstatSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { findNamer } from '../base/unique.ts';
import { findProcess } from '../process/table.ts';

/**
 * Removes, directly below some folders, what processes that live no more have named with `uniqueName`. Nothing is missed: a half-written file's
 * deed is done again, and a folder is named so only when it is given up (`.failed`), or nothing refers to it yet (`.new`).
 */
export async function removePartials(directories: readonly string[]): Promise<void> {
  for (const directory of directories) {
    for (const name of listNames(directory)) {
      const namer = findNamer(name);
      if (namer === undefined || (await findProcess(namer)) !== undefined) continue;
      const path = join(directory, name);
      const mayBeFolder = /\.(?:failed|new)$/.test(name);
      const stat = lstatSync(path, { throwIfNoEntry: false });
      if (stat?.isFile() === true || (mayBeFolder && stat?.isDirectory() === true))
        rmSync(path, { recursive: true, force: true });
    }
  }
}

function listNames(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    // Safe to ignore: it was not made yet.
    return [];
  }
}
