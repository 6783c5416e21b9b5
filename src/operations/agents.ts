/** Which agents people can name here, and which of them this machine has. */

import type { Agent, Permission } from '../agent/agent.ts';
import { AGENTS } from '../agent/catalogue.ts';
import { makeCustomAgent } from '../agent/custom.ts';
import type { Environment } from '../base/environment.ts';
import { findProgram } from '../process/find.ts';
import type { Settings } from './settings.ts';

export type FoundAgent = {
  readonly name: string;
  readonly title: string;
  readonly program: string;
  readonly install: string;
  readonly permissions: readonly Permission[];
  readonly permissionNote: string | null;
  readonly canResume: boolean;
  /** Null when it is not in PATH. */
  readonly path: string | null;
};

/** Looks for each agent in PATH. Starts none of them. */
export function findAgents(env: Environment, agents: readonly Agent[] = AGENTS): readonly FoundAgent[] {
  return agents.map(({ name, title, program, install, permissions, permissionNote, canResume }) => ({
    name,
    title,
    program,
    install,
    permissions,
    permissionNote,
    canResume,
    path: findProgram(program, env, '/') ?? null,
  }));
}

/**
 * Phasr's own agents, and those of the settings. One of the person's own settings goes before a built-in one of the same name; one of
 * a repository does not: what `claude` is must not depend on where one stands.
 */
export function agentsOf({ agents }: Pick<Settings, 'agents'>): readonly Agent[] {
  const declared = agents
    .filter(({ name, origin }) => origin === 'user' || !AGENTS.some((own) => own.name === name))
    .map(makeCustomAgent);
  const names = new Set(declared.map(({ name }) => name));
  return [...declared, ...AGENTS.filter(({ name }) => !names.has(name))];
}
