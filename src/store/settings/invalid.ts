/** A file with problems, as the failure that people and scripts get. */

import { type ErrorCode, PhasrError } from '../../base/errors.ts';
import type { Problem } from './document.ts';

export type NamedFile = {
  /** As people know it. */
  readonly label: string;
  /** As scripts want it; null for standard input. */
  readonly path: string | null;
};

/** A problem in the details of the failure. */
export type PlainProblem = {
  readonly file: string;
  readonly line: number | null;
  readonly column: number | null;
  readonly key: string | null;
  readonly message: string;
  readonly hint: string | null;
};

/** The first problem in one line, `file:line:column: what`, and all of them as details. */
export function invalidFile(
  code: ErrorCode & ('settings-invalid' | 'task-file-invalid'),
  { label, path }: NamedFile,
  problems: readonly Problem[],
): PhasrError {
  const plain = problems.map(({ position, key, message, hint }): PlainProblem => ({
    file: path ?? label,
    line: position?.line ?? null,
    column: position?.column ?? null,
    key,
    message,
    hint,
  }));
  const [first] = plain;
  if (first === undefined) throw new Error(`${label} has no problem`);
  const place = first.line === null ? label : `${label}:${first.line}:${first.column}`;
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : '';
  const { file, line, column, key } = first;
  return new PhasrError(code, `${place}: ${first.message}${more}`, {
    hint: first.hint ?? 'Correct it there, then try again.',
    details: { file, line, column, key, problems: plain },
  });
}
