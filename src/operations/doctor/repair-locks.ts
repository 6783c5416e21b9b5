/** Lock files that a killed git has left: put aside when nobody holds them, else named. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { renderCount } from '../../base/text.ts';
import { findLock, listLocks, listWorkplaces, type LockFile } from '../../git/locks.ts';
import { findUsers } from '../../process/table.ts';
import { moveAside } from '../../store/aside.ts';
import { withMutex } from '../../store/mutex.ts';
import { taskDirectory } from '../../store/paths.ts';
import { isLive } from '../../task/decide.ts';
import type { TaskId } from '../../task/names.ts';
import type { Task } from '../../task/task.ts';
import type { Context } from '../context.ts';
import { leave, type Left, movedAside, type Repair, type RepairPlan } from './repair-kinds.ts';

/** A git command that works takes a lock for moments; some keep one over a checkout, whose process is then seen. */
const LOCK_AGE_MS_MIN = 60_000;

/** Each is looked for in the whole process table; more than these wait for the next time. */
const LOCKS_MAX = 100;

type Planned = { readonly plans: readonly RepairPlan[]; readonly left: readonly Repair[] };

/** Locks of the user's repository and of all his worktrees. */
export async function planLocks(context: Context): Promise<Planned> {
  return planLocksIn(context, context.repository.commonDir, null);
}

/** Locks in a task's two git dirs, unless a run of its goes on. */
export async function planTaskLocks(context: Context, task: Task): Promise<Planned> {
  if (isLive(task.phase)) return { plans: [], left: [] };
  const own = ['git', 'clean'].map((name) => join(taskDirectory(context.paths, task.id), name));
  const found = await Promise.all(
    own.filter((path) => existsSync(path)).map((path) => planLocksIn(context, path, task.id)),
  );
  return { plans: found.flatMap(({ plans }) => plans), left: found.flatMap(({ left }) => left) };
}

async function planLocksIn(context: Context, gitDir: string, task: TaskId | null): Promise<Planned> {
  const plans: RepairPlan[] = [];
  const left: Repair[] = [];
  const locks = listLocks(gitDir);
  for (const lock of locks.slice(0, LOCKS_MAX)) {
    const held = await findReason(context, lock, gitDir);
    if (held === undefined) plans.push(planLock(context, lock, { gitDir, task }));
    else left.push(leave('locks', `${lock.path}: ${held.left}`, held.hint));
  }
  if (locks.length > LOCKS_MAX) {
    const more = renderCount(locks.length - LOCKS_MAX, 'more lock');
    left.push(leave('locks', `there are ${more} ${describeOwner(task)}`, 'phasr doctor --fix   (again)'));
  }
  return { plans, left };
}

/** Why a lock is not to be touched; undefined when nobody holds it. */
async function findReason(context: Context, lock: LockFile, gitDir: string): Promise<Left | undefined> {
  const users = await findUsers(lock.path, listWorkplaces(gitDir));
  if (users === 'some')
    return { left: 'a git command is at work', hint: 'Wait for it, or end it, then: phasr doctor --fix' };
  if (users === 'unknown') {
    const hint = `rm ${lock.path}   (if no git command is at work)`;
    return { left: 'whether somebody holds it is not known here', hint };
  }
  const ageMs = context.clock.nowMs() - lock.mtimeMs;
  if (ageMs >= LOCK_AGE_MS_MIN) return undefined;
  return { left: 'nobody holds it, but it is not a minute old', hint: 'phasr doctor --fix   (in a minute)' };
}

function planLock(
  context: Context,
  lock: LockFile,
  { gitDir, task }: { readonly gitDir: string; readonly task: TaskId | null },
): RepairPlan {
  return {
    check: 'locks',
    task,
    wrong: `${lock.path} (${describeOwner(task)}) was left by a git command that has died`,
    deed: 'put aside',
    execute: () =>
      withMutex(context.paths.mutex, context.clock, async () => {
        const now = findLock(lock.path);
        const isSame = now?.inode === lock.inode && now.mtimeMs === lock.mtimeMs;
        const held = isSame ? await findReason(context, lock, gitDir) : undefined;
        if (held !== undefined) return held;
        if (!isSame) return { left: 'it has changed in between', hint: 'phasr doctor --fix   (again)' };
        return movedAside(lock.path, moveAside(lock.path, context.paths.asideDir, context.clock.nowMs()));
      }),
  };
}

function describeOwner(task: TaskId | null): string {
  return task === null ? 'of the repository' : `of task ${task}`;
}
