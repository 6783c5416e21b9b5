/** Qwen Code (tried with 0.24.4): `qwen -o stream-json`. Its stream has Claude Code's forms. */

import type { Agent, AgentCommand, AgentRequest, Permission } from './agent.ts';
import { newClaudeReader } from './claude.ts';

export const qwen: Agent = {
  name: 'qwen',
  title: 'Qwen Code',
  program: 'qwen',
  install: 'npm install -g @qwen-code/qwen-code',
  versionArgs: ['--version'],
  permissions: ['edit', 'ask', 'plan', 'yolo'],
  permissionNote:
    'edit: --approval-mode auto-edit, and its shell; ask: default, in which it is offered neither; plan: plan; yolo: may write anywhere',
  reads: 'qwen',
  canResume: true,
  variables: {},
  command: makeCommand,
  newReader: () => newClaudeReader({ tokensOf: 'session', costOf: 'session' }),
};

const PERMISSION_ARGS: Readonly<Record<Permission, readonly string[]>> = {
  edit: ['--approval-mode=auto-edit', '--allowed-tools=run_shell_command'],
  ask: ['--approval-mode=default'],
  plan: ['--approval-mode=plan'],
  yolo: ['--approval-mode=yolo'],
};

function makeCommand({ model, permission, session }: AgentRequest): AgentCommand {
  return {
    args: [
      '--output-format=stream-json',
      ...PERMISSION_ARGS[permission],
      ...(model === null ? [] : [`--model=${model}`]),
      ...(session === null ? [] : [`--resume=${session}`]),
    ],
    env: {},
    stdin: 'prompt',
  };
}
