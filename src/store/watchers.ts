/** Who is watching which tasks: nobody needs to be told of what happens before his eyes. */

import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readPlainText, writeWhole } from './files.ts';

export type Watcher = {
  /** The watching process, as an identity key. */
  readonly holder: string;
  readonly tasks: readonly number[];
};

/** Says that this process watches; gives how to take it back. A process watches one set of tasks at a time. */
export function addWatcher(directory: string, watcher: Watcher): () => void {
  const path = join(directory, `${process.pid}.json`);
  writeWhole(path, JSON.stringify(watcher));
  return () => rmSync(path, { force: true });
}

/** All watchers, dead ones too: who reads them asks the process table, and forgets those. */
export function listWatchers(directory: string): readonly (Watcher & { readonly forget: () => void })[] {
  let names: readonly string[];
  try {
    names = readdirSync(directory).filter((name) => name.endsWith('.json'));
  } catch {
    // Safe to ignore: nobody has watched here yet.
    return [];
  }
  return names.flatMap((name) => {
    const path = join(directory, name);
    const text = readPlainText(path);
    if (text === undefined || text === '') return [];
    return [{ ...(JSON.parse(text) as Watcher), forget: () => rmSync(path, { force: true }) }];
  });
}
