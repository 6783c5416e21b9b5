/**
 * Takes a repair of `phasr doctor --fix` back, step by step, the last one first; what the repair has made is put aside, never deleted. Everything is checked
 * before anything is done: what has changed since stays as it is. `phasr doctor --fix` makes the repair again.
 */

import { existsSync, mkdirSync, renameSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { assertNever, PhasrError } from '../../base/errors.ts';
import { renderCount, renderVisible } from '../../base/text.ts';
import { findStat, readPlainFile } from '../../git/files.ts';
import { changeRefs, readRefAsText } from '../../git/refs.ts';
import { isRealFolder, mendLink } from '../../git/task-links.ts';
import { datedPath } from '../../store/aside.ts';
import { withMutex } from '../../store/mutex.ts';
import {
  markTakenBack,
  type RecordedWorktree,
  type RecordedRepair,
  type Reversal,
} from '../../store/repairs.ts';
import { refuse, type Refusal } from '../../task/decide.ts';
import type { Task } from '../../task/task.ts';
import { putAside } from './put-aside.ts';
import { type Context, recordFacts, requireTask, userRepository, withTask } from '../context.ts';

const TEXT_BYTES_MAX = 4 * 1024 * 1024;

/** Takes a repair back, or with `isDryRun` only says whether it could be. */
export async function takeBack(
  context: Context,
  repair: RecordedRepair,
  isDryRun: boolean,
): Promise<{ readonly kind: 'taken-back' } | Refusal> {
  const { task, number, back } = repair;
  const steps = back.toReversed();
  const work = (): Promise<{ readonly kind: 'taken-back' } | Refusal> =>
    withMutex(context.paths.mutex, context.clock, async () => {
      const obstacle = findObstacle(context, steps);
      if (obstacle !== undefined) {
        return refuse('built-upon', `after repair r${number}, ${obstacle}`, {
          hint: 'See what is there: phasr doctor',
        });
      }
      if (isDryRun) return { kind: 'taken-back' };
      for (const step of steps) if (!isBack(context, step)) await takeStepBack(context, step);
      markTakenBack(context.paths.repairsDir, number);
      return { kind: 'taken-back' };
    });
  return task === null || context.store.find(task) === undefined
    ? work()
    : withTask(context, task, () => work());
}

/** What would be done, for people. */
export function describeTakingBack({ back }: RecordedRepair): string {
  return back.toReversed().map(describeStep).join(', ');
}

function describeStep(step: Reversal): string {
  switch (step.kind) {
    case 'move':
      return `move ${renderVisible(step.from)} to ${renderVisible(step.to)}`;
    case 'made':
      return `put ${renderVisible(step.path)} aside`;
    case 'replaced':
      return `put ${renderVisible(step.path)} aside, and ${renderVisible(step.aside)} in its place`;
    case 'text':
      return step.before === null
        ? `delete ${renderVisible(step.path)}`
        : `write ${renderVisible(step.path)} as it was`;
    case 'ref':
      return `delete ${step.name} (${step.oid})`;
    case 'ref-moved':
      return `move ${step.name} back to ${step.from}`;
    case 'worktree':
      return `record the worktree of task ${step.task} at ${renderVisible(step.before.worktreePath)}`;
    case 'database':
      return `put the database aside that was made since, and ${renderVisible(step.aside)} in its place`;
    default:
      return assertNever(step);
  }
}

/** What keeps the steps from being taken back, in this order; undefined when nothing does. Looks only. */
function findObstacle(context: Context, steps: readonly Reversal[]): string | undefined {
  for (const step of steps) {
    const obstacle = isBack(context, step) ? undefined : findObstacleOf(context, step);
    if (obstacle !== undefined) return obstacle;
  }
  return undefined;
}

/** Whether a step has been taken back: by an attempt that was cut short, or by hand. */
function isBack(context: Context, step: Reversal): boolean {
  switch (step.kind) {
    case 'move':
      return findStat(step.from) === undefined && findStat(step.to) !== undefined;
    case 'made':
      return findStat(step.path) === undefined;
    case 'replaced':
      return findStat(step.aside) === undefined && findStat(step.path) !== undefined;
    case 'text':
      return (readPlainFile(step.path, TEXT_BYTES_MAX) ?? null) === step.before;
    case 'ref':
      return readRefAsText(context.repository.commonDir, step.name) === undefined;
    case 'ref-moved':
      return readRefAsText(context.repository.commonDir, step.name) === step.from;
    case 'worktree':
      return isAt(requireTask(context, step.task), step.before);
    case 'database':
      return !existsSync(step.aside) && existsSync(context.paths.database);
    default:
      return assertNever(step);
  }
}

function findObstacleOf(context: Context, step: Reversal): string | undefined {
  const { commonDir } = context.repository;
  switch (step.kind) {
    case 'move':
      if (findStat(step.from) === undefined) return `${step.from} has gone`;
      return findStat(step.to) === undefined ? undefined : `something else has come to ${step.to}`;
    case 'made':
      return findStat(step.path)?.ino === step.inode ? undefined : `${step.path} has been replaced`;
    case 'replaced':
      if (findStat(step.aside) === undefined) return `${step.aside} has gone`;
      return isFree(step.path, step.inode) ? undefined : `${step.path} has been replaced`;
    case 'text':
      return readPlainFile(step.path, TEXT_BYTES_MAX) === step.after
        ? undefined
        : `${step.path} has been changed`;
    case 'ref':
      return readRefAsText(commonDir, step.name) === step.oid ? undefined : `${step.name} has moved`;
    case 'ref-moved':
      return readRefAsText(commonDir, step.name) === step.to ? undefined : `${step.name} has moved`;
    case 'worktree': {
      const task = requireTask(context, step.task);
      if (task.phase.kind !== 'idle') return `task ${task.id} is ${task.phase.kind}`;
      return isAt(task, step.after) ? undefined : `the worktree of task ${task.id} has been moved`;
    }
    case 'database': {
      if (!existsSync(step.aside)) return `${step.aside} has gone`;
      const active = context.store.list('active').length;
      return active === 0 ? undefined : `${renderCount(active, 'task')} has begun to work`;
    }
    default:
      return assertNever(step);
  }
}

async function takeStepBack(context: Context, step: Reversal): Promise<void> {
  const { database } = context.paths;
  const nowMs = context.clock.nowMs();
  switch (step.kind) {
    case 'move':
      mkdirSync(dirname(step.to), { recursive: true, mode: 0o777 });
      renameSync(step.from, step.to);
      return;
    case 'made':
      // A worktree stays on its own file system; a registration does not stay among the others, where git would list it.
      putAside(context, step.path);
      return;
    case 'replaced':
      if (findStat(step.path) !== undefined) putAside(context, step.path);
      renameSync(step.aside, step.path);
      return;
    case 'text':
      if (step.before === null && isRealFolder(dirname(step.path))) unlinkSync(step.path);
      else if (
        step.before === null ||
        !mendLink({ path: step.path, found: step.after, wanted: step.before }, step.top)
      )
        throw changed(step.path);
      return;
    case 'ref': {
      const change = { name: step.name, expected: step.oid, to: null };
      if ((await changeRefs(userRepository(context), [change], 'undo a repair')) !== 'changed')
        throw changed(step.name);
      return;
    }
    case 'ref-moved': {
      const change = { name: step.name, expected: step.to, to: step.from };
      if ((await changeRefs(userRepository(context), [change], 'undo a repair')) !== 'changed')
        throw changed(step.name);
      return;
    }
    case 'worktree':
      recordFacts(context, step.task, () => [{ type: 'worktree.repaired', ...step.before }]);
      return;
    case 'database': {
      context.store.close();
      const rebuilt = datedPath(database, 'rebuilt', nowMs);
      for (const ending of ['-wal', '-shm', '']) {
        if (existsSync(database + ending)) renameSync(database + ending, rebuilt + ending);
        if (existsSync(step.aside + ending)) renameSync(step.aside + ending, database + ending);
      }
      return;
    }
    default:
      assertNever(step);
  }
}

/** What was put in the place of another thing is there still, or has gone, by an attempt that was cut short. */
function isFree(path: string, inode: number): boolean {
  const stat = findStat(path);
  return stat === undefined || stat.ino === inode;
}

function isAt(task: Task, place: RecordedWorktree): boolean {
  return (
    task.worktreePath === place.worktreePath &&
    task.launchGitDir === place.launchGitDir &&
    task.directory?.dev === place.directory?.dev &&
    task.directory?.ino === place.directory?.ino
  );
}

function changed(what: string): PhasrError {
  return new PhasrError('refused', `${what} has changed in between`, { hint: 'phasr doctor --fix' });
}
