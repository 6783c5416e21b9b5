/** Qwen Code (tried with 0.24.4): `qwen -o stream-json`. Its stream has Claude Code's forms. */

import type { Agent, AgentCommand, AgentRequest } from './agent.ts';
import { newClaudeReader } from './claude.ts';

export const qwen: Agent = {
  name: 'qwen',
  title: 'Qwen Code',
  program: 'qwen',
  install: 'npm install -g @qwen-code/qwen-code',
  versionArgs: ['--version'],
  permissions: ['edit', 'ask', 'yolo'],
  permissionNote:
    'edit and yolo: --yolo, which writes anywhere; without it (ask) it is not offered to write or run',
  reads: 'qwen',
  canResume: true,
  command: makeCommand,
  newReader: () => newClaudeReader('run'),
};

function makeCommand({ prompt, model, permission, session }: AgentRequest): AgentCommand {
  return {
    args: [
      '-o',
      'stream-json',
      ...(permission === 'ask' ? [] : ['--yolo']),
      ...(model === null ? [] : ['-m', model]),
      ...(session === null ? [] : ['--resume', session]),
      `--prompt=${prompt}`,
    ],
    env: {},
    stdin: 'nothing',
  };
}
