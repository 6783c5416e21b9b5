/** Reverses an operation. What it does is an operation of its own, so that it can be undone as well. */

import { assertNever } from '../base/errors.ts';
import { shortOid } from '../base/oid.ts';
import { renderVisible } from '../base/text.ts';
import { refuse, type Refusal } from '../task/decide.ts';
import type { TakenRef } from '../task/event.ts';
import type { TaskId } from '../task/names.ts';
import type { Task } from '../task/task.ts';
import { type Context, requireTask, withTask } from './context.ts';
import { discardTask } from './discard.ts';
import { mergeTask } from './merge.ts';
import { listOperations, type Operation, type RepairOperation, type TaskOperation } from './operation-log.ts';
import { restoreTask } from './restore.ts';
import { rewindTask } from './rewind.ts';
import { changeTaken } from './sync.ts';
import { planUnmerge, unmergeTask } from './unmerge.ts';

export type UndoRequest = {
  /** Null: the latest one. */
  readonly operation: Operation['id'] | null;
  /** Only says what would be done. */
  readonly dryRun: boolean;
};

export type UndoOutcome =
  | {
      readonly kind: 'undone' | 'would-undo';
      readonly operation: Operation;
      /** Null when it was about none. */
      readonly task: Task | null;
      /** What was, or would be done, in words. */
      readonly what: string;
    }
  | Refusal;

/** Undoes one operation, if nothing has been built on top of it. */
export async function undoOperation(context: Context, request: UndoRequest): Promise<UndoOutcome> {
  const operations = listOperations(context).filter(({ kind }) => kind !== 'empty');
  const operation =
    request.operation === null ? operations.at(-1) : operations.find(({ id }) => id === request.operation);
  if (operation === undefined) {
    return request.operation === null
      ? refuse('nothing-to-undo', 'there is nothing to undo', { hint: 'See what was done: phasr operations' })
      : refuse('cannot-undo', `there is no operation ${request.operation} that can be undone`, {
          hint: 'See them: phasr operations',
        });
  }
  if (operation.kind === 'repair') return undoRepair(context, operation, request.dryRun);
  const refusal = findObstacle(operation, operations);
  if (refusal !== undefined) return refusal;
  const task = requireTask(context, operation.task);
  const what = describeUndo(operation, task);
  if (request.dryRun) {
    const refused = await findRefusalNow(context, operation, task);
    return refused ?? { kind: 'would-undo', operation, task, what };
  }
  const outcome = await reverse(context, operation, task);
  if (outcome.kind === 'refused') return outcome;
  return { kind: 'undone', operation, task: requireTask(context, task.id), what };
}

async function undoRepair(
  context: Context,
  operation: RepairOperation,
  isDryRun: boolean,
): Promise<UndoOutcome> {
  const { takeBack, describeTakingBack } = await import('./doctor/take-back.ts');
  const { repair } = operation;
  const task = repair.task === null ? null : (context.store.find(repair.task) ?? null);
  const outcome = await takeBack(context, repair, isDryRun);
  if (outcome.kind === 'refused') return outcome;
  const kind = isDryRun ? 'would-undo' : 'undone';
  return { kind, operation, task, what: describeTakingBack(repair) };
}

/** What has been done since, upon this. */
function findObstacle(operation: TaskOperation, operations: readonly Operation[]): Refusal | undefined {
  const { task, kind } = operation;
  const later = operations.find(
    (other) =>
      kind !== 'sync' &&
      other.kind !== 'repair' &&
      other.kind !== 'sync' &&
      other.task === task &&
      other.id > operation.id,
  );
  if (later !== undefined) {
    return refuse('built-upon', `after that ${kind}, task ${task} had a ${later.kind}`, {
      hint: `Undo that one first: phasr undo ${later.id}`,
    });
  }
  if (!operation.isBuiltUpon) return undefined;
  return refuse('built-upon', `task ${task} has had another run since its ${kind}`, {
    hint: `Look at what it was before: phasr history ${task}`,
  });
}

function describeUndo({ kind, intent, rewind, refs }: TaskOperation, task: Task): string {
  const { id } = task;
  switch (kind) {
    case 'sync':
      return refs.map((ref) => describeTurn(ref, id)).join(', ');
    case 'merge': {
      const target = renderVisible(intent?.target ?? '');
      const [from, to] = [intent?.candidate, intent?.expected];
      const moves =
        from === undefined || to === undefined ? '' : ` from ${shortOid(from)} to ${shortOid(to)}`;
      return `move ${target} back${moves} and restore task ${id}`;
    }
    case 'unmerge':
      return `merge task ${id} into ${renderVisible(intent?.target ?? '')} again`;
    case 'discard':
    case 'cleanup':
      return `restore task ${id}`;
    case 'restore':
      return task.merge === null ? `discard task ${id} again` : `remove task ${id} again`;
    case 'rewind':
      return `rewind task ${id} to snapshot ${rewind?.from ?? 0}, what it was before`;
    case 'empty':
      return 'nothing';
    default:
      return assertNever(kind);
  }
}

/** What a dry run can find out without moving anything. */
async function findRefusalNow(
  context: Context,
  { kind, intent }: TaskOperation,
  task: Task,
): Promise<Refusal | undefined> {
  if (kind !== 'merge' || intent === null) return undefined;
  const plan = await planUnmerge(context, task, intent);
  return plan.kind === 'refused' ? plan : undefined;
}

async function reverse(
  context: Context,
  { kind, intent, rewind, refs }: TaskOperation,
  task: Task,
): Promise<Reversed> {
  switch (kind) {
    case 'sync':
      return (await changeTaken(context, task, refs.map(turn))) ?? { kind: 'synced' };
    case 'merge':
      return intent === null
        ? cannot(task)
        : withTask(context, task.id, (now) => unmergeTask(context, now, intent));
    case 'unmerge':
      return intent === null
        ? cannot(task)
        : mergeTask(context, task.id, { strategy: intent.strategy, into: intent.target });
    case 'discard':
    case 'cleanup':
      return restoreTask(context, task.id);
    case 'restore':
      return discardTask(context, task.id);
    case 'rewind':
      return rewind === null ? cannot(task) : rewindTask(context, task.id, rewind.from);
    case 'empty':
      return cannot(task);
    default:
      return assertNever(kind);
  }
}

type Reversed = { readonly kind: 'synced' | 'restored' | 'merged' | 'discarded' | 'rewound' } | Refusal;

function turn({ name, before, after }: TakenRef): TakenRef {
  return { name, before: after, after: before };
}

function describeTurn({ name, before, after }: TakenRef, id: TaskId): string {
  if (before !== null) return `take ${renderVisible(name)} from task ${id} again`;
  return `delete ${renderVisible(name)}${after === null ? '' : ` (${shortOid(after)})`}`;
}

function cannot(task: Task): Refusal {
  return refuse('cannot-undo', `that operation on task ${task.id} cannot be undone`, {
    hint: `phasr show ${task.id}`,
  });
}
