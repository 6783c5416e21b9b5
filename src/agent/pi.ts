/** pi (tried with 0.73.1): `pi --mode json`. It exits with 0 whatever happened: only the last message's `stopReason` says. */

import type { Tokens } from '../base/usage.ts';
import type { Agent, AgentCommand, AgentRequest, StreamReader } from './agent.ts';
import type { AgentEvent } from './event.ts';
import { at, type Fields, listAt, numberAt, parseObject, renderValue, textAt } from './json.ts';
import { newOpenTools, type OpenTools } from './open-tools.ts';
import { makeTrouble } from './trouble.ts';

export const pi: Agent = {
  name: 'pi',
  title: 'pi',
  program: 'pi',
  install: 'npm install -g @mariozechner/pi-coding-agent',
  versionArgs: ['--version'],
  permissions: ['edit', 'plan', 'yolo'],
  permissionNote:
    'it has no permissions: edit and yolo may do everything; plan is offered no tool that changes anything',
  reads: 'pi',
  canResume: true,
  variables: {},
  command: makeCommand,
  newReader,
};

function makeCommand({ model, permission, session }: AgentRequest): AgentCommand {
  return {
    args: [
      '--mode',
      'json',
      ...(permission === 'plan' ? ['--tools', 'read,grep,find,ls'] : []),
      ...(model === null ? [] : ['--model', model]),
      ...(session === null ? [] : ['--session', session]),
      '-p',
    ],
    env: {},
    stdin: 'prompt',
  };
}

const WRITING_TOOLS = /^(?:write|edit)$/;

/** Its deltas repeat the whole message so far, which makes the stream quadratic; they are not read. */
const NOISE = new Set([
  'agent_start',
  'turn_start',
  'turn_end',
  'message_start',
  'message_update',
  'tool_execution_update',
  'auto_retry_end',
  'queue_update',
  'compaction_start',
  'compaction_end',
]);

type State = { tokens: Tokens; costUsd: number; readonly tools: OpenTools };

function newReader(): StreamReader {
  const state: State = {
    tokens: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
    costUsd: 0,
    tools: newOpenTools(),
  };
  return {
    read: (line) => {
      const fields = parseObject(line);
      const type = textAt(fields, 'type') ?? '';
      if (fields === undefined) return [{ kind: 'output', text: line }];
      return NOISE.has(type) ? [] : (readLine(fields, type, state) ?? [{ kind: 'output', text: line }]);
    },
    finish: () => [],
  };
}

function readLine(fields: Fields, type: string, state: State): readonly AgentEvent[] | undefined {
  switch (type) {
    case 'session': {
      const id = textAt(fields, 'id');
      return id === undefined
        ? []
        : [{ kind: 'session', id, cwd: textAt(fields, 'cwd') ?? null, model: null }];
    }
    case 'message_end':
      return readMessage(at(fields, 'message'), state);
    case 'tool_execution_start': {
      const [id, tool] = [textAt(fields, 'toolCallId') ?? '', textAt(fields, 'toolName') ?? ''];
      const input = at(fields, 'args');
      const path = textAt(input, 'path');
      state.tools.start(id, { tool, path: path !== undefined && WRITING_TOOLS.test(tool) ? path : null });
      const summary = textAt(input, 'command') ?? path ?? renderValue(input);
      return [{ kind: 'tool.started', id, tool, summary }];
    }
    case 'tool_execution_end': {
      const output = listAt(fields, 'result', 'content')
        .map((part) => textAt(part, 'text') ?? '')
        .join('\n');
      const isError = at(fields, 'isError') === true;
      return state.tools.end(textAt(fields, 'toolCallId') ?? '', { isError, output });
    }
    case 'auto_retry_start': {
      const message = textAt(fields, 'errorMessage') ?? '';
      return [
        {
          kind: 'retry',
          attempt: numberAt(fields, 'attempt') ?? null,
          attemptsMax: numberAt(fields, 'maxAttempts') ?? null,
          delayMs: numberAt(fields, 'delayMs') ?? null,
          trouble: makeTrouble(message, undefined),
        },
      ];
    }
    case 'agent_end':
      return [readEnd(listAt(fields, 'messages').at(-1))];
    default:
      return undefined;
  }
}

function readMessage(message: unknown, state: State): readonly AgentEvent[] {
  if (textAt(message, 'role') !== 'assistant') return [];
  const count = (...names: string[]): number => numberAt(message, 'usage', ...names) ?? 0;
  const { tokens } = state;
  state.tokens = {
    input: tokens.input + count('input'),
    output: tokens.output + count('output'),
    cacheRead: tokens.cacheRead + count('cacheRead'),
    cacheWrite: tokens.cacheWrite + count('cacheWrite'),
  };
  state.costUsd += count('cost', 'total');
  const texts = listAt(message, 'content').flatMap((block): readonly AgentEvent[] => {
    const text = textAt(block, 'text') ?? textAt(block, 'thinking') ?? '';
    switch (textAt(block, 'type') ?? '') {
      case 'text':
        return [{ kind: 'text', text, isPartial: false }];
      case 'thinking':
        return [{ kind: 'thinking', text, isPartial: false }];
      default:
        return [];
    }
  });
  const costUsd = state.costUsd === 0 ? null : state.costUsd;
  return [
    ...texts,
    { kind: 'usage', usage: { tokens: state.tokens, tokensOf: 'run', costUsd, costOf: 'run' } },
  ];
}

function readEnd(last: unknown): AgentEvent {
  const reason = textAt(last, 'stopReason') ?? '';
  if (textAt(last, 'role') === 'assistant' && reason === 'stop')
    return { kind: 'end', outcome: 'done', trouble: null };
  if (reason === 'aborted') return { kind: 'end', outcome: 'interrupted', trouble: null };
  const message = textAt(last, 'errorMessage') ?? (reason === '' ? 'it ended without an answer' : reason);
  return { kind: 'end', outcome: 'failed', trouble: makeTrouble(message, undefined) };
}
