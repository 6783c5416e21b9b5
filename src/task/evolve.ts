/** `(task, event) → task`: pure and total. It never refuses, since what was recorded happened. */

import { assertNever } from '../base/errors.ts';
import type { CleanupProof, RecordedEvent, RunRequest, TaskEvent, TaskLaunched } from './event.ts';
import type { TaskId } from './names.ts';
import { CHANGES_MAX, type Escape, type Run, type Task, type TaskPhase } from './task.ts';

/** The task after all its events. Throws when the first event is not its launch (a corrupt log). */
export function foldTask(id: TaskId, events: readonly RecordedEvent[]): Task {
  const [first, ...rest] = events;
  if (first?.event.type !== 'task.launched')
    throw new Error(`the history of task ${id} does not begin with its launch`);
  return rest.reduce(evolve, launched(id, first.event, first));
}

function launched(id: TaskId, event: TaskLaunched, { seq, atMs }: RecordedEvent): Task {
  return {
    id,
    seq,
    title: event.title,
    slug: event.slug,
    branch: event.branch,
    base: event.base,
    target: event.target,
    worktreePath: event.worktreePath,
    launchGitDir: event.launchGitDir,
    carried: event.carried,
    branchCreated: false,
    directory: null,
    token: null,
    warnings: [],
    launchedAtMs: atMs,
    sinceMs: atMs,
    phase: { kind: 'queued' },
    runs: [],
    head: null,
    trouble: null,
    escape: null,
    merge: null,
    kept: null,
    held: null,
    swept: null,
    snapshots: [],
    snapshotCount: 0,
  };
}

/** The task after one more event. */
export function evolve(task: Task, recorded: RecordedEvent): Task {
  const next = applyEvent({ ...task, seq: recorded.seq }, recorded);
  return next.phase === task.phase ? next : { ...next, sinceMs: recorded.atMs };
}

function applyEvent(task: Task, { event, atMs }: RecordedEvent): Task {
  if (isSafetyEvent(event)) return applySafetyEvent(task, event, atMs);
  switch (event.type) {
    case 'task.launched':
      return task;
    case 'branch.created':
      return { ...task, branchCreated: true };
    case 'run.requested':
      return enter({ ...task, runs: [...task.runs, requestedRun(event, atMs)] }, { kind: 'queued' });
    case 'run.prepared':
      return enter(changeRun(task, event.run, { marker: event.marker }), { kind: 'preparing' });
    case 'worktree.ready':
      return { ...task, directory: event.directory, token: event.token ?? null, warnings: event.warnings };
    case 'worktree.repaired':
      return repairedTask(task, event);
    case 'worktree.failed':
      return failedWorktree(task, event, atMs);
    case 'run.started':
      return enter(
        changeRun(task, event.run, {
          startedAtMs: atMs,
          process: event.process,
          confinement: event.confinement ?? null,
        }),
        { kind: 'running' },
      );
    case 'agent.session':
      return changeRun(task, event.run, { session: event.session });
    case 'run.attention': {
      const waiting = event.waitingFor === null ? null : { atMs, for: event.waitingFor };
      return changeRun(task, event.run, { waiting });
    }
    case 'stop.requested':
      return changeRun(task, event.run, { stop: { atMs, by: event.by, detail: event.detail } });
    case 'run.ended': {
      const { outcome, exitCode, evidence, leftBehind, report } = event;
      const end = { atMs, outcome, exitCode, evidence, leftBehind, report };
      const ended = changeRun(task, event.run, { waiting: null, end });
      return enter(ended, { kind: task.directory === null ? 'idle' : 'committing' });
    }
    case 'head.recorded': {
      const { head: oid, tree, changes, committedLeftovers, notes } = event;
      const headed = { ...task, head: { oid, tree, changes, committedLeftovers, notes }, trouble: null };
      return task.phase.kind === 'committing' ? enter(headed, { kind: 'idle' }) : headed;
    }
    case 'commit.failed':
      return { ...task, trouble: event.message };
    case 'refs.taken':
      return task;
    case 'escape.seen':
      return { ...task, escape: addEscape(task.escape ?? null, event, atMs) };
    case 'escape.acknowledged':
      return { ...task, escape: null };
    case 'merge.started':
    case 'merge.refused':
    case 'merge.completed':
    case 'task.discarded':
    case 'cleanup.started':
    case 'worktree.removed':
    case 'trash.swept':
      return applyDecision(task, event);
    default:
      return assertNever(event);
  }
}

type Decision = Extract<
  TaskEvent,
  {
    readonly type:
      | `merge.${string}`
      | 'task.discarded'
      | 'cleanup.started'
      | 'worktree.removed'
      | 'trash.swept';
  }
>;

/** A person's decision, and what follows from it. */
function applyDecision(task: Task, event: Decision): Task {
  switch (event.type) {
    case 'merge.started': {
      const { type: _, ...intent } = event;
      return enter(task, { kind: 'merging', ...intent });
    }
    case 'merge.refused':
      return enter({ ...task, trouble: event.reason }, { kind: 'idle' });
    case 'merge.completed': {
      const merge = { commit: event.commit, target: event.target, containsHead: event.containsHead };
      return enter({ ...task, merge, trouble: null }, { kind: 'cleaning', after: 'merged' });
    }
    case 'task.discarded':
      return enter(task, { kind: 'cleaning', after: 'discarded' });
    case 'cleanup.started':
      return cleaning(task, event);
    case 'worktree.removed': {
      const after = task.phase.kind === 'cleaning' ? task.phase.after : 'discarded';
      return enter({ ...task, directory: null, kept: event.kept, swept: null }, { kind: after });
    }
    case 'trash.swept':
      return { ...task, kept: event.kept, held: event.held, swept: { snapshot: event.snapshot ?? null } };
    default:
      return assertNever(event);
  }
}

