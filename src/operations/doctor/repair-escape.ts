/**
 * Puts back what was changed outside a task's own place while it ran, from the fingerprint of that run: settings, hooks and the like, the stash, and refs that are gone or that no longer have in
 * their history what they had. Files of the person's worktrees, HEAD, new refs and branches that have moved on stay: with them somebody's work would go.
 */

import { chmodSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, isAbsolute } from 'node:path';
import { parseOid, type RefName, shortOid } from '../../base/oid.ts';
import { renderVisible } from '../../base/text.ts';
import { uniqueName } from '../../base/unique.ts';
import { isAncestor } from '../../git/commit.ts';
import { findStat, readPlainFile } from '../../git/files.ts';
import { fileBytes } from '../../git/fingerprint.ts';
import { changeRefs, readRefAsText } from '../../git/refs.ts';
import { isRealFolder } from '../../git/task-links.ts';
import { withMutex } from '../../store/mutex.ts';
import { runPaths } from '../../store/paths.ts';
import type { Escape, Task } from '../../task/task.ts';
import { type Context, userRepository } from '../context.ts';
import { readMoment } from '../moment.ts';
import { putAside } from './put-aside.ts';
import { type Done, doneBy, type Left, movedAside, type RepairPlan } from './repair-kinds.ts';

/** What can be put back for tasks whose escape no person has acknowledged. */
export function planEscapes(context: Context, tasks: readonly Task[]): readonly RepairPlan[] {
  const planned = new Map<string, RepairPlan>();
  for (const task of tasks) {
    const escape = task.escape ?? null;
    if (escape === null || escape.isVictim) continue;
    const moment = readMoment(runPaths(context.paths, task.id, escape.run).fingerprint);
    if (moment === undefined) continue;
    for (const plan of planEscape(context, { task, escape, print: moment.print }))
      // Tasks that ran at the same time have seen the same.
      if (!planned.has(plan.wrong)) planned.set(plan.wrong, plan);
  }
  return [...planned.values()];
}

type Source = {
  readonly task: Task;
  readonly escape: Escape;
  readonly print: ReadonlyMap<string, string>;
};

/** Refs first: moving the stash writes a line to the list of stashes, which is put back after it. */
function planEscape(context: Context, { task, escape, print }: Source): readonly RepairPlan[] {
  const { commonDir } = context.repository;
  const plans: RepairPlan[] = [];
  const kinds = ['ref', 'setting', 'history'];
  const changes = escape.changes
    .filter(({ kind }) => kinds.includes(kind))
    .toSorted((one, other) => kinds.indexOf(one.kind) - kinds.indexOf(other.kind));
  for (const { kind, name } of changes) {
    const before = print.get(`${kind === 'ref' ? 'ref' : 'file'} ${name}`);
    const wrong = `${renderVisible(name)} changed while task ${task.id} was at work without a sandbox`;
    const part = { check: 'escapes', task: task.id, wrong };
    if (kind === 'ref') {
      const oid = parseOid(before ?? '');
      const isThere = readRefAsText(commonDir, name) === oid;
      if (oid === undefined || isThere || !name.startsWith('refs/')) continue;
      const ref = { name: name as RefName, oid };
      const deed = `put back to ${shortOid(oid)}`;
      plans.push({ ...part, deed, execute: () => restoreRef(context, ref) });
      continue;
    }
    // Of reflogs only the list of stashes is kept.
    if (!isAbsolute(name)) continue;
    const now = readPlainFile(name, FILE_BYTES_MAX);
    if (before === undefined ? findStat(name) === undefined : now === fileBytes(before)) continue;
    const deed = before === undefined ? 'put aside' : 'put back as it was';
    plans.push({ ...part, deed, execute: () => restoreFile(context, name, before) });
  }
  return plans;
}

const FILE_BYTES_MAX = 4 * 1024 * 1024;

async function restoreRef(
  context: Context,
  { name, oid }: { readonly name: RefName; readonly oid: NonNullable<ReturnType<typeof parseOid>> },
): Promise<Done | Left> {
  const place = userRepository(context);
  return withMutex(context.paths.mutex, context.clock, async () => {
    const now = readRefAsText(place.commonDir, name) ?? null;
    if (now !== null && name !== 'refs/stash' && (await isAncestor(place, oid, now))) {
      const hint = `git log ${shortOid(oid)}..${shortOid(now)}   git update-ref ${name} ${oid}   (takes them off it)`;
      return { left: 'it has commits on top of what it had, and nothing that it had is lost', hint };
    }
    const change = { name, expected: now, to: oid };
    if ((await changeRefs(place, [change], 'put back after an escape')) !== 'changed')
      return { left: 'it is being moved by somebody else', hint: 'phasr doctor --fix   (again)' };
    return doneBy(
      now === null ? { kind: 'ref', name, oid } : { kind: 'ref-moved', name, from: now, to: oid },
    );
  });
}

type Mending = Pick<Context, 'paths' | 'clock' | 'repository'>;

/** `before` as the fingerprint has it; undefined when the file was not there. What is there now is put aside. */
export function restoreFile(
  context: Mending,
  path: string,
  before: string | undefined,
): Promise<Done | Left> {
  return withMutex(context.paths.mutex, context.clock, async (): Promise<Done | Left> => {
    const bytes = fileBytes(before);
    if (before !== undefined && bytes === undefined)
      return { left: 'Phasr has no copy of it', hint: `Look at it: ${renderVisible(path)}` };
    if (!isRealFolder(dirname(path)))
      return { left: 'its folder is gone, or a link', hint: `ls -ld ${dirname(path)}` };
    const aside = findStat(path) === undefined ? null : putAside(context, path);
    if (before === undefined || bytes === undefined)
      return aside === null ? doneBy() : movedAside(path, aside);
    const partial = `${path}.phasr-${uniqueName()}`;
    writeFileSync(partial, bytes, { encoding: 'latin1', flag: 'wx' });
    chmodSync(partial, Number.parseInt(before, 8));
    renameSync(partial, path);
    const inode = findStat(path)?.ino ?? 0;
    return {
      aside,
      back: [aside === null ? { kind: 'made', path, inode } : { kind: 'replaced', path, inode, aside }],
    };
  });
}
