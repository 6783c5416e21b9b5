/** A task's worktree that is not where its record says: found and recorded, moved back, or made anew from what is committed. */

import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { branchRef } from '../../base/oid.ts';
import { checkOutBase, findWorktree, readWorktreeIdentity } from '../../git/clean-room.ts';
import { listSettings } from '../../git/config.ts';
import { findStat } from '../../git/files.ts';
import { copyIndex, isSameFile } from '../../git/index-file.ts';
import { readRefAsText } from '../../git/refs.ts';
import { gitFileText } from '../../git/task-dirs.ts';
import { belongs, isRealFolder, readLinkedCommonDir } from '../../git/task-links.ts';
import { moveAside } from '../../store/aside.ts';
import { worktreesDirectory } from '../../store/paths.ts';
import type { Reversal } from '../../store/repairs.ts';
import type { Task } from '../../task/task.ts';
import { tellAgent } from '../commit.ts';
import { type Context, dirsOf, recordFacts, requireTask, roomOf, userRepository } from '../context.ts';
import { findMovedWorktree, isWorktreeOf } from './find-worktree.ts';
import { type Done, doneBy, leave, type Left, type Repair, type RepairPlan } from './repair-kinds.ts';

/** What is known of a task's worktree, and what is to be done about it. */
export type Located = {
  readonly plan: RepairPlan | null;
  readonly left: Repair | null;
  /** The task as it is when the plan was carried out. */
  readonly task: Task;
};

/** Finds an open task's worktree. Looks only. */
export async function locateWorktree(context: Context, task: Task): Promise<Located> {
  if (task.directory === null) return locateNone(context, task);
  const presence = findWorktree(task.worktreePath, task.directory);
  const dirs = dirsOf(context, task);
  const old = readLinkedCommonDir(dirs);
  if (presence === 'present' && belongs(task.worktreePath, dirs, old) !== 'foreign') return asItIs(task);
  const found = findMovedWorktree(context, task);
  if (found !== undefined) return planMove(context, task, found);
  if (presence !== 'gone')
    return {
      plan: null,
      task,
      left: leave(
        `task ${task.id}`,
        `${task.worktreePath} is not the worktree of task ${task.id}: it is another folder, or of a task of another repository`,
        `If this repository is a copy, go on in the other one. Else move that folder away, then: phasr doctor --fix`,
      ),
    };
  return locateGone(context, task);
}

function asItIs(task: Task): Located {
  return { plan: null, left: null, task };
}

/** A worktree that is still to be made is made where worktrees are now, if their old folder is gone. */
async function locateNone(context: Context, task: Task): Promise<Located> {
  const root = dirname(dirname(dirname(task.worktreePath)));
  if (existsSync(root) || task.phase.kind !== 'idle') return asItIs(task);
  const worktreePath = await ownPath(context, task);
  return {
    plan: {
      check: `task ${task.id}`,
      task: task.id,
      wrong: `task ${task.id}, which has no worktree, names ${task.worktreePath}, whose folder is gone`,
      deed: `recorded for ${worktreePath}`,
      execute: async () => doneBy(relocate(context, task, { worktreePath, directory: null })),
    },
    left: null,
    task: { ...task, worktreePath },
  };
}

/** Where a task's worktree belongs now. */
async function ownPath(context: Context, { worktreePath }: Pick<Task, 'worktreePath'>): Promise<string> {
  const folder = await worktreesDirectory(context.user, context.repository.commonDir);
  return join(folder, basename(worktreePath));
}

/** Records where a task's worktree is, and with it where the git dir that it was launched from is after a move of the repository. Gives what takes it back. */
export function relocate(
  context: Context,
  task: Task,
  { worktreePath, directory }: Pick<Task, 'worktreePath' | 'directory'>,
): Reversal {
  const { commonDir } = context.repository;
  const old = readLinkedCommonDir(dirsOf(context, task)) ?? commonDir;
  const below = relative(old, task.launchGitDir);
  const launchGitDir = below.startsWith('..') ? task.launchGitDir : join(commonDir, below);
  const after = { worktreePath, directory, launchGitDir };
  const before = {
    worktreePath: task.worktreePath,
    directory: task.directory,
    launchGitDir: task.launchGitDir,
  };
  recordFacts(context, task.id, () => [{ type: 'worktree.repaired', ...after }]);
  return { kind: 'worktree', task: task.id, before, after };
}

/** What takes back that something was made. */
export function madeAt(path: string): Reversal {
  return { kind: 'made', path, inode: Number(readWorktreeIdentity(path).ino) };
}

/**
 * A worktree below the folder of all worktrees, under its own name, is well where it is: that folder was moved. Any other place is not Phasr's, so it goes
 * back: an agent's session goes on in the very path that it was made in.
 */
