/** Which known agent programs this machine has. */

import { KNOWN_AGENTS, type KnownAgent } from '../agent/known.ts';
import type { Environment } from '../base/environment.ts';
import { findProgram } from '../process/find.ts';

export type FoundAgent = KnownAgent & {
  /** Null when it is not in PATH. */
  readonly path: string | null;
};

/** Looks for each known agent in PATH. Starts none of them. */
export function findAgents(env: Environment): readonly FoundAgent[] {
  return KNOWN_AGENTS.map((agent) => ({ ...agent, path: findProgram(agent.program, env, '/') ?? null }));
}
