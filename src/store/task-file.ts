/** Files that list tasks: YAML, TOML or JSON. Parsing alone; whoever has the entries reads the files that they name. */

import type { PhasrError } from '../base/errors.ts';
import { faulty, type Problem } from './settings/document.ts';
import { invalidFile } from './settings/invalid.ts';
import type { TaskFileEntry, TaskFileFormat } from './settings/task-file.ts';

export type { TaskFileEntry, TaskFileFormat } from './settings/task-file.ts';

/** As much as a task file may have. */
export const TASK_FILE_BYTES_MAX = 4 * 1024 * 1024;

export type TaskFileName = {
  /** As the person typed it; null for standard input. */
  readonly path: string | null;
  /** Null to go by the name, or for standard input by the content. */
  readonly format: TaskFileFormat | null;
};

/** The tasks of a file, at most 500. Throws `task-file-invalid` with every problem and its place. */
export async function parseTaskFile(
  bytes: Uint8Array,
  name: TaskFileName,
): Promise<readonly TaskFileEntry[]> {
  if (bytes.length > TASK_FILE_BYTES_MAX)
    throw invalidTaskFile(name, faulty('it is larger than 4096 KiB').problems);
  const { readTaskFileEntries } = await import('./settings/task-file.ts');
  const read = readTaskFileEntries(bytes, name);
  if ('problems' in read) throw invalidTaskFile(name, read.problems);
  return read.entries;
}

/** The failure of a task file that cannot be used as it is. */
export function invalidTaskFile(
  { path }: Pick<TaskFileName, 'path'>,
  problems: readonly Problem[],
): PhasrError {
  return invalidFile('task-file-invalid', { label: path ?? 'standard input', path }, problems);
}