type SafetyEvent = Extract<
  TaskEvent,
  {
    readonly type:
      | `trash.emptied`
      | `restore.${string}`
      | `snapshot.${string}`
      | `rewind.${string}`
      | `unmerge.${string}`;
  }
>;

function isSafetyEvent(event: TaskEvent): event is SafetyEvent {
  return /^(?:trash\.emptied|restore\.|snapshot\.|rewind\.|unmerge\.)/.test(event.type);
}

/** What keeps, removes for good, or brings back. */
function applySafetyEvent(task: Task, event: SafetyEvent, atMs: number): Task {
  switch (event.type) {
    case 'trash.emptied':
      return { ...task, kept: null, held: null, swept: { snapshot: null }, snapshots: [] };
    case 'restore.started': {
      const from = task.phase.kind === 'merged' ? 'merged' : 'discarded';
      const { source, snapshot } = event;
      return enter({ ...task, trouble: null }, { kind: 'restoring', source, snapshot, from });
    }
    case 'restore.failed': {
      const from = task.phase.kind === 'restoring' ? task.phase.from : 'discarded';
      return enter({ ...task, trouble: event.message }, { kind: from });
    }
    case 'restore.completed': {
      const { directory } = event;
      const gone = { merge: null, kept: null, held: null, swept: null, trouble: null };
      return enter({ ...task, ...gone, directory }, { kind: 'idle' });
    }
    case 'rewind.started':
      return enter(task, { kind: 'rewinding', to: event.to, from: event.from });
    case 'rewind.completed': {
      const { head: oid, tree, changes } = event;
      const head = { oid, tree, changes, committedLeftovers: false, notes: [] };
      return enter({ ...task, head, trouble: null }, { kind: 'idle' });
    }
    case 'unmerge.started': {
      const { type: _, ...intent } = event;
      return enter(task, { kind: 'unmerging', ...intent });
    }
    case 'unmerge.refused':
      return enter({ ...task, trouble: event.reason }, { kind: 'merged' });
    case 'unmerge.completed':
      return enter({ ...task, merge: null, trouble: null }, { kind: 'discarded' });
    case 'snapshot.taken': {
      const { type: _, ...snapshot } = event;
      const snapshots = [...(task.snapshots ?? []), { ...snapshot, atMs }];
      return { ...task, snapshots, snapshotCount: snapshot.number };
    }
    case 'snapshot.dropped': {
      const { numbers } = event;
      const snapshots = (task.snapshots ?? []).filter(({ number }) => !numbers.includes(number));
      return { ...task, snapshots };
    }
    default:
      return assertNever(event);
  }
}

/** What is seen later of the same thing takes the place of what was seen before. */
function addEscape(
  before: Escape | null,
  { run, changes, more, by, isVictim, blocks }: TaskEvent & { readonly type: 'escape.seen' },
  atMs: number,
): Escape {
  if (before === null) return { run, sinceMs: atMs, changes, more, by, isVictim, blocks };
  const all = new Map(
    [...before.changes, ...changes].map((change) => [`${change.kind} ${change.name}`, change]),
  );
  const kept = [...all.values()].slice(0, CHANGES_MAX);
  return {
    ...before,
    changes: kept,
    more: before.more + more + (all.size - kept.length),
    by: before.by ?? by,
    isVictim: before.isVictim && isVictim,
    blocks: before.blocks || blocks,
  };
}

/** What was found in a target is merged, whoever has done that. */
function cleaning(task: Task, { target, how }: CleanupProof): Task {
  if (target === null) return enter(task, { kind: 'cleaning', after: 'discarded' });
  const merge = { commit: target.oid, target: target.branch, containsHead: how === 'contained' };
  return enter({ ...task, merge, trouble: null }, { kind: 'cleaning', after: 'merged' });
}

function failedWorktree(
  task: Task,
  { run, message }: TaskEvent & { readonly type: 'worktree.failed' },
  atMs: number,
): Task {
  const ended = {
    outcome: 'failed',
    exitCode: null,
    evidence: message,
    leftBehind: 0,
    report: null,
  } as const;
  return enter(
    { ...changeRun(task, run, { end: { atMs, ...ended } }), branchCreated: false },
    { kind: 'idle' },
  );
}

function repairedTask(
  task: Task,
  { worktreePath, launchGitDir, directory }: TaskEvent & { readonly type: 'worktree.repaired' },
): Task {
  return { ...task, worktreePath, launchGitDir, directory };
}

function enter(task: Task, phase: TaskPhase): Task {
  return { ...task, phase };
}

function requestedRun(event: RunRequest, atMs: number): Run {
  const { run, prompt, command, agent, timeoutMs, limits } = event;
  return {
    run,
    prompt,
    command,
    agent,
    timeoutMs,
    limits,
    requestedAtMs: atMs,
    startedAtMs: null,
    process: null,
    marker: null,
    session: null,
    waiting: null,
    stop: null,
    end: null,
  };
}

function changeRun(task: Task, number: number, change: Partial<Run>): Task {
  return { ...task, runs: task.runs.map((run) => (run.run === number ? { ...run, ...change } : run)) };
}
