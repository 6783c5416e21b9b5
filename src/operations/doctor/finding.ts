/** What a check of `phasr doctor` finds. */

import { PhasrError } from '../../base/errors.ts';

export type Finding = {
  /** What was looked at, in one word or two. */
  readonly check: string;
  /** `problem`: something does not work; `note`: it works, and a person should know. */
  readonly status: 'ok' | 'note' | 'problem';
  readonly message: string;
  /** What to type, or to do, next; null when there is nothing to do. */
  readonly hint: string | null;
};

export type Check = () => readonly Finding[] | Promise<readonly Finding[]>;

export function ok(check: string, message: string): Finding {
  return { check, status: 'ok', message, hint: null };
}

export function note(check: string, message: string, hint: string | null = null): Finding {
  return { check, status: 'note', message, hint };
}

export function problem(check: string, message: string, hint: string): Finding {
  return { check, status: 'problem', message, hint };
}

/** A check that cannot be made is a finding too; a bug is none. */
export async function attempt(check: string, look: Check): Promise<readonly Finding[]> {
  try {
    return await look();
  } catch (error) {
    if (error instanceof PhasrError) return [problem(check, error.message, error.hint)];
    // What the file system refuses; everything else is a bug of ours.
    if (!(error instanceof Error) || !('syscall' in error)) throw error;
    return [note(check, `could not be looked at: ${error.message}`)];
  }
}
