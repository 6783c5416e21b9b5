/** opencode (tried with 1.18.33): `opencode run --format json`. It has no terminal event: its last step says how it ended. */

import type { Tokens } from '../base/usage.ts';
import type { Agent, AgentCommand, AgentRequest, StreamReader } from './agent.ts';
import type { AgentEvent, Trouble } from './event.ts';
import { at, type Fields, numberAt, parseObject, renderValue, textAt } from './json.ts';
import { makeTrouble } from './trouble.ts';

export const opencode: Agent = {
  name: 'opencode',
  title: 'opencode',
  program: 'opencode',
  install: 'npm install -g opencode-ai',
  versionArgs: ['--version'],
  permissions: ['edit', 'plan', 'yolo'],
  permissionNote:
    'edit: its own default, which edits and runs, and is refused other directories; plan: --agent plan, which edits nothing but runs commands; yolo: --auto',
  reads: 'opencode',
  canResume: true,
  variables: {},
  command: makeCommand,
  newReader,
};

function makeCommand({ model, permission, session }: AgentRequest): AgentCommand {
  return {
    args: [
      'run',
      '--format',
      'json',
      ...(permission === 'yolo' ? ['--auto'] : []),
      ...(permission === 'plan' ? ['--agent=plan'] : []),
      ...(model === null ? [] : [`--model=${model}`]),
      ...(session === null ? [] : [`--session=${session}`]),
    ],
    env: {},
    // As an argument it would reach the model in quotes of its own.
    stdin: 'prompt',
  };
}

const WRITING_TOOLS = /^(?:write|edit|patch|multiedit)$/;

type State = {
  session: string;
  tokens: Tokens;
  costUsd: number;
  /** Of the last step; empty before the first has ended, and while another is under way. */
  reason: string;
  trouble: Trouble | null;
  /** The last refused tool; null when none was. */
  refusal: string | null;
};

function newReader(): StreamReader {
  const state: State = {
    session: '',
    tokens: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
    costUsd: 0,
    reason: '',
    trouble: null,
    refusal: null,
  };
  return {
    read: (line) => {
      const fields = parseObject(line);
      const events = fields === undefined ? undefined : readLine(fields, state);
      if (fields === undefined || events === undefined) return [{ kind: 'output', text: line }];
      return [...readSession(fields, state), ...events];
    },
    finish: (exitCode) => readEnd(state, exitCode),
  };
}

function readEnd({ trouble, reason, refusal }: State, exitCode: number | null): readonly AgentEvent[] {
  if (trouble !== null) return [{ kind: 'end', outcome: 'failed', trouble }];
  if (reason === '') return [];
  if (reason === 'stop') return exitCode === 0 ? [{ kind: 'end', outcome: 'done', trouble: null }] : [];
  // A refusal ends the run, with exit code 0, before the model could say another word.
  if (reason === 'tool-calls')
    return refusal === null || exitCode !== 0
      ? []
      : [{ kind: 'end', outcome: 'failed', trouble: { kind: 'permission', message: refusal } }];
  const message = `its last step ended with "${reason.slice(0, 100)}"`;
  return [{ kind: 'end', outcome: 'failed', trouble: makeTrouble(message, undefined) }];
}

/** Its words for a permission that nobody gave, and for one that its settings or its mode deny. */
const REFUSED = /^The user (?:rejected permission|has specified a rule)/;

/** Every line names the session. */
function readSession(fields: Fields, state: State): readonly AgentEvent[] {
  const id = textAt(fields, 'sessionID');
  if (id === undefined || id === state.session) return [];
  state.session = id;
  return [{ kind: 'session', id, cwd: null, model: null }];
}

function readLine(fields: Fields, state: State): readonly AgentEvent[] | undefined {
  const part = at(fields, 'part');
  switch (fields['type']) {
    case 'step_start':
      state.reason = '';
      state.trouble = null;
      return [];
    case 'text':
      return [{ kind: 'text', text: textAt(part, 'text') ?? '', isPartial: false }];
    case 'reasoning':
      return [{ kind: 'thinking', text: textAt(part, 'text') ?? '', isPartial: false }];
    case 'tool_use':
      return readTool(part, state);
    case 'step_finish':
      return readStep(part, state);
    case 'error': {
      const error = at(fields, 'error');
      const message = textAt(error, 'data', 'message') ?? textAt(error, 'name') ?? 'error';
      state.trouble = makeTrouble(message, numberAt(error, 'data', 'statusCode'));
      return [{ kind: 'warning', text: message }];
    }
    default:
      return undefined;
  }
}

/** A tool call comes once, when it is over. */
function readTool(part: unknown, state: State): readonly AgentEvent[] {
  const [id, tool] = [textAt(part, 'callID') ?? '', textAt(part, 'tool') ?? ''];
  const input = at(part, 'state', 'input');
  const path = textAt(input, 'filePath');
  const summary = textAt(input, 'command') ?? path ?? renderValue(input);
  const isError = textAt(part, 'state', 'status') === 'error';
  const problem = textAt(part, 'state', 'error') ?? '';
  const isRefused = isError && REFUSED.test(problem);
  if (isRefused) state.refusal = problem.slice(0, 500);
  return [
    { kind: 'tool.started', id, tool, summary },
    {
      kind: 'tool.ended',
      id,
      tool,
      isError,
      output: isError ? problem : (textAt(part, 'state', 'output') ?? ''),
    },
    ...(isRefused ? [{ kind: 'permission.refused', tool, summary } as const] : []),
    ...(path !== undefined && !isError && WRITING_TOOLS.test(tool)
      ? [{ kind: 'files', paths: [path] } as const]
      : []),
  ];
}

/** Tokens and cost come step by step. */
function readStep(part: unknown, state: State): readonly AgentEvent[] {
  const count = (...names: string[]): number => numberAt(part, 'tokens', ...names) ?? 0;
  const { tokens } = state;
  state.reason = textAt(part, 'reason') ?? '';
  state.tokens = {
    input: tokens.input + count('input'),
    output: tokens.output + count('output') + count('reasoning'),
    cacheRead: tokens.cacheRead + count('cache', 'read'),
    cacheWrite: tokens.cacheWrite + count('cache', 'write'),
  };
  state.costUsd += numberAt(part, 'cost') ?? 0;
  return [
    {
      kind: 'usage',
      usage: {
        tokens: state.tokens,
        tokensOf: 'run',
        // Without prices in its settings it says 0, which is no cost.
        costUsd: state.costUsd === 0 ? null : state.costUsd,
        costOf: 'run',
      },
    },
  ];
}
