/** Gemini CLI (tried with 0.61.0): `gemini -o stream-json`. */

import type { Agent, AgentCommand, AgentRequest, Permission, StreamReader } from './agent.ts';
import type { AgentEvent } from './event.ts';
import { at, type Fields, numberAt, parseObject, renderValue, textAt } from './json.ts';
import { newOpenTools, type OpenTools } from './open-tools.ts';
import { makeTrouble } from './trouble.ts';

export const gemini: Agent = {
  name: 'gemini',
  title: 'Gemini CLI',
  program: 'gemini',
  install: 'npm install -g @google/gemini-cli',
  versionArgs: ['--version'],
  permissions: ['edit', 'ask', 'plan', 'yolo'],
  permissionNote:
    'edit and yolo: --approval-mode yolo (its file tools refuse other paths, its commands are not held back); ask: default, in which it is offered neither; plan: plan',
  reads: 'gemini',
  canResume: true,
  variables: {},
  command: makeCommand,
  newReader,
};

/** Its shell can be allowed by itself only with an option that it calls deprecated; an option that is gone would end every run. */
const APPROVAL: Readonly<Record<Permission, string>> = {
  edit: 'yolo',
  ask: 'default',
  plan: 'plan',
  yolo: 'yolo',
};

function makeCommand({ model, permission, session }: AgentRequest): AgentCommand {
  return {
    args: [
      '--output-format=stream-json',
      // Each worktree is a new directory, and an untrusted one ends it with exit code 55.
      '--skip-trust',
      `--approval-mode=${APPROVAL[permission]}`,
      ...(model === null ? [] : [`--model=${model}`]),
      ...(session === null ? [] : [`--resume=${session}`]),
    ],
    // Else a wrapper that ignores signals runs the real one.
    env: { GEMINI_CLI_NO_RELAUNCH: 'true' },
    stdin: 'prompt',
  };
}

const WRITING_TOOLS = /^(?:write_file|replace|edit)$/;

function newReader(): StreamReader {
  const tools = newOpenTools();
  return {
    read: (line) => {
      const fields = parseObject(line);
      switch (textAt(fields, 'type') ?? '') {
        case 'init':
          return readInit(fields);
        case 'message':
          return at(fields, 'role') === 'assistant'
            ? [
                {
                  kind: 'text',
                  text: textAt(fields, 'content') ?? '',
                  isPartial: at(fields, 'delta') === true,
                },
              ]
            : [];
        case 'tool_use':
          return [readTool(fields, tools)];
        case 'tool_result': {
          const isError = textAt(fields, 'status') === 'error';
          const output = textAt(fields, 'output') ?? renderValue(at(fields, 'error', 'message'));
          const id = textAt(fields, 'tool_id') ?? '';
          // A path outside the worktree has the code of a wrong parameter; its words tell it apart.
          const isRefused =
            textAt(fields, 'error', 'type') === 'policy_violation' ||
            textAt(fields, 'error', 'message')?.startsWith('Path not in workspace:') === true;
          const ended = tools.end(id, { isError, output });
          if (!isRefused) return ended;
          const tool = ended.find((event) => event.kind === 'tool.ended')?.tool ?? '';
          return [...ended, { kind: 'permission.refused', tool, summary: output }];
        }
        case 'error':
          return [{ kind: 'warning', text: textAt(fields, 'message') ?? '' }];
        case 'result':
          return readEnd(fields);
        default:
          return [{ kind: 'output', text: line }];
      }
    },
    finish: () => [],
  };
}

function readInit(fields: Fields | undefined): readonly AgentEvent[] {
  const id = textAt(fields, 'session_id');
  return id === undefined ? [] : [{ kind: 'session', id, cwd: null, model: textAt(fields, 'model') ?? null }];
}

function readTool(fields: Fields | undefined, tools: OpenTools): AgentEvent {
  const [id, tool] = [textAt(fields, 'tool_id') ?? '', textAt(fields, 'tool_name') ?? ''];
  const input = at(fields, 'parameters');
  const path = textAt(input, 'file_path');
  tools.start(id, { tool, path: path !== undefined && WRITING_TOOLS.test(tool) ? path : null });
  return { kind: 'tool.started', id, tool, summary: textAt(input, 'command') ?? path ?? renderValue(input) };
}

function readEnd(fields: Fields | undefined): readonly AgentEvent[] {
  const count = (name: string): number => numberAt(fields, 'stats', name) ?? 0;
  const isDone = textAt(fields, 'status') === 'success';
  const message = textAt(fields, 'error', 'message') ?? 'it ended with an error';
  const code = /"code"\s*:\s*(\d{3})/.exec(message)?.[1];
  const trouble = isDone ? null : makeTrouble(message, code === undefined ? undefined : Number(code));
  return [
    {
      kind: 'usage',
      usage: {
        // `input_tokens` is with what came from the cache, `input` without.
        tokens: {
          input: count('input'),
          output: count('output_tokens'),
          cacheRead: count('cached'),
          cacheWrite: 0,
        },
        tokensOf: 'run',
        costUsd: null,
        costOf: 'run',
      },
    },
    { kind: 'end', outcome: isDone ? 'done' : 'failed', trouble },
  ];
}
