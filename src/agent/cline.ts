/** Cline CLI (tried with 3.0.65): `cline --json`. It cannot go on with a session without a terminal, and takes no one-word prompt. */

import type { Agent, AgentCommand, AgentRequest, Permission, StreamReader } from './agent.ts';
import type { AgentEvent, Trouble } from './event.ts';
import { at, type Fields, listAt, numberAt, parseObject, renderValue, textAt } from './json.ts';
import { newOpenTools, type OpenTools } from './open-tools.ts';
import { makeTrouble } from './trouble.ts';

export const cline: Agent = {
  name: 'cline',
  title: 'Cline',
  program: 'cline',
  install: 'npm install -g cline',
  versionArgs: ['--version'],
  permissions: ['edit', 'ask', 'plan', 'yolo'],
  permissionNote: 'edit and yolo: everything, everywhere; ask: every tool is refused; plan: --plan',
  reads: 'cline',
  canResume: false,
  variables: {},
  command: makeCommand,
  newReader,
};

const PERMISSION_ARGS: Readonly<Record<Permission, readonly string[]>> = {
  edit: ['--auto-approve', 'true'],
  ask: ['--auto-approve', 'false'],
  plan: ['--plan'],
  yolo: ['--auto-approve', 'true'],
};

function makeCommand({ prompt, model, permission }: AgentRequest): AgentCommand {
  return {
    args: [
      '--json',
      ...PERMISSION_ARGS[permission],
      ...(model === null ? [] : [`--model=${model}`]),
      '--',
      // It takes a single word for a command of its own; a space makes it a prompt.
      `${prompt} `,
    ],
    env: {},
    stdin: 'nothing',
  };
}

type State = { trouble: Trouble | null; isEnded: boolean; readonly tools: OpenTools };

function newReader(): StreamReader {
  const state: State = { trouble: null, isEnded: false, tools: newOpenTools() };
  return {
    read: (line) => {
      const fields = parseObject(line);
      switch (textAt(fields, 'type') ?? '') {
        case 'hook_event':
          return [];
        case 'agent_event': {
          const event = at(fields, 'event');
          if (textAt(event, 'type') === 'error' && at(event, 'recoverable') !== true)
            state.trouble = readError(event);
          return readEvent(event, state.tools);
        }
        case 'run_result':
          state.isEnded = true;
          return fields === undefined ? [] : readEnd(fields, state.trouble);
        case 'error':
          // It could not begin: no prompt, no provider. No `run_result` follows.
          state.trouble = makeTrouble(textAt(fields, 'message') ?? '', undefined);
          return [{ kind: 'warning', text: state.trouble.message }];
        default:
          return [{ kind: 'output', text: line }];
      }
    },
    finish: () =>
      state.isEnded || state.trouble === null
        ? []
        : [{ kind: 'end', outcome: 'failed', trouble: state.trouble }],
  };
}

/** Its updates repeat everything so far, which makes the stream quadratic; beginnings and ends are enough. */
function readEvent(event: unknown, tools: OpenTools): readonly AgentEvent[] {
  const isTool = textAt(event, 'contentType') === 'tool';
  switch (textAt(event, 'type') ?? '') {
    case 'content_start':
      return isTool ? [readToolStart(event, tools)] : [];
    case 'content_end':
      return isTool ? readToolEnd(event, tools) : readText(event);
    case 'usage':
      return [
        {
          kind: 'usage',
          usage: {
            tokens: {
              input: Math.max(
                0,
                (numberAt(event, 'totalInputTokens') ?? 0) - (numberAt(event, 'totalCacheReadTokens') ?? 0),
              ),
              output: numberAt(event, 'totalOutputTokens') ?? 0,
              cacheRead: numberAt(event, 'totalCacheReadTokens') ?? 0,
              cacheWrite: numberAt(event, 'totalCacheWriteTokens') ?? 0,
            },
            tokensOf: 'run',
            costUsd: numberAt(event, 'totalCost') || null,
            costOf: 'run',
          },
        },
      ];
    case 'error':
      return [{ kind: 'warning', text: readError(event).message }];
    default:
      return [];
  }
}

function readText(event: unknown): readonly AgentEvent[] {
  const text = textAt(event, 'text') ?? '';
  return textAt(event, 'contentType') === 'reasoning'
    ? [{ kind: 'thinking', text, isPartial: false }]
    : [{ kind: 'text', text, isPartial: false }];
}

function readToolStart(event: unknown, tools: OpenTools): AgentEvent {
  const [id, tool] = [textAt(event, 'toolCallId') ?? '', textAt(event, 'toolName') ?? ''];
  const input = at(event, 'input');
  const commands = listAt(input, 'commands').map(renderValue).join('; ');
  const path = textAt(input, 'path');
  tools.start(id, { tool, path: tool === 'editor' ? (path ?? null) : null });
  return {
    kind: 'tool.started',
    id,
    tool,
    summary: commands === '' ? (path ?? renderValue(input)) : commands,
  };
}

/** Its words for a tool that nobody allowed, and for one that would change files in plan mode: the only sign of a refusal. */
const REFUSED =
  /requires approval in a TTY session|Tool approval requires an interactive session|blocked in plan mode/;

function readToolEnd(event: unknown, tools: OpenTools): readonly AgentEvent[] {
  const output = at(event, 'output');
  const results = Array.isArray(output) ? (output as readonly unknown[]) : [output];
  const hasFailed = (result: unknown): boolean =>
    at(result, 'success') === false || at(result, 'error') !== undefined;
  const problem =
    results.map((result) => textAt(result, 'error')).find((error) => error !== undefined) ??
    textAt(event, 'error') ??
    '';
  const isRefused = REFUSED.test(problem);
  const ended = tools.end(textAt(event, 'toolCallId') ?? '', {
    isError: results.some(hasFailed) || at(event, 'error') !== undefined,
    output: results
      .map((result) => textAt(result, 'result') ?? textAt(result, 'error') ?? renderValue(result))
      .join('\n'),
  });
  const tool = textAt(event, 'toolName') ?? '';
  return isRefused ? [...ended, { kind: 'permission.refused', tool, summary: problem }] : ended;
}

function readError(event: unknown): Trouble {
  const trouble = makeTrouble(textAt(event, 'error', 'message') ?? '', undefined);
  return textAt(event, 'errorClass') === 'auth' ? { ...trouble, kind: 'authentication' } : trouble;
}

function readEnd(fields: Fields, said: Trouble | null): readonly AgentEvent[] {
  const reason = textAt(fields, 'finishReason') ?? '';
  if (reason === 'completed') return [{ kind: 'end', outcome: 'done', trouble: null }];
  if (reason === 'aborted' || reason === 'cancelled')
    return [{ kind: 'end', outcome: 'interrupted', trouble: null }];
  const trouble = said ?? makeTrouble(textAt(fields, 'text') ?? reason, undefined);
  return [{ kind: 'end', outcome: 'failed', trouble }];
}
