/** What is kept of discarded and merged tasks: how much, how long, and giving it up for good. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Oid, RefName } from '../base/oid.ts';
import { runGit } from '../git/git.ts';
import { changeRefs, listRefNames, readRefAsText, readRefs } from '../git/refs.ts';
import { worktreeTrashPath } from '../store/paths.ts';
import { findTrashEntry } from '../store/trash.ts';
import { refuse, type Refusal } from '../task/decide.ts';
import { baseRef, rewrittenRef, snapshotsRef, type TaskId, trashRef } from '../task/names.ts';
import type { Task } from '../task/task.ts';
import { type Context, recordFacts, userRepository, withTask } from './context.ts';
import { findForeignTrash } from './guard.ts';
import { removeTree } from './remove-tree.ts';
import { settingsHere } from './settings.ts';

export type TrashItem = {
  readonly task: Task;
  /** When it was removed. */
  readonly sinceMs: number;
  /** What only the trash holds, on the disk, in bytes; null when git could not say. */
  readonly bytes: number | null;
  /** When it is given up; null: never. */
  readonly expiresAtMs: number | null;
};

const DAY_MS = 24 * 60 * 60_000;

/** What is kept, the latest first. One git process for each. */
export async function listTrash(context: Context): Promise<readonly TrashItem[]> {
  const days = (await settingsHere(context)).trashDays.value;
  const items: TrashItem[] = [];
  for (const task of context.store.list('all')) {
    const tip = readRefAsText(context.repository.commonDir, trashRef(task.id));
    if (!isRemoved(task) || (tip === undefined && task.held === null)) continue;
    const bytes = tip === undefined ? null : await measure(context, tip);
    const expiresAtMs = days === 0 ? null : task.sinceMs + days * DAY_MS;
    items.push({ task, sinceMs: task.sinceMs, bytes, expiresAtMs });
  }
  return items.sort((a, b) => b.sinceMs - a.sinceMs);
}

function isRemoved({ phase }: Task): boolean {
  return phase.kind === 'merged' || phase.kind === 'discarded';
}

/** Objects that nothing but this ref and the like holds. */
async function measure(context: Context, tip: Oid): Promise<number | null> {
  const elsewhere = ['--not', '--branches', '--tags', '--remotes'];
  const args = ['rev-list', '--disk-usage', '--objects', tip, ...elsewhere];
  const { exitCode, stdout } = await runGit(userRepository(context), args, { ok: [0, 128] });
  return exitCode === 0 ? Number(stdout.toString('latin1').trim()) : null;
}

export type EmptyOutcome = { readonly kind: 'emptied'; readonly task: Task } | Refusal;

/** Gives up what is kept of a task, for good. Git deletes the objects with its next clean-up. */
export async function emptyTrash(context: Context, id: TaskId, by: 'age' | 'person'): Promise<EmptyOutcome> {
  return withTask(context, id, async (task): Promise<EmptyOutcome> => {
    if (!isRemoved(task)) {
      return refuse('not-removed', `task ${id} is neither discarded nor merged`, {
        hint: `phasr show ${id}`,
      });
    }
    const { trashDir } = context.paths;
    const entry = findTrashEntry(trashDir, id);
    if (entry !== undefined && entry.state !== 'held') {
      return refuse('being-removed', `task ${id} is still being put into the trash`, { hint: 'Try again.' });
    }
    const worktree = worktreeTrashPath(task.worktreePath, entry?.name ?? '');
    const foreign = entry === undefined ? undefined : findForeignTrash(context, entry.name, { worktree });
    if (foreign !== undefined)
      return refuse('worktree-broken', `task ${id} cannot be emptied: ${foreign}`, {
        hint: `phasr show ${id}`,
      });
    await deleteRefs(context, task);
    if (entry !== undefined) {
      await removeTree(worktree, context.env);
      await removeTree(join(trashDir, entry.name), context.env);
    }
    // Last: cut short, it is done again.
    return { kind: 'emptied', task: recordFacts(context, id, () => [{ type: 'trash.emptied', by }]) };
  });
}

async function deleteRefs(context: Context, task: Task): Promise<void> {
  const place = userRepository(context);
  const names = [
    baseRef(task.id),
    trashRef(task.id),
    rewrittenRef(task.id),
    ...(await listRefNames(place, [snapshotsRef(task.id)])),
  ] as readonly RefName[];
  const found = await readRefs(place, names);
  const changes = [...found].map(([name, oid]) => ({ name: name as RefName, expected: oid, to: null }));
  if (changes.length > 0) await changeRefs(place, changes, `empty the trash of task ${task.id}`);
}

/** Gives up what is older than the policy says. For the sweeper. */
export async function expireTrash(context: Context): Promise<void> {
  const days = (await settingsHere(context)).trashDays.value;
  if (days === 0) return;
  const before = context.clock.nowMs() - days * DAY_MS;
  for (const task of context.store.list('all')) {
    const isKept =
      task.kept !== null ||
      task.held !== null ||
      (task.snapshots ?? []).length > 0 ||
      (task.carried !== null && readRefAsText(context.repository.commonDir, baseRef(task.id)) !== undefined);
    if (!isRemoved(task) || !isKept || task.sinceMs >= before) continue;
    if (!existsSync(context.repository.commonDir)) return;
    await emptyTrash(context, task.id, 'age');
  }
}
