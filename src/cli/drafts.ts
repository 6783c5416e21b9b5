/** What `phasr run` is asked for, as drafts of tasks: from its arguments, from standard input, or from a file. */

import { renderCount } from '../base/text.ts';
import type { AgentChoice, Permission } from '../operations/agent-choice.ts';
import type { TaskDraft } from '../operations/launch.ts';
import type { TaskFromFile } from '../operations/task-file.ts';
import { PERMISSIONS, readTaskFile } from '../phasr.ts';
import { parsePromptInput, PROMPT_INPUT_BYTES_MAX } from '../task/prompt.ts';
import { duration, flag, type Invocation, type Options, text, texts, usageError } from './command.ts';
import { readInput } from './input.ts';

const FORMATS = ['yaml', 'toml', 'json'] as const;

/** Throws `usage`, `prompt-unusable`, `task-file-invalid`. */
export async function readDrafts(invocation: Invocation): Promise<readonly TaskDraft[]> {
  const { options } = invocation;
  const shared = {
    agent: readAgent(invocation),
    base: text(options, 'base'),
    target: null,
    timeoutMs: duration(options, 'timeout'),
    withChanges: flag(options, 'withChanges'),
    env: {},
  };
  const file = text(options, 'file');
  if (file !== null) return readFile(invocation, file, shared);
  const prompts = await readPrompts(invocation);
  const titles = texts(options, 'title');
  if (titles.length > prompts.length) {
    throw usageError(
      `${renderCount(titles.length, 'title')} for ${renderCount(prompts.length, 'prompt')}`,
      'Give at most one --title for each prompt.',
    );
  }
  return prompts.map((prompt, index) => ({ prompt, title: titles[index] ?? null, ...shared }));
}

/** `-` stands for what is on standard input. */
async function readPrompts({ args, options }: Invocation): Promise<readonly string[]> {
  const lines = flag(options, 'lines');
  const count = args.filter((arg) => arg === '-').length;
  if (count > 1) throw usageError('standard input can be read once', 'Give - once.');
  if (lines && count === 0)
    throw usageError('--lines is for standard input', 'As in: cat prompts.txt | phasr run - --lines');
  const read = count === 0 ? [] : parsePromptInput(await readInput(PROMPT_INPUT_BYTES_MAX), { lines });
  return [...args.flatMap((arg) => (arg === '-' ? read : [arg])), ...texts(options, 'prompt')];
}

type Shared = Omit<TaskDraft, 'prompt' | 'title'>;

async function readFile(
  { args, options, directory }: Invocation,
  path: string,
  shared: Shared,
): Promise<readonly TaskDraft[]> {
  if (args.length > 0 || texts(options, 'prompt').length > 0 || texts(options, 'title').length > 0)
    throw usageError('prompts and titles are in the file', 'Give prompts or --file, not both.');
  const word = text(options, 'format');
  const format = FORMATS.find((known) => known === word) ?? null;
  if (word !== null && format === null)
    throw usageError(`"${word}" is no format`, `One of: ${FORMATS.join(', ')}`);
  const isInput = path === '-';
  const tasks = await readTaskFile({
    path: isInput ? null : path,
    input: isInput ? await readInput(PROMPT_INPUT_BYTES_MAX) : null,
    format,
    directory,
  });
  return tasks.map((task) => draftOf(task, shared));
}

/** What the file says of a task goes before the options. */
function draftOf(task: TaskFromFile, shared: Shared): TaskDraft {
  return {
    prompt: task.prompt,
    title: task.title,
    agent: agentOf(task, shared.agent),
    base: task.base ?? shared.base,
    target: task.target ?? shared.target,
    timeoutMs: task.timeoutMs ?? shared.timeoutMs,
    withChanges: shared.withChanges,
    env: task.env,
  };
}

function agentOf({ agent, command, model, permission }: TaskFromFile, shared: AgentChoice): AgentChoice {
  if (command !== null) return { kind: 'command', command };
  const base = shared.kind === 'agent' ? shared : { name: null, model: null, permission: null };
  if (agent === null && shared.kind === 'command') return shared;
  return {
    kind: 'agent',
    name: agent ?? base.name,
    model: model ?? base.model,
    permission: permission ?? base.permission,
  };
}

/** A command after `--`, or a known agent: the one that is named, else the one of the settings. */
function readAgent({ options, rest }: Invocation): AgentChoice {
  const name = text(options, 'agent');
  const model = text(options, 'model');
  const permission = readPermission(options);
  if (rest === null) return { kind: 'agent', name, model, permission };
  if (name !== null)
    throw usageError('give --agent or a command after --, not both', 'phasr agents shows the known ones.');
  if (model !== null || permission !== null) {
    throw usageError(
      '--model and permissions are for known agents; a command after -- has its own options',
      'As in: phasr run "fix the typo" --agent claude --model sonnet',
    );
  }
  return { kind: 'command', command: rest };
}

function readPermission(options: Options): Permission | null {
  const given = PERMISSIONS.filter((permission) => flag(options, permission));
  if (given.length > 1)
    throw usageError(
      `${given.map((permission) => `--${permission}`).join(' and ')} exclude each other`,
      'Give one.',
    );
  return given[0] ?? null;
}
