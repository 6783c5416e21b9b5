/** What repairs have changed in a repository and how each is taken back: one small file each, numbered. They survive the database, which may itself be repaired. */

import { existsSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { Oid, RefName } from '../base/oid.ts';
import type { TaskId } from '../task/names.ts';
import type { Task } from '../task/task.ts';
import { createWhole, readPlainText } from './files.ts';

/** Where a task's worktree is, as its record says. */
export type RecordedWorktree = Pick<Task, 'worktreePath' | 'directory' | 'launchGitDir'>;

/** One step of a repair, by what takes it back. */
export type Reversal =
  /** Something was moved: from where it is now back to where it was. */
  | { readonly kind: 'move'; readonly from: string; readonly to: string }
  /** Something was made, and is told by its inode: it is put aside. */
  | { readonly kind: 'made'; readonly path: string; readonly inode: number }
  /** A file was put in the place of another one, which is `aside`; it is told by its inode. */
  | {
      readonly kind: 'replaced';
      readonly path: string;
      readonly inode: number;
      readonly aside: string;
    }
  /** A small file was written, as latin1 text, below the real folder `top`. `before` is null when it was not there. */
  | {
      readonly kind: 'text';
      readonly path: string;
      readonly top: string;
      readonly before: string | null;
      readonly after: string;
    }
  /** A ref was made. */
  | { readonly kind: 'ref'; readonly name: RefName; readonly oid: Oid }
  /** A ref was moved. */
  | { readonly kind: 'ref-moved'; readonly name: RefName; readonly from: Oid; readonly to: Oid }
  /** The record of a task's place was changed. */
  | {
      readonly kind: 'worktree';
      readonly task: TaskId;
      readonly before: RecordedWorktree;
      readonly after: RecordedWorktree;
    }
  /** The damaged database was put aside, and another one made in its place. */
  | { readonly kind: 'database'; readonly aside: string };

export type RecordedRepair = {
  readonly number: number;
  /** The task that it was about, if it was one. */
  readonly task: TaskId | null;
  readonly atMs: number;
  /** In a sentence without its end: what was wrong, and what was done. */
  readonly what: string;
  /** In the order in which they were done. */
  readonly back: readonly Reversal[];
};

const FILE = /^(\d{1,9})(\.taken-back)?\.json$/;

/** More processes that record a repair at one moment are a loop. */
const TRIES_MAX = 100;

/** Records a repair that was made. Gives its number. */
export function recordRepair(directory: string, repair: Omit<RecordedRepair, 'number'>): number {
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const number = Math.max(0, ...listNumbers(directory).map(([taken]) => taken)) + 1;
    if (createWhole(join(directory, `${number}.json`), JSON.stringify(repair))) return number;
  }
  throw new Error(`${TRIES_MAX} repairs were recorded at once`);
}

/** Who repairs more than this looks at the latest. */
const REPAIRS_MAX = 1000;

/** The repairs that have not been taken back, oldest first, at most {@link REPAIRS_MAX}. A file that cannot be read is passed over. */
export function listRepairs(directory: string): readonly RecordedRepair[] {
  return listNumbers(directory)
    .filter(([, isTakenBack]) => !isTakenBack)
    .map(([number]) => number)
    .sort((a, b) => a - b)
    .slice(-REPAIRS_MAX)
    .flatMap((number) => {
      const text = readPlainText(join(directory, `${number}.json`));
      try {
        return [{ ...(JSON.parse(text ?? '') as Omit<RecordedRepair, 'number'>), number }];
      } catch {
        // Safe to ignore: cut off by a power cut; what it put aside is there all the same.
        return [];
      }
    });
}

/** Marks a repair as taken back: it is not listed any more. */
export function markTakenBack(directory: string, number: number): void {
  renameSync(join(directory, `${number}.json`), join(directory, `${number}.taken-back.json`));
}

function listNumbers(directory: string): readonly (readonly [number: number, isTakenBack: boolean])[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory).flatMap((name) => {
    const [, number, mark] = FILE.exec(name) ?? [];
    return number === undefined ? [] : [[Number(number), mark !== undefined] as const];
  });
}
