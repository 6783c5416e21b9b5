/** aider (flags from its documentation; not tried): plain text, so that its exit code is all there is. */

import type { Agent, AgentCommand, AgentRequest } from './agent.ts';
import { plainReader } from './plain.ts';

export const aider: Agent = {
  name: 'aider',
  title: 'aider',
  program: 'aider',
  install: 'python -m pip install aider-install && aider-install',
  versionArgs: ['--version'],
  permissions: ['edit', 'yolo'],
  permissionNote: '--yes-always: it edits, and runs what it proposes; Phasr commits, not aider',
  reads: 'text',
  canResume: false,
  command: makeCommand,
  newReader: plainReader,
};

function makeCommand({ prompt, model }: AgentRequest): AgentCommand {
  return {
    args: [
      '--yes-always',
      '--no-auto-commits',
      '--no-check-update',
      ...(model === null ? [] : ['--model', model]),
      `--message=${prompt}`,
    ],
    env: {},
    stdin: 'nothing',
  };
}
