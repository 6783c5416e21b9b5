/** Which agent a run gets: a known one by its name, or a command of the person's own; made ready to be recorded and started. */

import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { delimiter, isAbsolute, join, resolve } from 'node:path';
import { type Agent, type Permission, PERMISSIONS } from '../agent/agent.ts';
import type { Environment } from '../base/environment.ts';
import { PhasrError } from '../base/errors.ts';
import { renderVisible } from '../base/text.ts';
import type { RunLimits, RunRequest } from '../task/event.ts';
import { agentsOf } from './agents.ts';
import type { Context } from './context.ts';
import type { Settings } from './settings.ts';

export { PERMISSIONS, type Permission } from '../agent/agent.ts';

export type AgentChoice =
  /** Program and arguments; `{prompt}` inside an argument stands for the prompt. */
  | { readonly kind: 'command'; readonly command: readonly string[] }
  /** Null: what the settings say; without them no agent, its own model, and `edit`. */
  | {
      readonly kind: 'agent';
      readonly name: string | null;
      readonly model: string | null;
      readonly permission: Permission | null;
    };

/** What a run's record has of its agent. */
export type AgentPart = Pick<RunRequest, 'command' | 'agent' | 'limits'>;

export type ResolvedAgent = {
  /** Arguments with `{prompt}` still in them, to see whether a prompt fits. */
  readonly programArgs: readonly string[];
  /** Not recorded: they may be secrets. */
  readonly variables: Environment;
  readonly forWorktree: (where: {
    readonly worktreePath: string;
    readonly session: string | null;
  }) => AgentPart;
};

/** A command of the person's own may be silent for as long as it likes. */
/** For agents that report nothing. */
export const NO_LIMITS: RunLimits = { noProgressMs: null, retriesMs: null };

/** Stands for the prompt in a recorded command; see `commandWithPrompt`. */
const PROMPT = '{prompt}';

/** Resolves each draft's agent. Throws `agent-missing`, `agent-not-found`, `usage`. */
export function resolveAgents(
  context: Context,
  drafts: readonly { readonly agent: AgentChoice }[],
  settings: Settings,
): readonly ResolvedAgent[] {
  return drafts.map(({ agent }) => {
    if (agent.kind === 'command') return resolveCommand(context, agent.command);
    const name = agent.name ?? settings.agent.value;
    if (name === null) throw agentMissing();
    return resolveAgent(context, { ...agent, name }, settings);
  });
}

function resolveCommand(context: Context, words: readonly string[]): ResolvedAgent {
  const command = resolveProgram(context, words);
  return {
    programArgs: command.slice(1),
    variables: {},
    forWorktree: () => ({ command, agent: null, limits: NO_LIMITS }),
  };
}

/** A known agent, found in PATH. Throws `agent-not-found` with how to install it, `usage` for a permission that it does not have. */
export function resolveAgent(
  context: Context,
  choice: { readonly name: string; readonly model: string | null; readonly permission: Permission | null },
  settings: Settings,
): ResolvedAgent {
  const agent = requireAgent(choice.name, settings);
  const permission = choosePermission(agent, choice.permission, settings);
  // A model in the settings is one of the agent in the settings.
  const isUsual = choice.name === settings.agent.value;
  const model = choice.model ?? (isUsual ? settings.model.value : null);
  const limits =
    agent.reads === 'text'
      ? NO_LIMITS
      : { noProgressMs: settings.limits.noProgressMs.value, retriesMs: settings.limits.retriesMs.value };
  const program = findProgram(context, agent.program);
  if (program === undefined) {
    throw new PhasrError('agent-not-found', `${agent.title} is not installed: there is no ${agent.program}`, {
      hint: agent.install,
    });
  }
  const isRoot = process.getuid?.() === 0;
  const make = (where: { readonly worktreePath: string; readonly session: string | null }): AgentPart => {
    const made = agent.command({ prompt: PROMPT, model, permission, isRoot, ...where });
    const { name, title, reads } = agent;
    const { stdin, env } = made;
    return {
      command: [program, ...made.args],
      agent: { name, title, reads, model, permission, session: where.session, stdin, env },
      limits,
    };
  };
  const { args } = agent.command({
    prompt: PROMPT,
    model,
    permission,
    isRoot,
    session: null,
    worktreePath: '/',
  });
  return { programArgs: args, variables: agent.variables, forWorktree: make };
}

/** Throws `agent-not-found`. */
export function requireAgent(name: string, settings: Settings): Agent {
  const agents = agentsOf(settings);
  const agent = agents.find((candidate) => candidate.name === name);
  if (agent !== undefined) return agent;
  throw new PhasrError('agent-not-found', `there is no agent ${renderVisible(name)}`, {
    hint: `Known ones: ${agents.map((known) => known.name).join(', ')}. Any other program goes after --.`,
  });
}

/** What is asked for must be known to the agent; what the settings prefer holds where it is. */
function choosePermission(agent: Agent, asked: Permission | null, settings: Settings): Permission {
  const has = (permission: Permission): boolean => agent.permissions.includes(permission);
  if (asked === null) {
    const { value, origin } = settings.permission;
    // A repository may ask for less than the usual, never for everything.
    return has(value) && !(value === 'yolo' && origin === 'repository') ? value : 'edit';
  }
  if (has(asked)) return asked;
  throw new PhasrError('usage', `${agent.title} cannot be run with --${asked}`, {
    hint: `It knows: ${PERMISSIONS.filter(has).join(', ')}`,
  });
}

function agentMissing(): PhasrError {
  return new PhasrError('agent-missing', 'no agent was given', {
    hint: 'Name one (--agent claude), or put a command after --, as in: phasr run "fix the typo" -- ./my-agent.sh   (see: phasr agents)',
  });
}

/**
 * The command with its program as an absolute path: what the person means is what he sees from where he stands, while the agent will
 * stand in its worktree.
 */
function resolveProgram(context: Context, command: readonly string[]): readonly string[] {
  const [program, ...args] = command;
  if (program === undefined || program === '') throw agentMissing();
  const found = findProgram(context, program);
  if (found !== undefined) return [found, ...args];
  const exists = candidates(context, program).find(
    (candidate) => existsSync(candidate) && statSync(candidate).isFile(),
  );
  throw new PhasrError(
    'agent-not-found',
    exists === undefined
      ? `there is no program ${renderVisible(program)}`
      : `${renderVisible(program)} is not executable`,
    {
      hint:
        exists === undefined
          ? 'Check its name and path. Known agents: phasr agents'
          : `chmod +x ${renderVisible(program)}`,
    },
  );
}

function findProgram(context: Context, program: string): string | undefined {
  return candidates(context, program).find(isExecutableFile);
}

function candidates(context: Context, program: string): readonly string[] {
  if (/[\\/]/.test(program)) return [resolve(context.repository.startDirectory, program)];
  return (context.env['PATH'] ?? '')
    .split(delimiter)
    .filter(isAbsolute)
    .map((directory) => join(directory, program));
}

/** Whether a path is a file that may be executed. */
export function isExecutableFile(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    // Safe to ignore: no such program is the answer.
    return false;
  }
}
