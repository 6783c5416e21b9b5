/** What a repair of `phasr doctor --fix` is, before and after. */

import { PhasrError } from '../../base/errors.ts';

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
};

/** What was found wrong, and what puts it right. */
export type RepairPlan = {
  readonly check: string;
  /** A sentence without its end: `the worktree of task 3 was moved to /x`. */
  readonly wrong: string;
  /** What it is then: `moved back to /y`. */
  readonly deed: string;
  /** Checks once more, acts, and gives where it has put what was in the way, or that it was not to be done after all. */
  readonly execute: () => Promise<{ readonly aside: string | null } | Left>;
};

/** Why something stays as it is, and what a person can do. */
export type Left = { readonly left: string; readonly hint: string };

/** For deeds that have nothing in their way. */
export const NOTHING_ASIDE = { aside: null } as const;

/** A repair that is not Phasr's to make. */
export function leave(check: string, message: string, hint: string): Repair {
  return { check, outcome: 'left', message, hint, aside: null };
}

/** Carries plans out, in order, or says in a dry run what they would do. One that fails is `left`; the others go on. */
export async function carryOut(plans: readonly RepairPlan[], isDryRun: boolean): Promise<readonly Repair[]> {
  const repairs: Repair[] = [];
  for (const plan of plans) repairs.push(isDryRun ? foresee(plan) : await execute(plan));
  return repairs;
}

function foresee({ check, wrong, deed }: RepairPlan): Repair {
  return { check, outcome: 'planned', message: `${wrong}: would be ${deed}`, hint: null, aside: null };
}

async function execute({ check, wrong, deed, execute: act }: RepairPlan): Promise<Repair> {
  try {
    const done = await act();
    if ('left' in done) return leave(check, `${wrong}: ${done.left}`, done.hint);
    return { check, outcome: 'done', message: `${wrong}: ${deed}`, hint: null, aside: done.aside };
  } catch (error) {
    if (error instanceof PhasrError) return leave(check, `${wrong}: ${error.message}`, error.hint);
    // What the file system refuses; everything else is a bug of ours.
    if (!(error instanceof Error) || !('syscall' in error)) throw error;
    return leave(check, `${wrong}: ${error.message}`, 'Make that possible, then: phasr doctor --fix');
  }
}
