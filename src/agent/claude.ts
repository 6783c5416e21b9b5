/** Claude Code (tried with 2.1.330): `claude -p --output-format stream-json --verbose`. */

import type { Agent, AgentCommand, AgentRequest, Permission, StreamReader } from './agent.ts';
import type { AgentEvent, ReportedUsage } from './event.ts';
import { at, type Fields, listAt, numberAt, parseObject, renderValue, textAt } from './json.ts';
import { newOpenTools, type OpenTools } from './open-tools.ts';
import { makeTrouble } from './trouble.ts';

/** `acceptEdits` alone refuses shell commands, which nobody could then allow. */
const PERMISSION_ARGS: Readonly<Record<Permission, readonly string[]>> = {
  edit: ['--permission-mode', 'acceptEdits', '--allowedTools', 'Bash'],
  ask: [],
  plan: ['--permission-mode', 'plan'],
  yolo: ['--dangerously-skip-permissions'],
};

export const claude: Agent = {
  name: 'claude',
  title: 'Claude Code',
  program: 'claude',
  install: 'npm install -g @anthropic-ai/claude-code',
  versionArgs: ['--version'],
  permissions: ['edit', 'ask', 'plan', 'yolo'],
  permissionNote: 'edit: --permission-mode acceptEdits, and its Bash tool; files elsewhere are refused',
  reads: 'claude',
  canResume: true,
  variables: {},
  command: makeCommand,
  newReader: () => newClaudeReader({ tokensOf: 'run', costOf: 'session' }),
};

function makeCommand({ model, permission, session, isRoot }: AgentRequest): AgentCommand {
  return {
    args: [
      '-p',
      '--output-format',
      'stream-json',
      '--verbose',
      ...PERMISSION_ARGS[permission],
      ...(model === null ? [] : ['--model', model]),
      ...(session === null ? [] : ['--resume', session]),
    ],
    // As root it refuses to skip permissions unless told that the machine is a sandbox: the person has asked for just that.
    env: isRoot && permission === 'yolo' ? { IS_SANDBOX: '1' } : {},
    stdin: 'prompt',
  };
}

const REFUSALS_MAX = 1000;

type UsageScopes = Pick<ReportedUsage, 'tokensOf' | 'costOf'>;

/** Tools that write the file they are given. */
const WRITING_TOOLS = /^(?:Write|Edit|MultiEdit|NotebookEdit|write_file|edit|replace)$/;

/**
 * Reads the stream of Claude Code, and of Qwen Code, which prints the same forms. `of`: what the numbers in the last line
 * are of (Claude's cost grows over all runs of a session, its tokens do not).
 */
export function newClaudeReader(of: UsageScopes): StreamReader {
  const tools = newOpenTools();
  const refused = new Set<string>();
  return {
    read: (line) => {
      const fields = parseObject(line);
      if (fields === undefined) return [{ kind: 'output', text: line }];
      switch (fields['type']) {
        case 'system':
          return readSystem(fields, refused);
        case 'assistant':
          return listAt(fields, 'message', 'content').flatMap((block) => readBlock(block, tools));
        case 'user':
          return listAt(fields, 'message', 'content').flatMap((block) => readResult(block, tools));
        case 'result':
          return readEnd(fields, { refused, of });
        case 'stream_event':
        case 'rate_limit_event':
        case 'control_request':
        case 'control_response':
        case 'keep_alive':
          return [];
        default:
          return [{ kind: 'output', text: line }];
      }
    },
    finish: () => [],
  };
}

function readSystem(fields: Fields, refused: Set<string>): readonly AgentEvent[] {
  switch (fields['subtype']) {
    case 'init': {
      const id = textAt(fields, 'session_id');
      const [cwd, model] = [textAt(fields, 'cwd') ?? null, textAt(fields, 'model') ?? null];
      return id === undefined ? [] : [{ kind: 'session', id, cwd, model }];
    }
    case 'api_retry': {
      const status = numberAt(fields, 'error_status');
      const message = [status, textAt(fields, 'error')].filter((part) => part !== undefined).join(' ');
      return [
        {
          kind: 'retry',
          attempt: numberAt(fields, 'attempt') ?? null,
          attemptsMax: numberAt(fields, 'max_retries') ?? null,
          delayMs: numberAt(fields, 'retry_delay_ms') ?? null,
          trouble: makeTrouble(message, status),
        },
      ];
    }
    case 'permission_denied':
      return refuse(refused, {
        id: textAt(fields, 'tool_use_id') ?? '',
        tool: textAt(fields, 'tool_name') ?? '',
        summary: textAt(fields, 'message') ?? '',
      });
    default:
      return [];
  }
}

