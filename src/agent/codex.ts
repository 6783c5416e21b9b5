/** Codex CLI (tried with 0.169.0): `codex exec --json`. */

import type { Agent, AgentCommand, AgentRequest, Permission, StreamReader } from './agent.ts';
import type { AgentEvent, Trouble } from './event.ts';
import { at, type Fields, listAt, numberAt, parseObject, renderValue, textAt } from './json.ts';
import { makeTrouble } from './trouble.ts';

/** Nobody can approve anything: what the sandbox does not allow is refused. */
const PERMISSION_ARGS: Readonly<Record<Permission, readonly string[]>> = {
  edit: ['-s', 'workspace-write'],
  ask: [],
  plan: ['-s', 'read-only'],
  yolo: ['--dangerously-bypass-approvals-and-sandbox'],
};

export const codex: Agent = {
  name: 'codex',
  title: 'Codex',
  program: 'codex',
  install: 'npm install -g @openai/codex',
  versionArgs: ['--version'],
  permissions: ['edit', 'ask', 'plan', 'yolo'],
  permissionNote:
    'edit: its own sandbox workspace-write, without a network; it cannot commit there, which Phasr does for it',
  reads: 'codex',
  canResume: true,
  variables: {},
  command: makeCommand,
  newReader,
};

function makeCommand({ model, permission, session }: AgentRequest): AgentCommand {
  const shared = ['--json', ...PERMISSION_ARGS[permission], ...(model === null ? [] : ['-m', model])];
  return {
    // The prompt comes on standard input (`-`): a prompt that begins with a dash is no option.
    args: ['exec', ...shared, ...(session === null ? ['-'] : ['resume', session, '-'])],
    env: {},
    stdin: 'prompt',
  };
}

function newReader(): StreamReader {
  return {
    read: (line) => {
      const fields = parseObject(line);
      if (fields === undefined) return [{ kind: 'output', text: line }];
      switch (fields['type']) {
        case 'thread.started': {
          const id = textAt(fields, 'thread_id');
          return id === undefined ? [] : [{ kind: 'session', id, cwd: null, model: null }];
        }
        case 'turn.started':
          return [];
        case 'item.started':
        case 'item.updated':
        case 'item.completed':
          return readItem(at(fields, 'item'), fields['type']);
        case 'turn.completed':
          return [
            { kind: 'usage', usage: readUsage(fields) },
            { kind: 'end', outcome: 'done', trouble: null },
          ];
        case 'turn.failed':
          return [
            { kind: 'end', outcome: 'failed', trouble: readTrouble(textAt(fields, 'error', 'message')) },
          ];
        case 'error':
          // Not its end: it tries again, or says so with `turn.failed`.
          return [readError(textAt(fields, 'message') ?? '')];
        default:
          return [{ kind: 'output', text: line }];
      }
    },
    readError: readLog,
    finish: () => [],
  };
}

/** What its own rules do not allow never becomes an item: the refusal stands in its log, on standard error, and only there. */
function readLog(line: string): readonly AgentEvent[] {
  const [, summary] = REFUSAL.exec(line) ?? [];
  return summary === undefined ? [] : [{ kind: 'permission.refused', tool: '', summary }];
}

