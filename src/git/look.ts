/** One look at a worktree's files: what differs from the clean room's index, what git does not track, and what it ignores. */

import { splitBytes } from '../base/text.ts';
import { type GitPlace, runGit } from './git.ts';

/** A tracked path whose file is another one now. */
type ChangedPath = {
  readonly path: Buffer;
  /** `M` modified, `D` deleted, `T` of another type; anything else is a nested repository's. */
  readonly status: string;
  /** As git would record it now, `000000` when deleted. */
  readonly mode: string;
};

export type Look = {
  readonly changed: readonly ChangedPath[];
  /** Files, and folders of which nothing is tracked (with their closing slash). */
  readonly untracked: readonly Buffer[];
  /** Files, and folders of which everything is ignored (with their closing slash). */
  readonly ignored: readonly Buffer[];
};

/** Reading again a worktree in which everything was touched may take long; this is a limit against hanging for ever. */
const TIMEOUT_MS = 60 * 60_000;

/**
 * Looks at the files through the clean room's index; only those are opened that were touched since it was written. Changes nothing. Nested repositories are not looked into.
 * One git process. Source of the format: git-status(1), "Porcelain Format Version 2".
 */
export async function lookAt(room: GitPlace): Promise<Look> {
  const args = ['status', '--porcelain=v2', '-z', '--no-renames', '--ignore-submodules=all'];
  const { stdout } = await runGit(room, [...args, '--untracked-files=normal', '--ignored=traditional'], {
    timeoutMs: TIMEOUT_MS,
    // What a commit would refuse is a change all the same.
    settings: ['core.safecrlf=false'],
  });
  const changed: ChangedPath[] = [];
  const untracked: Buffer[] = [];
  const ignored: Buffer[] = [];
  for (const record of splitBytes(stdout, 0)) {
    const kind = record.toString('latin1', 0, 1);
    if (kind === '?') untracked.push(record.subarray(2));
    else if (kind === '!') ignored.push(record.subarray(2));
    else {
      const found = parseChanged(record);
      if (found.status !== '.') changed.push(found);
    }
  }
  return { changed, untracked, ignored };
}

/** `1 XY sub mH mI mW hH hI path`; of the two states only the second one, of the file, is of interest here. */
function parseChanged(record: Buffer): ChangedPath {
  let at = 0;
  const fields = Array.from({ length: 8 }, () => {
    const end = record.indexOf(0x20, at);
    const field = record.toString('latin1', at, end);
    at = end + 1;
    return field;
  });
  const [kind, states = '', , , , mode = ''] = fields;
  if (kind !== '1') throw new Error(`git status printed an entry of kind ${String(kind)}`);
  return { path: record.subarray(at), status: states.slice(1), mode };
}

/** Whether no file differs from the index, and there is none that is neither tracked nor ignored. */
export function isClean({ changed, untracked }: Look): boolean {
  return changed.length + untracked.length === 0;
}
