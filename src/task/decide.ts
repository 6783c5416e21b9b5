/** Which verb each phase admits, and what is said when it does not. The only place with these rules. */

import { assertNever } from '../base/errors.ts';
import type { StopReason, TaskEvent } from './event.ts';
import { describeEscape, listChanges } from './escape.ts';
import type { Task, TaskPhase } from './task.ts';
import { latestRun } from './task.ts';

/** An expected "no", with its reason and what to do. */
export type Refusal = {
  readonly kind: 'refused';
  /** Stable, for scripts. */
  readonly reason: RefusalReason;
  readonly message: string;
  readonly hint: string;
  /** Paths the refusal is about, as bytes git knows them by, rendered for people; empty when it is about none. */
  readonly paths: readonly string[];
};

export type RefusalReason =
  | 'still-running'
  | 'being-merged'
  | 'being-removed'
  | 'being-restored'
  | 'in-progress'
  | 'not-removed'
  | 'not-kept'
  | 'no-snapshot'
  | 'not-made'
  | 'built-upon'
  | 'nothing-to-undo'
  | 'cannot-undo'
  | 'path-taken'
  | 'branch-taken'
  | 'already-merged'
  | 'already-discarded'
  | 'not-running'
  | 'in-use'
  | 'worktree-broken'
  | 'no-worktree'
  | 'no-command'
  | 'nothing-to-merge'
  | 'no-target'
  | 'target-missing'
  | 'target-is-a-task'
  | 'target-busy'
  | 'target-dirty'
  | 'target-moved'
  | 'has-merge-commits'
  | 'unrelated-history'
  | 'conflict'
  | 'not-committed'
  | 'nested-repository'
  | 'escaped'
  | 'not-escaped'
  | 'signing-failed';

export type Verb = 'stop' | 'resume' | 'merge' | 'discard' | 'snapshot' | 'rewind' | 'restore';

/** A refusal as a value. `message` says what happened to what, `hint` what the person can do. */
export function refuse(
  reason: RefusalReason,
  message: string,
  more: { readonly hint: string; readonly paths?: readonly string[] },
): Refusal {
  return { kind: 'refused', reason, message, hint: more.hint, paths: more.paths ?? [] };
}

/** Undefined when the task's phase admits the verb. */
export function findRefusal(task: Task, verb: Verb): Refusal | undefined {
  if (verb === 'restore') return findRestoreRefusal(task);
  switch (task.phase.kind) {
    case 'queued':
    case 'preparing':
    case 'running':
    case 'committing':
      return verb === 'stop' ? undefined : stillRunning(task);
    case 'idle':
      if (verb === 'stop')
        return refuse('not-running', `task ${task.id} is not running`, { hint: `phasr show ${task.id}` });
      return verb === 'merge' ? findEscapeRefusal(task) : undefined;
    case 'merging':
      return refuse('being-merged', `task ${task.id} is being merged`, { hint: `phasr show ${task.id}` });
    case 'cleaning':
      return refuse('being-removed', `task ${task.id} is being removed`, { hint: `phasr show ${task.id}` });
    case 'merged':
      return refuse('already-merged', `task ${task.id} is merged already`, { hint: `phasr show ${task.id}` });
    case 'discarded':
      return refuse('already-discarded', `task ${task.id} is discarded already`, {
        hint: `Bring it back: phasr restore ${task.id}`,
      });
    case 'restoring':
    case 'rewinding':
    case 'unmerging':
      return refuse('being-restored', `task ${task.id} is ${RESTORING[task.phase.kind]}`, {
        hint: `phasr show ${task.id}`,
      });
    default:
      return assertNever(task.phase);
  }
}

/** A person looks first at what was changed outside. */
function findEscapeRefusal({ id, escape = null }: Task): Refusal | undefined {
  if (escape === null || !escape.blocks) return undefined;
  return refuse('escaped', `${describeEscape(escape, id)}; look at that before you merge it`, {
    hint: `phasr acknowledge ${id}   (it was you, or it is all right)   phasr doctor   (what can be put back)`,
    paths: listChanges(escape),
  });
}

const RESTORING = {
  restoring: 'being restored',
  rewinding: 'being rewound',
  unmerging: 'being taken out of its target',
} as const;

function findRestoreRefusal(task: Task): Refusal | undefined {
  const { kind } = task.phase;
  if (kind === 'merged' || kind === 'discarded') return undefined;
  const isBeingMoved = ['cleaning', 'merging', 'restoring', 'rewinding', 'unmerging'].includes(kind);
  if (isBeingMoved) return findRefusal(task, 'discard');
  return refuse('not-removed', `task ${task.id} is neither discarded nor merged`, {
    hint: `Its worktree: phasr path ${task.id}`,
  });
}

function stillRunning(task: Task): Refusal {
  const what = task.phase.kind === 'queued' ? 'waits for its turn' : 'is still running';
  return refuse('still-running', `task ${task.id} ${what}`, {
    hint: `phasr wait ${task.id}   or   phasr stop ${task.id}`,
  });
}

/** True while a run is asked for, under way, or being committed. */
export function isLive(phase: TaskPhase): boolean {
  return ['queued', 'preparing', 'running', 'committing'].includes(phase.kind);
}

/** What asking for a stop records: a waiting run ends at once, a running one is marked for its supervisor. */
export function decideStop(task: Task, by: StopReason, detail = ''): readonly TaskEvent[] {
  const run = latestRun(task);
  if (task.phase.kind === 'committing' || run.stop !== null) return [];
  const stop: TaskEvent = { type: 'stop.requested', run: run.run, by, detail };
  if (task.phase.kind !== 'queued') return [stop];
  return [
    stop,
    {
      type: 'run.ended',
      run: run.run,
      outcome: 'stopped',
      exitCode: null,
      evidence: 'stopped before it was started',
      leftBehind: 0,
      report: null,
    },
  ];
}
