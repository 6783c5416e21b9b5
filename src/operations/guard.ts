/**
 * The guard before anything of a task is removed or renamed away. A record that was damaged or edited by hand, a link, or a directory that has taken
 * the place of the worktree must never make Phasr remove anything else (user pains P2, P11, P12).
 */

import { realpathSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { PhasrError } from '../base/errors.ts';
import { branchRef } from '../base/oid.ts';
import { renderCount, renderVisible } from '../base/text.ts';
import { findWorktree } from '../git/clean-room.ts';
import { findStat } from '../git/files.ts';
import { readRegistration } from '../git/registration.ts';
import { belongs, readLinkedCommonDir } from '../git/task-links.ts';
import { findOccupants, listAncestors, type Occupant } from '../process/inside.ts';
import { taskDirectory } from '../store/paths.ts';
import type { TrashEntry } from '../store/trash.ts';
import { refuse, type Refusal } from '../task/decide.ts';
import { taskBranch, taskDirectoryName } from '../task/names.ts';
import type { Task } from '../task/task.ts';
import { type Context, dirsOf, MAIN_WORKTREE_FACT } from './context.ts';

type Names = Pick<Task, 'id' | 'slug' | 'branch' | 'worktreePath'>;

/**
 * Checks that path and branch have the very form that Phasr gives this task's, below its own root, with no link on the way. Enough for what no agent
 * has worked in yet. Throws `worktree-broken`.
 */
export function requireOwnNames(context: Context, task: Names): void {
  throwDefect(task, findNameDefect(context, task) ?? findRegistrationDefect(context, task, 'gone'));
}

/**
 * Checks that what would be removed is the task's own, by everything that is known of it. Gives whether the worktree is there.
 * Throws `worktree-broken`; then nothing may be removed.
 */
export function requireOwnWorktree(context: Context, task: Task): 'present' | 'gone' {
  const found = identify(context, task);
  if (typeof found !== 'string') throwDefect(task, found.defect, found.hint);
  return found === 'present' ? 'present' : 'gone';
}

/** As {@link requireOwnWorktree} for a decision that is yet to be made: the reason why not, as a refusal. */
export function findForeignWorktree(context: Context, task: Task): Refusal | undefined {
  const found = identify(context, task);
  if (typeof found === 'string') return undefined;
  return refuse('worktree-broken', describe(task, found.defect), { hint: found.hint });
}

/** Whom of those that work in a worktree a person may not have meant. `asker`: not the terminal that he asks from. */
type Counted = 'all' | 'all but the asker';

/** Refuses while a process has its working directory in the task's worktree. `unknown` where the system does not tell. */
export async function findInUse(
  { id, worktreePath }: Pick<Task, 'id' | 'worktreePath'>,
  counted: Counted,
): Promise<Refusal | 'unknown' | undefined> {
  const found = await findOccupants(worktreePath);
  if (found === 'unknown') return 'unknown';
  const asker = counted === 'all' ? new Set<number>() : await listAncestors();
  const occupants = found.filter(({ pid }) => !asker.has(pid));
  if (occupants.length === 0) return undefined;
  return refuse('in-use', `the worktree of task ${id} is in use by ${renderOccupants(occupants)}`, {
    hint: 'Leave it there, or end it; then try again. Nothing was changed.',
  });
}

/** What keeps a task that a person wants gone from being removed: it is not what it was, or somebody works in it. */
export async function findRemovalRefusal(context: Context, task: Task): Promise<Refusal | undefined> {
  const foreign = findForeignWorktree(context, task);
  if (foreign !== undefined || task.directory === null) return foreign;
  const inUse = await findInUse(task, 'all but the asker');
  return inUse === 'unknown' ? undefined : inUse;
}

const NAMED_MAX = 5;

function renderOccupants(occupants: readonly Occupant[]): string {
  const named = occupants
    .slice(0, NAMED_MAX)
    .map(({ pid, program }) => `process ${pid} (${renderVisible(program)})`);
  const more = occupants.length - named.length;
  return named.join(', ') + (more === 0 ? '' : ` and ${renderCount(more, 'other')}`);
}

const HINT =
  'Nothing was removed. Put it back as it was, or let phasr doctor --fix try; what was committed is on the task branch.';

const HINT_FOREIGN =
  'Nothing was removed. If this repository is a copy, go on with the task in the other one.';

function describe({ id }: Pick<Task, 'id'>, defect: string): string {
  return `task ${id} cannot be removed: ${defect}`;
}

function throwDefect(task: Names, defect: string | undefined, hint = HINT): void {
  if (defect === undefined) return;
  throw new PhasrError('worktree-broken', describe(task, defect), {
    hint,
    details: { worktreePath: task.worktreePath },
  });
}

type Defect = { readonly defect: string; readonly hint: string };

function identify(context: Context, task: Task): 'present' | 'gone' | Defect {
  const named = findNameDefect(context, task);
  if (named !== undefined) return { defect: named, hint: HINT };
  const presence = task.directory === null ? 'gone' : findWorktree(task.worktreePath, task.directory);
  const shown = renderVisible(task.worktreePath);
  if (presence === 'replaced')
    return { defect: `${shown} is no longer the directory that Phasr made, but something else`, hint: HINT };
  const dirs = dirsOf(context, task);
  // A copy of a repository has records of the same worktrees.
  if (presence === 'present' && belongs(task.worktreePath, dirs, readLinkedCommonDir(dirs)) === 'foreign')
    return {
      defect: `${shown} belongs to another repository, of which this one may be a copy`,
      hint: HINT_FOREIGN,
    };
  const defect = findRegistrationDefect(context, task, presence);
  return defect === undefined ? presence : { defect, hint: HINT };
}

function findNameDefect(context: Context, { id, slug, branch, worktreePath }: Names): string | undefined {
  const shown = renderVisible(worktreePath);
  const { commonDir } = context.repository;
  const folder = dirname(worktreePath);
  const hasForm =
    isAbsolute(worktreePath) &&
    resolve(worktreePath) === worktreePath &&
    basename(worktreePath) === taskDirectoryName(id, slug) &&
    /.-[0-9a-f]{8}$/.test(basename(folder));
  if (!hasForm) return `its record names ${shown}, which is no worktree of Phasr's`;
  if (dirname(folder) !== context.user.worktrees)
    return `its record names ${shown}, which is not among the worktrees in ${renderVisible(context.user.worktrees)} (PHASR_HOME)`;
  if (branch !== taskBranch(id, slug))
    return `its record names the branch ${renderVisible(branch)}, which Phasr did not make for it`;
  const holds = (path: string): boolean => path === worktreePath || path.startsWith(`${worktreePath}/`);
  if (worktreePath.startsWith(`${commonDir}/`) || ownPlaces(context).some(holds))
    return `its record names ${shown}, which holds the repository itself`;
  for (const path of [folder, join(folder, '.trash'), taskDirectory(context.paths, id)])
    if (!isFreeOfLinks(path)) return `${renderVisible(path)} is a link, or is reached through one`;
  return undefined;
}

/** The repository, and the main worktree wherever it has been seen. */
function ownPlaces({ repository, store, currentTask }: Context): readonly string[] {
  const { commonDir, worktreeRoot } = repository;
  const seen = store.readFact(MAIN_WORKTREE_FACT);
  return [
    commonDir,
    ...(basename(commonDir) === '.git' ? [dirname(commonDir)] : []),
    ...(seen === undefined ? [] : [seen]),
    // Who stands in a task's worktree may well remove that.
    ...(worktreeRoot === null || currentTask !== null ? [] : [worktreeRoot]),
  ];
}

/** What is not there leads nowhere. */
function isFreeOfLinks(path: string): boolean {
  return findStat(path) === undefined || realpathSync(path) === path;
}

function findRegistrationDefect(
  context: Context,
  task: Names & Partial<Pick<Task, 'token'>>,
  presence: 'present' | 'gone',
): string | undefined {
  const registration = readRegistration(dirsOf(context, task).registrationDir);
  if (registration === 'missing')
    return presence === 'gone' ? undefined : 'git does not list it among the worktrees of this repository';
  if (registration === 'unusable') return 'its entry in worktrees/ is no folder';
  const { worktreePath, branch, token } = registration;
  if (worktreePath !== task.worktreePath)
    return `git lists its worktree at ${renderVisible(worktreePath ?? 'no place')}, not at ${renderVisible(task.worktreePath)}`;
  if (branch !== branchRef(task.branch))
    return `git has ${renderVisible(branch ?? 'no branch')} checked out there, not ${task.branch}`;
  if (typeof task.token === 'string' && token !== task.token)
    return 'its entry in worktrees/ does not carry the token that Phasr has given it';
  return undefined;
}

/**
 * Why a trash entry's worktree must not be deleted, in words; undefined when it may be. It has to lie, itself and no link, where cleanup moves worktrees to.
 */
export function findForeignTrash(
  { user }: Pick<Context, 'user'>,
  name: string,
  { worktree }: Pick<TrashEntry, 'worktree'>,
): string | undefined {
  const trash = dirname(worktree);
  const hasForm =
    isAbsolute(worktree) &&
    resolve(worktree) === worktree &&
    basename(worktree) === name &&
    /^\d+\.\d+$/.test(name) &&
    basename(trash) === '.trash' &&
    dirname(dirname(trash)) === user.worktrees;
  const shown = renderVisible(worktree);
  if (!hasForm) return `its record names ${shown}, which is not where removed worktrees are`;
  if (findStat(worktree)?.isSymbolicLink() === true || !isFreeOfLinks(trash))
    return `${shown} is a link, or is reached through one`;
  return undefined;
}
