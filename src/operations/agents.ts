/** Which known agent programs this machine has. */

import { accessSync, constants } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import { KNOWN_AGENTS, type KnownAgent } from '../agent/known.ts';
import type { Environment } from '../base/environment.ts';

export type FoundAgent = KnownAgent & {
  /** Null when it is not in PATH. */
  readonly path: string | null;
};

/** Looks for each known agent in PATH. Starts none of them. */
export function findAgents(env: Environment): readonly FoundAgent[] {
  const directories = (env['PATH'] ?? '').split(delimiter).filter(isAbsolute);
  return KNOWN_AGENTS.map((agent) => {
    const path = directories.map((directory) => join(directory, agent.program)).find(isExecutable);
    return { ...agent, path: path ?? null };
  });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    // Safe to ignore: it is not there.
    return false;
  }
}
