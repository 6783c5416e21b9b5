/** What a task file says, checked. Built into a file of its own: see `document.ts`. */

import { dirname, isAbsolute, join } from 'node:path';
import type * as z from 'zod/mini';
import { checkDocument, inFileOrder, problemAt, valueAt } from './check.ts';
import {
  type Document,
  type Faulty,
  faulty,
  type Path,
  type Position,
  type Problem,
  readText,
  renderKey,
} from './document.ts';
import { type DEFAULTS, TASK_FILE, TASKS, TASKS_MAX, type TASK } from './task-file-shape.ts';
import { readToml } from './toml.ts';
import type { PermissionName } from './values.ts';
import { readJson, readYaml } from './yaml.ts';

export type TaskFileFormat = 'yaml' | 'toml' | 'json';

/** One task of a file, with the file's defaults in it; null where neither says anything. */
export type TaskFileEntry = {
  /** The prompt, or the file that holds it: exactly one of them. */
  readonly prompt: string | null;
  readonly promptFile: { readonly path: string; readonly position: Position } | null;
  readonly title: string | null;
  /** At most one of agent and command. */
  readonly agent: string | null;
  readonly command: readonly string[] | null;
  readonly model: string | null;
  readonly permission: PermissionName | null;
  readonly base: string | null;
  readonly target: string | null;
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number | null;
  readonly position: Position;
};

/** Checks the bytes of a task file. `path` gives the format if there is none, and relative prompt files count from its folder. */
export function readTaskFileEntries(
  bytes: Uint8Array,
  { path, format }: { readonly path: string | null; readonly format: TaskFileFormat | null },
): { readonly entries: readonly TaskFileEntry[] } | Faulty {
  const text = readText(bytes);
  if (typeof text !== 'string') return text;
  const document = readDocument(text, format ?? formatOfPath(path) ?? formatOfText(text));
  if ('problems' in document) return document;
  const { value } = document;
  const isList = Array.isArray(value);
  const tasksAt: Path = isList ? [] : ['tasks'];
  // One mistake, not one for each task.
  const count = countItems(valueAt(value, tasksAt));
  if (count > TASKS_MAX)
    return faulty(`${count} tasks are more than ${TASKS_MAX}`, { hint: 'Launch them from several files.' });
  const crossing = findContradictions(document, tasksAt);
  const checked = isList ? checkDocument(TASKS, document) : checkDocument(TASK_FILE, document);
  if ('problems' in checked || crossing.length > 0)
    return { problems: inFileOrder([...('problems' in checked ? checked.problems : []), ...crossing]) };
  const file = Array.isArray(checked.value) ? { tasks: checked.value } : checked.value;
  const folder = path === null ? '.' : dirname(path);
  return {
    entries: file.tasks.map((task, index) =>
      entryOf(task, file.defaults ?? {}, { document, at: [...tasksAt, index], folder }),
    ),
  };
}

function readDocument(text: string, format: TaskFileFormat): Document | Faulty {
  if (format === 'toml') return readToml(text);
  return format === 'json' ? readJson(text) : readYaml(text);
}

function formatOfPath(path: string | null): TaskFileFormat | undefined {
  if (path === null) return undefined;
  if (/\.ya?ml$/i.test(path)) return 'yaml';
  if (/\.toml$/i.test(path)) return 'toml';
  return /\.json$/i.test(path) ? 'json' : undefined;
}

/** JSON begins with a bracket and no name in it, TOML with a name in brackets or before an equals sign; else it is YAML. */
function formatOfText(text: string): TaskFileFormat {
  const first = /^(?:\s|#[^\n]*)*([^\n]*)/.exec(text)?.[1] ?? '';
  if (/^(?:\{|\[\s*(?:\{|\]|$))/.test(first)) return 'json';
  return /^(?:\[{1,2}\s*[\w"']+\s*\]|[\w"'.-]+\s*=)/.test(first) ? 'toml' : 'yaml';
}

function countItems(list: unknown): number {
  return Array.isArray(list) ? list.length : 0;
}

/** What each key alone allows and several together do not. */
function findContradictions(document: Document, tasksAt: Path): readonly Problem[] {
  const has = (path: Path): boolean => valueAt(document.value, path) !== undefined;
  const both = (path: Path, [first, second]: readonly [string, string]): readonly Problem[] =>
    has([...path, first]) && has([...path, second])
      ? [
          problemAt(document, [...path, second], {
            message: `${renderKey([...path, second])} and ${first} exclude each other`,
            hint: `Keep one of ${first} and ${second}.`,
          }),
        ]
      : [];
  const count = countItems(valueAt(document.value, tasksAt));
  const ofTasks = Array.from({ length: count }, (_, index) => [...tasksAt, index])
    // Anything else has been found out by its kind.
    .filter((path) => isTable(valueAt(document.value, path)))
    .flatMap((path) => [
      ...both(path, ['prompt', 'prompt_file']),
      ...both(path, ['agent', 'command']),
      ...(has([...path, 'prompt']) || has([...path, 'prompt_file'])
        ? []
        : [
            problemAt(document, path, {
              message: `${renderKey(path)} has no prompt`,
              hint: 'Give it a prompt, or a prompt_file.',
            }),
          ]),
    ]);
  return [...both(['defaults'], ['agent', 'command']), ...ofTasks];
}

function isTable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

type Place = { readonly document: Document; readonly at: Path; readonly folder: string };

function entryOf(
  task: z.output<typeof TASK>,
  defaults: z.output<typeof DEFAULTS>,
  { document, at, folder }: Place,
): TaskFileEntry {
  // A task that names the one does not inherit the other.
  const { agent, command } = task.agent === undefined && task.command === undefined ? defaults : task;
  const file = task.prompt_file;
  return {
    prompt: task.prompt ?? null,
    promptFile:
      file === undefined
        ? null
        : {
            path: isAbsolute(file) ? file : join(folder, file),
            position: document.locate([...at, 'prompt_file'], 'value'),
          },
    title: task.title ?? null,
    agent: agent ?? null,
    command: command === undefined ? null : placeProgram(command, folder),
    model: task.model ?? defaults.model ?? null,
    permission: task.permission ?? defaults.permission ?? null,
    base: task.base ?? defaults.base ?? null,
    target: task.target ?? defaults.target ?? null,
    env: { ...defaults.env, ...task.env },
    timeoutMs: task.timeout ?? defaults.timeout ?? null,
    position: document.locate(at, 'value'),
  };
}

/** A program named by a relative path is meant from where the file is, like its prompt files. */
function placeProgram(command: readonly string[], folder: string): readonly string[] {
  const [program = '', ...args] = command;
  const isPlaced = folder === '.' || isAbsolute(program) || !program.includes('/');
  return isPlaced ? command : [join(folder, program), ...args];
}
