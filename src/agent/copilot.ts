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
  variables: {},
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

type State = {
  trouble: Trouble | null;
  status: number | undefined;
  /** It was told to stop, and said so. */
  isAborted: boolean;
  openTurns: number;
  isEnded: boolean;
};

/** Its own lines have a dotted type, these excepted. */
const UNDOTTED = new Set(['result', 'abort']);

function newReader(): StreamReader {
  const state: State = { trouble: null, status: undefined, isAborted: false, openTurns: 0, isEnded: false };
  return {
    read: (line) => {
      const fields = parseObject(line);
      const type = textAt(fields, 'type');
      if (fields === undefined || type === undefined || !(UNDOTTED.has(type) || type.includes('.')))
        return [{ kind: 'output', text: line }];
      return readLine(fields, type, state);
    },
    // Ended by a signal it may print `abort`, or an error, and no `result`.
    finish: () =>
      state.isEnded || (!state.isAborted && state.trouble === null) ? [] : [endOf(undefined, state)],
  };
}

function readLine(fields: Fields, type: string, state: State): readonly AgentEvent[] {
  const data = at(fields, 'data');
  switch (type) {
    case 'abort':
      state.isAborted = true;
      return [];
    case 'assistant.idle':
      state.isAborted ||= at(data, 'aborted') === true;
      return [];
    case 'assistant.turn_start':
      state.openTurns += 1;
      return [];
    case 'assistant.turn_end':
      state.openTurns = Math.max(0, state.openTurns - 1);
      return [];
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

/** It names no tokens when the model is not GitHub's. */
function readEnd(fields: Fields, state: State): readonly AgentEvent[] {
  const id = textAt(fields, 'sessionId');
  state.isEnded = true;
  return [
    ...(id === undefined ? [] : [{ kind: 'session', id, cwd: null, model: null } as const]),
    endOf(numberAt(fields, 'exitCode'), state),
  ];
}

/** After an interruption its result says exit code 0 all the same: an `abort`, or a turn that has not ended, tells that apart. */
function endOf(exitCode: number | undefined, state: State): AgentEvent {
  if (state.isAborted || (exitCode === 0 && state.openTurns > 0))
    return { kind: 'end', outcome: 'interrupted', trouble: null };
  if (exitCode === 0 && state.trouble === null) return { kind: 'end', outcome: 'done', trouble: null };
  const trouble = state.trouble ?? makeTrouble('it ended with an error', undefined);
  return { kind: 'end', outcome: 'failed', trouble };
}
