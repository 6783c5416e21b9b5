/** How the end of a program on the person's terminal becomes an exit code, as shells do it. */

import { constants } from 'node:os';
import type { PhasrError } from '../base/errors.ts';
import type { ForegroundEnd } from '../operations/enter.ts';

/** Its own exit code; 128 and the signal's number when a signal ended it. `interrupted`: the person, or whoever ended us, wants no more. */
export function describeEnd({ exitCode, signal, received }: ForegroundEnd): {
  readonly exitCode: number;
  readonly interrupted: number | null;
} {
  const byKey = signal === 'SIGINT' ? signal : null;
  const stop = received ?? byKey;
  return {
    exitCode: exitCode ?? codeOf(signal),
    interrupted: stop === null ? null : codeOf(stop),
  };
}

function codeOf(signal: NodeJS.Signals | null): number {
  return signal === null ? 1 : 128 + constants.signals[signal];
}

/** 127 for a program that is not there, 126 for one that may not be executed. */
export function codeOfMissing(error: PhasrError): number {
  return error.details['systemCode'] === 'EACCES' ? 126 : 127;
}
