/** What is kept of discarded and merged tasks: how much, how long, and giving it up for good. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Oid, RefName } from '../base/oid.ts';
import { runGit } from '../git/git.ts';
import { changeRefs, listRefNames, readRefAsText, readRefs } from '../git/refs.ts';
import { worktreeTrashPath } from '../store/paths.ts';
import { findTrashEntry } from '../store/trash.ts';
import { refuse, type Refusal } from '../task/decide.ts';
import { rewrittenRef, snapshotsRef, type TaskId, trashRef } from '../task/names.ts';
import type { Task } from '../task/task.ts';
import { awaitClaim, type Context, recordFacts, requireTask, taskClaim, userRepository } from './context.ts';
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
  const release = await awaitClaim(context, taskClaim(id));
  if (release === undefined)
    return refuse('being-restored', `another phasr process is at task ${id}`, { hint: 'Try again.' });
  try {
    const task = requireTask(context, id);
    if (!isRemoved(task)) {
      return refuse('not-removed', `task ${id} is neither discarded nor merged`, {
        hint: `phasr show ${id}`,
      });
    }
    const entry = findTrashEntry(context.paths.trashDir, id);
    if (entry !== undefined && entry.state !== 'held') {
      return refuse('being-removed', `task ${id} is still being put into the trash`, { hint: 'Try again.' });
    }
    await deleteRefs(context, task);
    const emptied = recordFacts(context, id, () => [{ type: 'trash.emptied', by }]);
    if (entry !== undefined) {
      await removeTree(worktreeTrashPath(task.worktreePath, entry.name), context.env);
      await removeTree(join(context.paths.trashDir, entry.name), context.env);
    }
    return { kind: 'emptied', task: emptied };
  } finally {
    release();
  }
}

async function deleteRefs(context: Context, task: Task): Promise<void> {
  const place = userRepository(context);
  const names = [
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
    const isKept = task.kept !== null || task.held !== null || (task.snapshots ?? []).length > 0;
    if (!isRemoved(task) || !isKept || task.sinceMs >= before) continue;
    if (!existsSync(context.repository.commonDir)) return;
    await emptyTrash(context, task.id, 'age');
  }
}
