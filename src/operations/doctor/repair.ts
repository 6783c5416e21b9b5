/**
 * `phasr doctor --fix`: puts right what can be, in the order of what depends on what, each step on the state that the one before has left. Every step may
 * have been done before: what was cut short is gone on with by the next call.
 */

import { MARKER_NAME } from '../../agent/command.ts';
import { PhasrError } from '../../base/errors.ts';
import { renderCount } from '../../base/text.ts';
import { listSweepable } from '../../store/trash.ts';
import { isActive, isOpen, latestRun, type Task } from '../../task/task.ts';
import { isAlive } from '../../process/table.ts';
import { type Context, isHolderAlive, taskClaim } from '../context.ts';
import { recover } from '../recover.ts';
import { carryOut, type Repair } from './repair-kinds.ts';
import { planEscapes } from './repair-escape.ts';
import { planLocks } from './repair-locks.ts';
import { planPlaces, planRecords } from './repair-records.ts';
import { planRegistrations, planTrash } from './repair-remains.ts';
import { repairTask } from './repair-task.ts';

/**
 * Repairs a repository and what belongs to it, or says with `isDryRun` what would be done, writing nothing. Throws `refused` in a run: an agent repairs
 * nothing of its person's.
 */
export async function repairAll(context: Context, isDryRun: boolean): Promise<readonly Repair[]> {
  if (context.env[MARKER_NAME] !== undefined) {
    throw new PhasrError('refused', 'an agent does not repair the repository of its person', {
      hint: 'phasr doctor   (looks, and changes nothing)',
    });
  }
  const repairs: Repair[] = [];
  const locks = await planLocks(context);
  repairs.push(...(await carryOut(context, locks.plans, isDryRun)), ...locks.left);
  repairs.push(...(await carryOut(context, planPlaces(context), isDryRun)));
  const records = await planRecords(context);
  repairs.push(...(await carryOut(context, records.plans, isDryRun)), ...records.left);
  const tasks = isDryRun ? records.tasks : context.store.list('all');
  const open = tasks.filter(({ phase }) => isOpen(phase));
  repairs.push(...(await carryOut(context, planEscapes(context, tasks), isDryRun)));
  for (const task of open) repairs.push(...(await repairTask(context, task, isDryRun)));
  const openIds = [...open.map(({ id }) => id), ...records.waiting];
  repairs.push(...(await carryOut(context, planRegistrations(context, openIds), isDryRun)));
  repairs.push(...(await carryOut(context, planTrash(context), isDryRun)));
  return [...repairs, ...(await (isDryRun ? foreseeRecovery(context, tasks) : takeUp(context)))];
}

/** What every command does first; here it is said. */
async function takeUp(context: Context): Promise<readonly Repair[]> {
  const waiting = listSweepable(context.paths.trashDir).length;
  const recovered = await recover(context);
  return [
    ...recovered.map(({ id, what }) => done(`task ${id}`, `task ${id}: ${what}`)),
    ...(waiting === 0 ? [] : [done('trash', `${sweepable(waiting)}: sweeper started`)]),
  ];
}

function done(check: string, message: string): Repair {
  return { check, outcome: 'done', message, hint: null, aside: null, operation: null };
}

function sweepable(count: number): string {
  return `${renderCount(count, 'removed worktree')} not yet emptied`;
}

async function foreseeRecovery(context: Context, tasks: readonly Task[]): Promise<readonly Repair[]> {
  const planned: Repair[] = [];
  const plan = (check: string, message: string): number =>
    planned.push({ check, outcome: 'planned', message, hint: null, aside: null, operation: null });
  for (const task of tasks.filter(({ phase }) => isActive(phase))) {
    const holder = context.store.findClaim(taskClaim(task.id));
    const { process } = latestRun(task);
    const isAtWork =
      (holder !== undefined && (await isHolderAlive(holder))) ||
      (process !== null && (await isAlive(process)));
    if (!isAtWork && task.phase.kind !== 'queued')
      plan(
        `task ${task.id}`,
        `task ${task.id} is ${task.phase.kind}, and nobody is at it: would be taken up`,
      );
  }
  const waiting = listSweepable(context.paths.trashDir).length;
  if (waiting > 0) plan('trash', `${sweepable(waiting)}: sweeper would be started`);
  return planned;
}
