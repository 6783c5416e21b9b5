/** Every agent that Phasr knows by name. */

import { aider } from './aider.ts';
import type { Agent, StreamReader } from './agent.ts';
import { claude } from './claude.ts';
import { cline } from './cline.ts';
import { codex } from './codex.ts';
import { copilot } from './copilot.ts';
import { gemini } from './gemini.ts';
import { opencode } from './opencode.ts';
import { pi } from './pi.ts';
import { plainReader } from './plain.ts';
import { qwen } from './qwen.ts';

/** In the order in which they are shown and looked for. */
export const AGENTS: readonly Agent[] = [claude, codex, gemini, opencode, copilot, qwen, pi, cline, aider];

/** The agent that people call so; undefined when there is none. */
function findAgentNamed(name: string): Agent | undefined {
  return AGENTS.find((agent) => agent.name === name);
}

/** The reader of a dialect; the plain one for `text`, and for names that this Phasr does not know. */
export function readerNamed(dialect: string): StreamReader {
  return findAgentNamed(dialect)?.newReader() ?? plainReader();
}
