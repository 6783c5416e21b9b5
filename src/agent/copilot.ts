/** GitHub Copilot CLI (tried with 1.0.102): `copilot --output-format json`. */

import type { Agent, AgentCommand, AgentRequest, Permission, StreamReader } from './agent.ts';
import type { AgentEvent, Trouble } from './event.ts';
import { at, type Fields, listAt, numberAt, parseObject, renderValue, textAt } from './json.ts';
import { makeTrouble } from './trouble.ts';

export const copilot: Agent = {
  name: 'copilot',
  title: 'Copilot CLI',
  program: 'copilot',
  install: 'npm install -g @github/copilot',
  versionArgs: ['--version'],
  permissions: ['edit', 'ask', 'plan', 'yolo'],
  permissionNote:
    'edit: may write and run, other paths are refused; ask: every tool that changes something is refused; plan: --mode plan; yolo: --allow-all',
  reads: 'copilot',
  canResume: true,
  command: makeCommand,
  newReader,
};

/** The mode is always named: a session that began in plan mode stays in it otherwise. */
const PERMISSION_ARGS: Readonly<Record<Permission, readonly string[]>> = {
  edit: ['--mode=interactive', '--allow-tool=write', '--allow-tool=shell'],
  ask: ['--mode=interactive'],
  plan: ['--mode=plan'],
  yolo: ['--mode=interactive', '--allow-all'],
};

function makeCommand({ model, permission, session }: AgentRequest): AgentCommand {
  return {
    args: [
      '--no-auto-update',
      '--output-format=json',
      ...PERMISSION_ARGS[permission],
      ...(model === null ? [] : [`--model=${model}`]),
      ...(session === null ? [] : [`--resume=${session}`]),
    ],
    env: {},
    // On standard input the prompt makes it headless without an option.
    stdin: 'prompt',
  };
}

type State = { trouble: Trouble | null; status: number | undefined };

function newReader(): StreamReader {
  const state: State = { trouble: null, status: undefined };
  return {
    read: (line) => {
      const fields = parseObject(line);
      const type = textAt(fields, 'type');
      // Its own lines all have a dotted type, the last one excepted.
      if (fields === undefined || type === undefined || !(type === 'result' || type.includes('.')))
        return [{ kind: 'output', text: line }];
      return readLine(fields, type, state);
    },
    finish: () => [],
  };
}

function readLine(fields: Fields, type: string, state: State): readonly AgentEvent[] {
  const data = at(fields, 'data');
  switch (type) {
    case 'assistant.message': {
      const text = textAt(data, 'content') ?? '';
      return text === '' ? [] : [{ kind: 'text', text, isPartial: false }];
    }
    case 'assistant.reasoning':
      return [{ kind: 'thinking', text: textAt(data, 'content') ?? '', isPartial: false }];
    case 'tool.execution_start': {
      const [id, tool] = [textAt(data, 'toolCallId') ?? '', textAt(data, 'toolName') ?? ''];
      const input = at(data, 'arguments');
      const summary = textAt(input, 'command') ?? textAt(input, 'path') ?? renderValue(input);
      return [{ kind: 'tool.started', id, tool, summary }];
    }
    case 'tool.execution_complete':
      return readToolEnd(data);
    case 'model.call_failure':
      state.status = numberAt(data, 'statusCode');
      return [];
    case 'assistant.turn_retry': {
      const trouble = makeTrouble(
        `${state.status ?? ''} ${textAt(data, 'reason') ?? ''}`.trim(),
        state.status,
      );
      return [{ kind: 'retry', attempt: null, attemptsMax: null, delayMs: null, trouble }];
    }
    case 'session.error':
      state.trouble = makeTrouble(textAt(data, 'message') ?? '', numberAt(data, 'statusCode'));
      return [{ kind: 'warning', text: state.trouble.message }];
    case 'result':
      return readEnd(fields, state);
    default:
      return [];
  }
}

function readToolEnd(data: unknown): readonly AgentEvent[] {
  const [id, tool] = [textAt(data, 'toolCallId') ?? '', textAt(data, 'toolName') ?? ''];
  const isError = at(data, 'success') === false;
  const problem = textAt(data, 'error', 'message') ?? '';
  const output = isError ? problem : (textAt(data, 'result', 'content') ?? '');
  const paths = listAt(data, 'fileEdits')
    .map((edit) => textAt(edit, 'path'))
    .filter((path) => path !== undefined);
  return [
    { kind: 'tool.ended', id, tool, isError, output },
    ...(textAt(data, 'error', 'code') === 'denied'
      ? [{ kind: 'permission.refused', tool, summary: problem } as const]
      : []),
    ...(paths.length > 0 ? [{ kind: 'files', paths } as const] : []),
  ];
}

/** It names no tokens when the model is not GitHub's. After an interruption it says exit code 0 all the same; the process's own end tells that. */
function readEnd(fields: Fields, state: State): readonly AgentEvent[] {
  const id = textAt(fields, 'sessionId');
  const isDone = numberAt(fields, 'exitCode') === 0 && state.trouble === null;
  const trouble = isDone ? null : (state.trouble ?? makeTrouble('it ended with an error', undefined));
  return [
    ...(id === undefined ? [] : [{ kind: 'session', id, cwd: null, model: null } as const]),
    { kind: 'end', outcome: isDone ? 'done' : 'failed', trouble },
  ];
}
