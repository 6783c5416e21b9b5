/** Which file a program's name means. */

import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, isAbsolute, join, resolve } from 'node:path';
import type { Environment } from '../base/environment.ts';

/**
 * The file that a program's name means, as a shell that stands in `directory` finds it: a path as it is, a bare name in PATH. Folders of PATH that
 * are not absolute are left out: they would mean something else elsewhere. Undefined when there is none that may be executed.
 */
export function findProgram(name: string, env: Environment, directory: string): string | undefined {
  if (name === '') return undefined;
  const candidates = name.includes('/')
    ? [resolve(directory, name)]
    : (env['PATH'] ?? '')
        .split(delimiter)
        .filter(isAbsolute)
        .map((folder) => join(folder, name));
  return candidates.find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    // Safe to ignore: no such program is the answer.
    return false;
  }
}
