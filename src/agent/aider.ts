/** aider (flags from its documentation; not tried): plain text, so that its exit code is all there is. */

import type { Agent, AgentCommand, AgentRequest } from './agent.ts';
import { plainReader } from './plain.ts';

export const aider: Agent = {
  name: 'aider',
  title: 'aider',
  program: 'aider',
  install: 'python -m pip install aider-install && aider-install',
  versionArgs: ['--version'],
  permissions: ['edit', 'plan'],
  permissionNote: 'edit: --yes-always; plan: --chat-mode ask; Phasr commits, not aider',
  reads: 'text',
  canResume: false,
  variables: {},
  command: makeCommand,
  newReader: plainReader,
};

function makeCommand({ prompt, model, permission }: AgentRequest): AgentCommand {
  return {
    args: [
      '--yes-always',
      ...(permission === 'plan' ? ['--chat-mode=ask'] : []),
      '--no-auto-commits',
      '--no-dirty-commits',
      '--no-check-update',
      '--no-pretty',
      '--no-stream',
      ...(model === null ? [] : ['--model', model]),
      `--message=${prompt}`,
    ],
    env: {},
    stdin: 'nothing',
  };
}
