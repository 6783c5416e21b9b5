/** Reads a task file and the prompt files that it names. */

import { resolve } from 'node:path';
import { readForeignFile } from '../store/files.ts';
import { faulty, type Position, type Problem, readText } from '../store/settings/document.ts';
import {
  invalidTaskFile,
  parseTaskFile,
  TASK_FILE_BYTES_MAX,
  type TaskFileEntry,
  type TaskFileFormat,
} from '../store/task-file.ts';

/** One task of a task file, ready to be launched. */
export type TaskFromFile = Omit<TaskFileEntry, 'prompt' | 'promptFile'> & {
  readonly prompt: string;
};

export type TaskFileSource = {
  /** As the person typed it; null for what was read from standard input. */
  readonly path: string | null;
  /** What was read from standard input; null to read the file. */
  readonly input: Uint8Array | null;
  readonly format: TaskFileFormat | null;
  /** Where the person stands: relative paths count from here. */
  readonly directory: string;
};

const PROMPT_BYTES_MAX = 1024 * 1024;
const ALL_PROMPTS_BYTES_MAX = 64 * 1024 * 1024;

/** The tasks of a file with their prompts, in its order. Throws `task-file-invalid`, also for a prompt file that cannot be used. */
export async function readTaskFile(source: TaskFileSource): Promise<readonly TaskFromFile[]> {
  const entries = await parseTaskFile(source.input ?? readBytes(source), source);
  const problems: Problem[] = [];
  let bytesLeft = ALL_PROMPTS_BYTES_MAX;
  const tasks = entries.map(({ promptFile, ...task }) => {
    if (promptFile === null) return { ...task, prompt: task.prompt ?? '' };
    const read = readPrompt(resolve(source.directory, promptFile.path), promptFile.position);
    if (typeof read !== 'string') problems.push(...read);
    else bytesLeft -= read.length;
    if (bytesLeft < 0)
      throw invalidTaskFile(source, faulty('its prompt files have more than 64 MiB').problems);
    return { ...task, prompt: typeof read === 'string' ? read : '' };
  });
  if (problems.length > 0) throw invalidTaskFile(source, problems);
  return tasks;
}

function readBytes({ path, directory, ...source }: TaskFileSource): Uint8Array {
  const content = readForeignFile(resolve(directory, path ?? ''), {
    bytesMax: TASK_FILE_BYTES_MAX,
    followsLinks: true,
  });
  if (content.kind === 'bytes') return content.bytes;
  const message = content.kind === 'missing' ? 'there is no such file' : content.reason;
  throw invalidTaskFile({ ...source, path }, faulty(message).problems);
}

function readPrompt(path: string, position: Position): string | readonly Problem[] {
  const wrong = (message: string): readonly Problem[] =>
    faulty(`${path}: ${message}`, { position, key: 'prompt_file' }).problems;
  const content = readForeignFile(path, { bytesMax: PROMPT_BYTES_MAX, followsLinks: true });
  if (content.kind === 'missing') return wrong('there is no such file');
  if (content.kind === 'unusable') return wrong(content.reason);
  const text = readText(content.bytes);
  if (typeof text !== 'string') return wrong(text.problems[0]?.message ?? '');
  const prompt = text.replace(/[\r\n]+$/, '');
  return prompt.trim() === '' ? wrong('it is empty') : prompt;
}
