/** Every operation that has moved a ref or removed something, read from the event log: there is no second record. And every repair, from its own. */

import { branchRef, type Oid, type RefName } from '../base/oid.ts';
import { listRepairs, type RecordedRepair } from '../store/repairs.ts';
import type { MergeIntent, TaskEvent } from '../task/event.ts';
import type { TaskId } from '../task/names.ts';
import type { Context } from './context.ts';

type OperationKind = 'sync' | 'merge' | 'unmerge' | 'discard' | 'cleanup' | 'restore' | 'rewind' | 'empty';

export type TaskOperation = {
  /** The id of the event that completed it: grows. */
  readonly id: number;
  readonly task: TaskId;
  readonly kind: OperationKind;
  readonly atMs: number;
  readonly refs: readonly {
    readonly name: RefName;
    readonly before: Oid | null;
    readonly after: Oid | null;
  }[];
  /** Of a merge and its taking back. */
  readonly intent: MergeIntent | null;
  /** Of a rewind: the snapshot it went to, and the one of what was before. */
  readonly rewind: { readonly to: number; readonly from: number } | null;
  /** True when a later run of the task was built on its outcome. */
  readonly isBuiltUpon: boolean;
};

/** A repair of `phasr doctor --fix` that can be taken back. */
export type RepairOperation = {
  readonly kind: 'repair';
  readonly id: `r${number}`;
  /** The task that it was about, if it was one. */
  readonly task: TaskId | null;
  readonly atMs: number;
  readonly repair: RecordedRepair;
};

export type Operation = TaskOperation | RepairOperation;

const PAGE = 1000;

/** What is known of a task while its events are read. */
type Reading = {
  branch: string;
  base: Oid;
  head: Oid;
  intent: MergeIntent | null;
  /** Its latest operation, by its place in the list. */
  last: number | null;
  afterUnmerge: boolean;
};

type Found = Pick<TaskOperation, 'kind' | 'refs'> & Partial<Pick<TaskOperation, 'intent' | 'rewind'>>;

/** All operations, oldest first. Reads the whole event log. */
export function listOperations(context: Context): readonly Operation[] {
  const repairs = listRepairs(context.paths.repairsDir).map((repair): RepairOperation => {
    const { number, task, atMs } = repair;
    return { kind: 'repair', id: `r${number}`, task, atMs, repair };
  });
  return [...listTaskOperations(context), ...repairs].sort((a, b) => a.atMs - b.atMs);
}

function listTaskOperations(context: Context): readonly TaskOperation[] {
  const readings = new Map<TaskId, Reading>();
  const operations: TaskOperation[] = [];
  for (let after = 0; ;) {
    const page = context.store.eventsAfter(after, PAGE);
    for (const { id, task, atMs, event } of page) {
      after = id;
      if (event.type === 'task.launched') {
        const { branch, base } = event;
        readings.set(task, {
          branch,
          base: base.oid,
          head: base.oid,
          intent: null,
          last: null,
          afterUnmerge: false,
        });
        continue;
      }
      const reading = readings.get(task);
      if (reading === undefined) continue;
      const found = readEvent(reading, event);
      if (found !== undefined) {
        // Refs that were taken by name depend on nothing, and nothing on them.
        if (found.kind !== 'sync') reading.last = operations.length;
        operations.push({ id, task, atMs, intent: null, rewind: null, isBuiltUpon: false, ...found });
      }
      const last = reading.last === null ? undefined : operations[reading.last];
      if (event.type === 'run.requested' && last !== undefined && reading.last !== null)
        operations[reading.last] = { ...last, isBuiltUpon: true };
    }
    if (page.length < PAGE) return operations;
  }
}

/** Remembers what the event says of the task, and gives the operation that it completes. */
function readEvent(reading: Reading, event: TaskEvent): Found | undefined {
  const branch = branchRef(reading.branch);
  const { head } = reading;
  if (event.type === 'head.recorded') reading.head = event.head;
  if (event.type === 'merge.started') {
    const { type: _, ...intent } = event;
    reading.intent = intent;
  }
  if (event.type === 'merge.completed' && reading.intent !== null) {
    const { intent } = reading;
    const target = { name: branchRef(intent.target), before: intent.expected, after: intent.candidate };
    return { kind: 'merge', intent, refs: [target, { name: branch, before: head, after: null }] };
  }
  if (event.type === 'unmerge.completed') {
    const { type: _, ...intent } = event;
    reading.afterUnmerge = true;
    const target = { name: branchRef(intent.target), before: intent.candidate, after: intent.expected };
    return { kind: 'unmerge', intent, refs: [target, { name: branch, before: null, after: head }] };
  }
  if (event.type === 'refs.taken') return { kind: 'sync', refs: event.refs };
  if (event.type === 'task.discarded' || event.type === 'cleanup.started') {
    const kind = event.type === 'task.discarded' ? 'discard' : 'cleanup';
    return { kind, refs: [{ name: branch, before: head, after: null }] };
  }
  if (event.type === 'restore.completed') {
    // Part of taking a merge back.
    const isPart = reading.afterUnmerge;
    reading.afterUnmerge = false;
    const refs = [{ name: branch, before: null, after: event.head }];
    return isPart ? undefined : { kind: 'restore', refs };
  }
  if (event.type === 'rewind.completed') {
    reading.head = event.head;
    const { to, from } = event;
    return {
      kind: 'rewind',
      rewind: { to, from },
      refs: [{ name: branch, before: head, after: event.head }],
    };
  }
  return event.type === 'trash.emptied' ? { kind: 'empty', refs: [] } : undefined;
}
