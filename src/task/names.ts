/** The names of a task: its id, its branch, its directory. Everything outside derives from them, so repeating a step is harmless. */

import type { RefName } from '../base/oid.ts';

declare const brand: unique symbol;

/** A whole number from 1, unique in its repository. */
export type TaskId = number & { readonly [brand]: 'TaskId' };

const TASK_ID_MAX = 2 ** 31;
const SLUG_LENGTH_MAX = 40;
const TITLE_LENGTH_MAX = 72;
const BRANCH_PREFIX = 'phasr/task-';

/** A task id as a person types it: `7`, `#7`, or the task branch's name. */
export function parseTaskId(text: string): TaskId | undefined {
  const digits =
    /^#?([1-9]\d{0,9})$/.exec(text)?.[1] ?? /^(?:refs\/heads\/)?phasr\/task-([1-9]\d{0,9})-/.exec(text)?.[1];
  const id = Number(digits ?? Number.NaN);
  return id <= TASK_ID_MAX ? asTaskId(id) : undefined;
}

/** For ids that come from our own database. Throws when it is no task id (a bug). */
export function asTaskId(value: number): TaskId {
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`not a task id: ${value}`);
  return value as TaskId;
}

/** White space folded, so that a title is one line everywhere. */
export function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}

/** The title that a prompt gives by itself: its first line with letters in it, white space folded, at most 72 characters. */
export function titleFromPrompt(prompt: string): string {
  const lines = prompt.split('\n').map(oneLine);
  const line =
    lines.find((candidate) => /[\p{L}\p{N}]/u.test(candidate)) ??
    lines.find((candidate) => candidate !== '') ??
    'task';
  const characters = [...line];
  return characters.length <= TITLE_LENGTH_MAX
    ? line
    : `${characters.slice(0, TITLE_LENGTH_MAX - 1).join('')}…`;
}

/**
 * What a title becomes in branch and directory names: `[a-z0-9-]`, at most 40 characters, never empty.
 * `transliterated` is the title in ASCII as far as that is possible (the caller's library does it).
 */
export function slugFromTitle(transliterated: string): string {
  const slug = transliterated
    .toLowerCase()
    // "don't", "the user's"
    .replaceAll(/(?<=[a-z0-9])['’](?=[ts](?![a-z0-9]))/g, '')
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '');
  if (slug.length <= SLUG_LENGTH_MAX) return slug === '' ? 'task' : slug;
  // Cut between words where that leaves more than half.
  const cut = slug.slice(0, SLUG_LENGTH_MAX);
  const dash = slug[SLUG_LENGTH_MAX] === '-' ? SLUG_LENGTH_MAX : cut.lastIndexOf('-');
  return (dash > SLUG_LENGTH_MAX / 2 ? cut.slice(0, dash) : cut).replaceAll(/-+$/g, '');
}

function isSlug(text: string): boolean {
  return /^[a-z0-9][a-z0-9-]*$/.test(text) && text.length <= SLUG_LENGTH_MAX;
}

/** `phasr/task-1742-add-rate-limiting`; valid as a git branch on every platform because of the slug's alphabet. */
export function taskBranch(id: TaskId, slug: string): string {
  return `${BRANCH_PREFIX}${id}-${slug}`;
}

/** The reverse of {@link taskBranch}; undefined for any other branch. */
export function slugFromBranch(id: TaskId, branch: string): string | undefined {
  const start = taskBranch(id, '');
  const slug = branch.startsWith(start) ? branch.slice(start.length) : '';
  return isSlug(slug) ? slug : undefined;
}

/** The directory of a task's worktree below its repository's folder. */
export function taskDirectoryName(id: TaskId, slug: string): string {
  return `${id}-${slug}`;
}

/** Keeps the base commit alive for the life of the task, whatever the user does to his own branches. */
export function baseRef(id: TaskId): RefName {
  return `refs/phasr/base/${id}`;
}

/** Keeps what a merged or discarded task left, so that it stays findable. */
export function trashRef(id: TaskId): RefName {
  return `refs/phasr/trash/${id}`;
}

/** Below it the snapshots of a task that has a worktree, by number. */
export function snapshotsRef(id: TaskId): RefName {
  return `refs/phasr/snapshots/${id}`;
}

/** One of them. */
export function snapshotRef(id: TaskId, number: number): RefName {
  return `${snapshotsRef(id)}/${number}`;
}

/** Keeps an agent's own commits when they do not descend from the base commit. */
export function rewrittenRef(id: TaskId): RefName {
  return `refs/phasr/rewritten/${id}`;
}

/** The highest task id among ref names that belong to tasks, 0 when there is none. */
export function highestTaskId(refNames: readonly string[]): number {
  let highest = 0;
  for (const name of refNames) {
    const digits =
      /^refs\/(?:heads\/phasr\/task-|phasr\/(?:base|trash|rewritten|snapshots)\/)(\d{1,9})(?:-|\/|$)/.exec(
        name,
      )?.[1];
    if (digits !== undefined) highest = Math.max(highest, Number(digits));
  }
  return highest;
}
