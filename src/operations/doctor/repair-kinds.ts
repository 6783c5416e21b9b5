/** What a repair of `phasr doctor --fix` is, before and after. */

import { PhasrError } from '../../base/errors.ts';
import { recordRepair, type Reversal } from '../../store/repairs.ts';
import type { TaskId } from '../../task/names.ts';
import type { Context } from '../context.ts';

/** What was done, or what would be. */
export type Repair = {
  /** What it is about, in one word or two. */
  readonly check: string;
  /** `planned`: a dry run; `left`: a person has to do something. */
  readonly outcome: 'done' | 'planned' | 'left';
  readonly message: string;
  readonly hint: string | null;
  /** Where that is which was in the way; null when nothing was moved. */
  readonly aside: string | null;
  /** Its number in `phasr operations`, as `phasr undo` takes it; null when there is nothing to take back. */
  readonly operation: string | null;
};

/** What was found wrong, and what puts it right. */
export type RepairPlan = {
  readonly check: string;
  /** The task that it is about, if it is one. */
  readonly task: TaskId | null;
  /** A sentence without its end: `the worktree of task 3 was moved to /x`. */
  readonly wrong: string;
  /** What it is then: `moved back to /y`. */
  readonly deed: string;
  /** Checks once more, acts, and gives what it has done, or that it was not to be done after all. */
  readonly execute: () => Promise<Done | Left>;
};

/** What a repair has done. */
export type Done = {
  /** Where it has put what was in the way. */
  readonly aside: string | null;
  /** What takes it back; empty when it has only given up or added what nothing depends on. */
  readonly back: readonly Reversal[];
};

/** Why something stays as it is, and what a person can do. */
export type Left = { readonly left: string; readonly hint: string };

/** A deed that has nothing in its way. */
export function doneBy(...back: readonly Reversal[]): Done {
  return { aside: null, back };
}

/** A deed that has moved something out of the way. */
export function movedAside(from: string, aside: string): Done {
  return { aside, back: [{ kind: 'move', from: aside, to: from }] };
}

/** A repair that is not Phasr's to make. */
export function leave(check: string, message: string, hint: string): Repair {
  return { check, outcome: 'left', message, hint, aside: null, operation: null };
}

/** Carries plans out, in order, or says in a dry run what they would do. One that fails is `left`; the others go on. */
export async function carryOut(
  context: Pick<Context, 'paths' | 'clock'>,
  plans: readonly RepairPlan[],
  isDryRun: boolean,
): Promise<readonly Repair[]> {
  const repairs: Repair[] = [];
  for (const plan of plans) repairs.push(isDryRun ? foresee(plan) : await execute(context, plan));
  return repairs;
}

function foresee({ check, wrong, deed }: RepairPlan): Repair {
  const message = `${wrong}: would be ${deed}`;
  return { check, outcome: 'planned', message, hint: null, aside: null, operation: null };
}

async function execute(context: Pick<Context, 'paths' | 'clock'>, plan: RepairPlan): Promise<Repair> {
  const { check, task, wrong, deed } = plan;
  try {
    const done = await plan.execute();
    if ('left' in done) return leave(check, `${wrong}: ${done.left}`, done.hint);
    const { aside, back } = done;
    const what = `${wrong}: ${deed}`;
    const record = { task, atMs: context.clock.nowMs(), what, back };
    const operation = back.length === 0 ? null : `r${recordRepair(context.paths.repairsDir, record)}`;
    return { check, outcome: 'done', message: what, hint: null, aside, operation };
  } catch (error) {
    if (error instanceof PhasrError) return leave(check, `${wrong}: ${error.message}`, error.hint);
    // What the file system refuses; everything else is a bug of ours.
    if (!(error instanceof Error) || !('syscall' in error)) throw error;
    return leave(check, `${wrong}: ${error.message}`, 'Make that possible, then: phasr doctor --fix');
  }
}