/** A patch outside the writable folders; a command that would leave the sandbox; one that it never runs unasked. */
const REFUSAL =
  /ERROR codex_core::tools::router: error=(patch rejected\b.*|approval policy is \w+; reject\b.*|exec_command failed: CreateProcess \{ message: "Rejected\(.*)/;

function readItem(
  item: unknown,
  phase: 'item.started' | 'item.updated' | 'item.completed',
): readonly AgentEvent[] {
  const id = textAt(item, 'id') ?? '';
  const isOver = phase === 'item.completed';
  switch (textAt(item, 'type') ?? '') {
    case 'agent_message':
      return isOver ? [{ kind: 'text', text: textAt(item, 'text') ?? '', isPartial: false }] : [];
    case 'reasoning':
      return isOver ? [{ kind: 'thinking', text: textAt(item, 'text') ?? '', isPartial: false }] : [];
    case 'command_execution':
      return readTool(phase, {
        id,
        tool: 'shell',
        summary: unwrapShell(textAt(item, 'command') ?? ''),
        isError: (numberAt(item, 'exit_code') ?? 0) !== 0 || textAt(item, 'status') === 'declined',
        output: textAt(item, 'aggregated_output') ?? '',
        isRefused: textAt(item, 'status') === 'declined',
      });
    case 'file_change': {
      const paths = listAt(item, 'changes')
        .map((change) => textAt(change, 'path'))
        .filter((path) => path !== undefined);
      const isFailed = isOver && textAt(item, 'status') !== 'completed';
      return [
        ...readTool(phase, {
          id,
          tool: 'edit',
          summary: paths.join(', '),
          isError: isFailed,
          output: '',
          // A patch fails when the sandbox does not allow it; Codex gives no other reason.
          isRefused: isFailed,
        }),
        ...(isOver && !isFailed ? [{ kind: 'files', paths } as const] : []),
      ];
    }
    case 'mcp_tool_call':
      return readTool(phase, {
        id,
        tool: `${textAt(item, 'server') ?? 'mcp'} ${textAt(item, 'tool') ?? ''}`.trim(),
        summary: renderValue(at(item, 'arguments')),
        isError: textAt(item, 'status') === 'failed',
        output: renderValue(at(item, 'result')),
        isRefused: false,
      });
    case 'web_search':
      return readTool(phase, {
        id,
        tool: 'search',
        summary: textAt(item, 'query') ?? '',
        isError: false,
        output: '',
        isRefused: false,
      });
    case 'error':
      return isOver ? [{ kind: 'warning', text: textAt(item, 'message') ?? '' }] : [];
    default:
      return [];
  }
}

function readTool(
  phase: 'item.started' | 'item.updated' | 'item.completed',
  tool: {
    readonly id: string;
    readonly tool: string;
    readonly summary: string;
    readonly isError: boolean;
    readonly output: string;
    readonly isRefused: boolean;
  },
): readonly AgentEvent[] {
  const { id, summary, isError, output } = tool;
  if (phase === 'item.started') return [{ kind: 'tool.started', id, tool: tool.tool, summary }];
  if (phase === 'item.updated') return [];
  return [
    { kind: 'tool.ended', id, tool: tool.tool, isError, output },
    ...(tool.isRefused ? [{ kind: 'permission.refused', tool: tool.tool, summary } as const] : []),
  ];
}

/** `/bin/bash -lc 'git status'` is `git status` to a person. */
function unwrapShell(command: string): string {
  return /^\S*\/(?:ba|z|da)?sh -l?c (['"])(.*)\1$/s.exec(command)?.[2] ?? command;
}

function readError(message: string): AgentEvent {
  // `Reconnecting... 2/5 (why)`; or, as often as it takes, `Reconnecting... waiting for network (why)`.
  const [words, attempt, attemptsMax] = /^Reconnecting(?:\.+ (\d+)\/(\d+))?/.exec(message) ?? [];
  if (words === undefined) return { kind: 'warning', text: message };
  return {
    kind: 'retry',
    attempt: attempt === undefined ? null : Number(attempt),
    attemptsMax: attemptsMax === undefined ? null : Number(attemptsMax),
    delayMs: null,
    trouble: readTrouble(message),
  };
}

/** The message may be the server's answer, as JSON in a string. */
function readTrouble(message = ''): Trouble {
  const inner = textAt(parseObject(message), 'error', 'message') ?? message;
  const status = /\b(?:status|failure|error)\D{0,3}\s*([45]\d\d)\b/i.exec(inner)?.[1];
  return makeTrouble(inner, status === undefined ? undefined : Number(status));
}

/** Over the whole thread, with all its earlier runs; input is with what came from the cache. */
function readUsage(fields: Fields): (AgentEvent & { readonly kind: 'usage' })['usage'] {
  const count = (name: string): number => numberAt(fields, 'usage', name) ?? 0;
  const cacheRead = count('cached_input_tokens');
  return {
    tokens: {
      input: Math.max(0, count('input_tokens') - cacheRead),
      output: count('output_tokens'),
      cacheRead,
      cacheWrite: count('cache_write_input_tokens'),
    },
    tokensOf: 'session',
    costUsd: null,
    costOf: 'run',
  };
}
