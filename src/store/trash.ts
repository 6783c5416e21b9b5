/** What cleanup took away and is not yet deleted: one folder each below the repository's trash directory. */

import { existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Oid } from '../base/oid.ts';
import { readPlainText, writeWhole } from './files.ts';

export type TrashEntry = {
  readonly version: 1;
  readonly taskId: number;
  /** Where the worktree's directory was moved to, if it was still there. */
  readonly worktree: string;
  readonly base: Oid;
  /** The last recorded head: what is in it need not be kept again. */
  readonly head: Oid;
  readonly merged: boolean;
};

/** The entries that a sweeper may empty, or go on emptying: complete or kept, and not held back by an earlier one. */
export function listSweepable(trashDir: string): readonly string[] {
  if (!existsSync(trashDir)) return [];
  return readdirSync(trashDir).filter(
    (name) => (isComplete(trashDir, name) || isKept(trashDir, name)) && !existsSync(heldPath(trashDir, name)),
  );
}

/** True once everything that belongs to the entry was moved there; the clean room comes last. */
export function isComplete(trashDir: string, name: string): boolean {
  return existsSync(join(trashDir, name, 'clean')) && existsSync(join(trashDir, name, 'entry.json'));
}

export function writeTrashEntry(trashDir: string, name: string, entry: TrashEntry): void {
  writeWhole(join(trashDir, name, 'entry.json'), JSON.stringify(entry));
}

/** A removed task's latest entry that is still on the disk: its name and whether all of it is there. */
export function findTrashEntry(
  trashDir: string,
  taskId: number,
): { readonly name: string; readonly state: TrashState } | undefined {
  return listTrash(trashDir).findLast(({ name }) => name.startsWith(`${taskId}.`));
}

/** Takes the marks of an entry away whose directories were moved back. */
export function removeTrashEntry(trashDir: string, name: string): void {
  rmSync(join(trashDir, name, 'entry.json'), { force: true });
  rmSync(heldPath(trashDir, name), { force: true });
  rmdirSync(join(trashDir, name));
}

/** Marks an entry whose files must stay on the disk because no ref could hold them all. */
export function holdTrash(trashDir: string, name: string, reason: string): void {
  writeWhole(heldPath(trashDir, name), `${reason}\n`);
}

/** Why an entry stays on the disk; undefined when it does not. */
export function readHeld(trashDir: string, name: string): string | undefined {
  return readPlainText(heldPath(trashDir, name))?.trimEnd();
}

/** Marks an entry of which a ref holds everything, before the first of its files is deleted. */
export function markKept(trashDir: string, name: string): void {
  writeWhole(keptPath(trashDir, name), '');
}

/** True once the entry's files are in a ref and being deleted: there may be fewer of them than were kept. */
export function isKept(trashDir: string, name: string): boolean {
  return existsSync(keptPath(trashDir, name)) && existsSync(join(trashDir, name, 'entry.json'));
}

function keptPath(trashDir: string, name: string): string {
  return join(trashDir, name, 'kept');
}

function heldPath(trashDir: string, name: string): string {
  return join(trashDir, name, 'held');
}

/** What a folder in the trash is. */
export function readTrashEntry(trashDir: string, name: string): TrashEntry | undefined {
  const text = readPlainText(join(trashDir, name, 'entry.json'));
  return text === undefined ? undefined : (JSON.parse(text) as TrashEntry);
}

/** `sweepable` waits for a sweeper, `held` stays on purpose, `partial` is still being filled, or emptied. */
type TrashState = 'sweepable' | 'held' | 'partial';

/** Every folder in the trash, with what is known of it. */
export function listTrash(trashDir: string): readonly {
  readonly name: string;
  readonly state: TrashState;
  readonly worktree: string | null;
}[] {
  if (!existsSync(trashDir)) return [];
  return readdirSync(trashDir).map((name) => {
    const isHeld = existsSync(heldPath(trashDir, name));
    const isSweepable = isComplete(trashDir, name) || isKept(trashDir, name);
    const state = isHeld ? 'held' : isSweepable ? 'sweepable' : 'partial';
    return { name, state, worktree: readTrashEntry(trashDir, name)?.worktree ?? null };
  });
}
