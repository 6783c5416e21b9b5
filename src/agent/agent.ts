/**
 * An agent program as data and pure functions: its command line, how its prompt reaches it, and how its output reads. One file per agent beside
 * this one; `docs/adding-an-agent.md` walks through one.
 */

import type { AgentEvent } from './event.ts';

/**
 * What an agent may do without asking. Nobody is there to answer a headless agent: what it would have to ask is refused.
 *
 * - `edit`: edit files and run commands in its worktree (the default); each agent keeps what it guards otherwise.
 * - `ask`: the agent's own default, in which it asks before it does anything of note.
 * - `plan`: look and plan only.
 * - `yolo`: everything.
 */
export type Permission = 'edit' | 'ask' | 'plan' | 'yolo';

export const PERMISSIONS: readonly Permission[] = ['edit', 'ask', 'plan', 'yolo'];

/** What a run wants of its agent. */
export type AgentRequest = {
  readonly prompt: string;
  /** As the agent names it; null leaves the agent's own choice. */
  readonly model: string | null;
  readonly permission: Permission;
  /** The agent session to go on with, null for a new one. */
  readonly session: string | null;
  readonly worktreePath: string;
  /** Whether the agent will run as the superuser; some refuse to, or have to be told that this is meant. */
  readonly isRoot: boolean;
};

/** How to start an agent: arguments after the program, variables besides the user's own, and what its standard input holds. */
export type AgentCommand = {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** `prompt`: the prompt, then its end. `nothing`: closed at once. An open pipe makes some agents wait for ever. */
  readonly stdin: 'prompt' | 'nothing';
};

/** Reads an agent's output line by line. It keeps what it has to know of earlier lines, bounded, and never the lines themselves. */
export type StreamReader = {
  /** What one line says, without its newline. A line that is no JSON of the agent's is {@link AgentEvent} `output`. Never throws. */
  readonly read: (line: string) => readonly AgentEvent[];
  /** What one line of its standard error says; for agents that tell something there and nowhere else. Never throws. */
  readonly readError?: (line: string) => readonly AgentEvent[];
  /**
   * What the end of the output itself says, asked once, when the process has ended. Only agents without a terminal event answer with
   * an `end` here, from what they have printed before; never from an exit code alone.
   */
  readonly finish: (exitCode: number | null) => readonly AgentEvent[];
};

export type Agent = {
  /** What people type: `--agent claude`. */
  readonly name: string;
  /** What people read. */
  readonly title: string;
  /** The program's name in PATH. */
  readonly program: string;
  /** The command that installs it, for people to type. */
  readonly install: string;
  /** Arguments that make it print its version and exit. */
  readonly versionArgs: readonly string[];
  /** Permissions it can be started with; asking for another one is refused before anything starts. */
  readonly permissions: readonly Permission[];
  /** What each of these means in this agent's own words, for people. */
  readonly permissionNote: string | null;
  /** The dialect of its output, by the name of the agent that it is of; `text` when it has none. */
  readonly reads: string;
  /** Whether a session can be gone on with, without a terminal. */
  readonly canResume: boolean;
  readonly command: (request: AgentRequest) => AgentCommand;
  /** Variables that its declaration gives it. They may be secrets, so they are in no record; a run has them from the file that its start uses up. */
  readonly variables: Readonly<Record<string, string>>;
  readonly newReader: () => StreamReader;
};
