/** What a person should know of a task's work besides its lines: notes in `phasr show`. */

import { type Oid, shortOid } from '../base/oid.ts';
import { isSecretName } from '../base/secret-name.ts';
import { renderCount, renderPath } from '../base/text.ts';
import { listAuthors, type Authorship, findOwnIdentity } from '../git/authors.ts';
import type { TreeChange } from '../git/clean-room.ts';
import { readHead } from '../git/repository.ts';
import type { TaskDirs } from '../git/task-dirs.ts';
import { findUnfinished } from '../git/worktree.ts';
import { latestRun, type Task } from '../task/task.ts';
import { type Context, objectsOf, userRepository } from './context.ts';

/** Where the agent has left its HEAD, when that is not its branch. Reads a few small files. */
export function remarkOnHead({ privateAdminDir }: TaskDirs, { branch }: Task): readonly string[] {
  const unfinished = findUnfinished(privateAdminDir);
  if (unfinished !== undefined) return [`the agent left a ${unfinished} unfinished`];
  const head = readHead(privateAdminDir);
  if (head === undefined) return ['the agent left a HEAD that cannot be read'];
  if ('detached' in head) return [`the agent left HEAD detached, at ${shortOid(head.detached)}`];
  return head.branch === branch ? [] : [`the agent left another branch checked out: ${head.branch}`];
}

const NAMED_MAX = 3;

/** Of the files that differ from the base commit. Pure. */
export function remarkOnFiles(task: Task, changes: readonly TreeChange[]): readonly string[] {
  return [...nestedNotes(changes), ...secretNotes(changes), ...emptiedNotes(task, changes)];
}

function nestedNotes(changes: readonly TreeChange[]): readonly string[] {
  return changes
    .filter(({ newMode }) => newMode === '160000')
    .map(
      ({ path }) => `${renderPath(path)} is a repository of its own; only the commit it is at is recorded`,
    );
}

/** What is new and looks like a secret: committed, it is in the history for good. */
function secretNotes(changes: readonly TreeChange[]): readonly string[] {
  const secret = changes.filter(
    ({ status, path }) => status === 'A' && isSecretName(path.toString('latin1')),
  );
  if (secret.length === 0) return [];
  const looks =
    secret.length === 1 ? 'looks like a secret; merged, it is' : 'look like secrets; merged, they are';
  return [`${nameSome(secret)} ${looks} in your history for good`];
}

const EMPTY_BLOBS: ReadonlySet<string> = new Set([
  'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391',
  '473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813',
]);

/** After a power cut, what was written in the last half minute is there as empty files; they are not to be taken for somebody's work unseen. */
function emptiedNotes(task: Task, changes: readonly TreeChange[]): readonly string[] {
  const { end } = latestRun(task);
  if (end?.outcome !== 'interrupted' || end.exitCode !== null) return [];
  const empty = changes.filter(({ newOid }) => EMPTY_BLOBS.has(newOid));
  if (empty.length === 0) return [];
  return [
    `${renderCount(empty.length, 'file is', 'files are')} empty now (${nameSome(empty)}); if the machine went down, they had not reached the disk`,
  ];
}

function nameSome(changes: readonly TreeChange[]): string {
  const names = changes.slice(0, NAMED_MAX).map(({ path }) => renderPath(path));
  return [...names, ...(changes.length > NAMED_MAX ? ['…'] : [])].join(', ');
}

/** An agent that makes more is looked at no further. */
const COMMITS_MAX = 1000;
/** A clock that was just set, and the day of another time zone. */
const DATES_APART_MS = 24 * 60 * 60_000;

/**
 * Of the agent's own commits: those that name somebody else as their author, or a time at which there was no such task; merged, they stand in the history like that (hazard h15). What the person
 * has in a branch of his is left out. No git process without own commits, two with some, a third when there is something to say.
 */
export async function remarkOnCommits(context: Context, task: Task, tip: Oid): Promise<readonly string[]> {
  if (tip === task.base.oid) return [];
  const place = objectsOf(context, task);
  const range = { base: task.base.oid, head: tip, max: COMMITS_MAX };
  const [own, commits] = await Promise.all([
    findOwnIdentity(userRepository(context)),
    listAuthors(place, { ...range, isNowhereElse: false }),
  ]);
  const isOdd = ({ author, committer, authoredAtMs, committedAtMs }: Authorship): boolean =>
    (own !== undefined && [author, committer].some((name) => name !== own)) ||
    [authoredAtMs, committedAtMs].some((ms) => isOffTime(context, task, ms));
  if (!commits.some(isOdd)) return [];
  const odd = (await listAuthors(place, { ...range, isNowhereElse: true })).filter(isOdd);
  const named = odd.slice(0, NAMED_MAX).map(({ oid, author, committer, authoredAtMs, committedAtMs }) => {
    const isForeign = (name: string): boolean => own !== undefined && name !== own;
    const offTime = [authoredAtMs, committedAtMs].find((ms) => isOffTime(context, task, ms));
    const words = [
      ...(isForeign(author) ? [` is by ${cut(author)}`] : []),
      ...(isForeign(committer) && committer !== author ? [` was made by ${cut(committer)}`] : []),
      ...(offTime === undefined ? [] : [` is dated ${renderDay(offTime)}`]),
    ];
    return `its commit ${shortOid(oid)}${words.join(',')}`;
  });
  const more = odd.length - named.length;
  return more > 0
    ? [...named, `… and ${renderCount(more, 'more commit', 'more commits')} like these`]
    : named;
}

const NAME_MAX = 100;

function cut(name: string): string {
  return name.length <= NAME_MAX ? name : `${name.slice(0, NAME_MAX)}…`;
}

/** The largest time that a `Date` holds, either way (ECMA-262, "Time Values and Time Range"). */
const TIME_MAX_MS = 8.64e15;

function renderDay(ms: number): string {
  return Math.abs(ms) <= TIME_MAX_MS
    ? new Date(ms).toISOString().replace(/T.*/, '')
    : 'at no time that there is';
}

function isOffTime({ clock }: Context, { launchedAtMs }: Task, ms: number): boolean {
  return !(ms >= launchedAtMs - DATES_APART_MS && ms <= clock.nowMs() + DATES_APART_MS);
}