/** Each refusal once: it comes when it happens, and again with the end. */
function refuse(
  refused: Set<string>,
  { id, tool, summary }: { readonly id: string; readonly tool: string; readonly summary: string },
): readonly AgentEvent[] {
  if (id !== '' && refused.has(id)) return [];
  if (refused.size < REFUSALS_MAX) refused.add(id);
  return [{ kind: 'permission.refused', tool, summary }];
}

function readBlock(block: unknown, tools: OpenTools): readonly AgentEvent[] {
  switch (textAt(block, 'type') ?? '') {
    case 'text':
      return [{ kind: 'text', text: textAt(block, 'text') ?? '', isPartial: false }];
    case 'thinking':
      return [{ kind: 'thinking', text: textAt(block, 'thinking') ?? '', isPartial: false }];
    case 'tool_use': {
      const [id, tool] = [textAt(block, 'id') ?? '', textAt(block, 'name') ?? ''];
      const input = at(block, 'input');
      const path = textAt(input, 'file_path') ?? textAt(input, 'path') ?? textAt(input, 'notebook_path');
      const written = path !== undefined && WRITING_TOOLS.test(tool) ? path : null;
      tools.start(id, { tool, path: written });
      if (tool === 'AskUserQuestion')
        return [{ kind: 'question', text: textAt(listAt(input, 'questions')[0], 'question') ?? '' }];
      const summary = textAt(input, 'command') ?? path ?? textAt(input, 'pattern') ?? renderValue(input);
      return [{ kind: 'tool.started', id, tool, summary }];
    }
    default:
      return [];
  }
}

function readResult(block: unknown, tools: OpenTools): readonly AgentEvent[] {
  if (textAt(block, 'type') !== 'tool_result') return [];
  const content = at(block, 'content');
  const output = Array.isArray(content)
    ? content.map((part) => textAt(part, 'text') ?? '').join('\n')
    : renderValue(content);
  const isError = at(block, 'is_error') === true;
  return tools.end(textAt(block, 'tool_use_id') ?? '', { isError, output });
}

/** `subtype` says "success" also for an error of the model's server; only `is_error` does not lie. */
function readEnd(
  fields: Fields,
  { refused, of }: { readonly refused: Set<string>; readonly of: UsageScopes },
): readonly AgentEvent[] {
  const isDone = fields['is_error'] === false && fields['subtype'] === 'success';
  const reason = textAt(fields, 'terminal_reason') ?? '';
  const message =
    textAt(fields, 'result') ??
    textAt(fields, 'error', 'message') ??
    (listAt(fields, 'errors').map(renderValue).join('; ') || (textAt(fields, 'subtype') ?? ''));
  const outcome = isDone ? 'done' : reason.startsWith('aborted') ? 'interrupted' : 'failed';
  const trouble = outcome === 'failed' ? makeTrouble(message, numberAt(fields, 'api_error_status')) : null;
  return [
    ...listAt(fields, 'permission_denials').flatMap((denial) =>
      refuse(refused, {
        id: textAt(denial, 'tool_use_id') ?? '',
        tool: textAt(denial, 'tool_name') ?? '',
        summary: textAt(denial, 'tool_input', 'command') ?? renderValue(at(denial, 'tool_input')),
      }),
    ),
    { kind: 'usage', usage: readUsage(fields, of) },
    { kind: 'end', outcome, trouble },
  ];
}

function readUsage(fields: Fields, of: UsageScopes): ReportedUsage {
  const count = (name: string): number => numberAt(fields, 'usage', name) ?? 0;
  // Claude names what it wrote to the cache, and its input is without the cache; Qwen's is with it.
  const isApart = numberAt(fields, 'usage', 'cache_creation_input_tokens') !== undefined;
  const cacheRead = count('cache_read_input_tokens');
  return {
    tokens: {
      input: isApart ? count('input_tokens') : Math.max(0, count('input_tokens') - cacheRead),
      output: count('output_tokens'),
      cacheRead,
      cacheWrite: count('cache_creation_input_tokens'),
    },
    costUsd: numberAt(fields, 'total_cost_usd') ?? null,
    ...of,
  };
}
