/** Every agent that Phasr knows by name. */

import type { Agent, StreamReader } from './agent.ts';
import { claude } from './claude.ts';
import { codex } from './codex.ts';

export const AGENTS: readonly Agent[] = [claude, codex];

/** The agent that people call so; undefined when there is none. */
export function findAgentNamed(name: string): Agent | undefined {
  return AGENTS.find((agent) => agent.name === name);
}

/** Reads output that has no form: each line is text. */
function plainReader(): StreamReader {
  return { read: (line) => [{ kind: 'output', text: line }], finish: () => [] };
}

/** The reader of a dialect; the plain one for `text`, and for names that this Phasr does not know. */
export function readerNamed(dialect: string): StreamReader {
  return findAgentNamed(dialect)?.newReader() ?? plainReader();
}