async function planMove(context: Context, task: Task, found: string): Promise<Located> {
  const hasForm =
    basename(found) === basename(task.worktreePath) &&
    dirname(dirname(found)) === context.user.worktrees &&
    !existsSync(task.worktreePath);
  const isOldRoot = dirname(dirname(task.worktreePath)) === context.user.worktrees;
  const isInPlace = hasForm || found === task.worktreePath;
  const home = isInPlace ? found : isOldRoot ? task.worktreePath : await ownPath(context, task);
  const wrong =
    found === task.worktreePath
      ? `the worktree of task ${task.id} at ${found} is another directory than the recorded one, with the same content`
      : `the worktree of task ${task.id} was moved from ${task.worktreePath} to ${found}`;
  const plan: RepairPlan = {
    check: `task ${task.id}`,
    task: task.id,
    wrong,
    deed: isInPlace ? 'recorded' : `moved back to ${home}`,
    execute: async () => {
      if (!isWorktreeOf(context, task, found))
        return { left: 'it has changed in between', hint: 'phasr doctor --fix   (again)' };
      if (!isInPlace) {
        const left = moveTo(found, home);
        if (left !== null) return left;
      }
      const placed = relocate(context, task, {
        worktreePath: home,
        directory: readWorktreeIdentity(home),
      });
      return doneBy(...(isInPlace ? [] : [{ kind: 'move' as const, from: home, to: found }]), placed);
    },
  };
  return { plan, left: null, task: { ...task, worktreePath: home } };
}

function moveTo(found: string, home: string): Left | null {
  if (existsSync(home))
    return {
      left: `something else is at ${home}`,
      hint: `Move it away, then: phasr doctor --fix`,
    };
  mkdirSync(dirname(home), { recursive: true, mode: 0o777 });
  if (findStat(dirname(home))?.dev !== findStat(found)?.dev)
    return { left: 'it is on another disk', hint: `mv ${found} ${home}   then: phasr doctor --fix` };
  renameSync(found, home);
  return null;
}

/**
 * A worktree that is nowhere: made anew if it is certain that its disk is there (its folder is, on the same device). Else it may only be out of sight, and
 * nothing is done.
 */
function locateGone(context: Context, task: Task): Located {
  const parent = findStat(dirname(task.worktreePath));
  const isCertain = parent?.isDirectory() === true && String(parent.dev) === task.directory?.dev;
  const wrong = `the worktree of task ${task.id} is gone from ${task.worktreePath}`;
  const { cleanDir, privateDir } = dirsOf(context, task);
  const left = (why: string, hint: string): Located => ({
    plan: null,
    left: leave(`task ${task.id}`, `${wrong}${why}`, hint),
    task,
  });
  if (!isCertain) {
    const mount = 'Mount its disk, or move the worktree back, then: phasr doctor --fix';
    return left('; its disk may not be mounted', `${mount}   (phasr discard ${task.id} gives it up)`);
  }
  if (task.phase.kind !== 'idle') return left('', `phasr show ${task.id}`);
  if (!existsSync(cleanDir) || !existsSync(privateDir))
    return left(' and so are its git dirs', `phasr discard ${task.id}   (keeps what is committed)`);
  const plan: RepairPlan = {
    check: `task ${task.id}`,
    task: task.id,
    wrong,
    deed: 'made anew from what is committed',
    execute: () => remake(context, task),
  };
  return { plan, left: null, task };
}

/** Makes the worktree aside, from the task branch, and renames it into place, whole. What the agent had staged is put aside. */
async function remake(context: Context, task: Task): Promise<Done> {
  const dirs = dirsOf(context, task);
  const place = userRepository(context);
  const head = readRefAsText(place.commonDir, branchRef(task.branch)) ?? task.head?.oid ?? task.base.oid;
  const making = join(dirname(task.worktreePath), `.${basename(task.worktreePath)}.anew`);
  // What an earlier attempt has left; the name is Phasr's alone.
  if (isRealFolder(making)) rmSync(making, { recursive: true, force: true });
  mkdirSync(making, { mode: 0o777 });
  writeFileSync(join(making, '.git'), gitFileText(dirs), { flag: 'wx' });
  const { commonDir } = place;
  const settings = await listSettings(place);
  const room = { ...roomOf(context, task), cwd: making, workTree: making };
  const index = join(dirs.cleanDir, 'index');
  const staged = join(dirs.privateAdminDir, 'index');
  // What Phasr has written there itself is nothing to keep.
  const isKept = findStat(staged)?.isFile() === true && !isSameFile(staged, index);
  rmSync(index, { force: true });
  await checkOutBase(room, head, { settings, commonDir });
  const aside = isKept ? moveAside(staged, context.paths.asideDir, context.clock.nowMs()) : null;
  if (existsSync(dirs.registrationDir)) copyIndex(index, join(dirs.registrationDir, 'index'));
  renameSync(making, task.worktreePath);
  const placed = relocate(context, task, {
    worktreePath: task.worktreePath,
    directory: readWorktreeIdentity(task.worktreePath),
  });
  tellAgent(dirs, requireTask(context, task.id), head);
  return { aside, back: [madeAt(task.worktreePath), placed] };
}
