/** Tasks as JSON for scripts: plain data, times as ISO 8601, nothing rendered. */

import { decodeUtf8 } from '../base/text.ts';
import type { FileChange } from '../git/diff.ts';
import type { LoggedEvent } from '../operations/events.ts';
import type { SnapshotView } from '../operations/history.ts';
import type { TaskView } from '../operations/inspect.ts';
import type { Operation } from '../operations/operation-log.ts';
import type { TrashItem } from '../operations/trash.ts';
import type { Refusal } from '../task/decide.ts';
import { agentName, type Escape, latestRun, type Run } from '../task/task.ts';

function time(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}

export function taskJson({ task, state, progress }: TaskView): object {
  return {
    id: task.id,
    title: task.title,
    state: state.name,
    evidence: state.evidence,
    since: time(state.sinceMs),
    branch: task.branch,
    base: task.base,
    carried: task.carried,
    target: task.target,
    worktree: task.directory === null ? null : task.worktreePath,
    head: task.head?.oid ?? null,
    changes: task.head?.changes ?? null,
    committedLeftovers: task.head?.committedLeftovers ?? null,
    notes: [...task.warnings, ...(task.head?.notes ?? [])],
    trouble: task.trouble,
    escape: escapeJson(task.escape ?? null),
    merge: task.merge,
    kept: task.kept,
    held: task.held,
    launched: time(task.launchedAtMs),
    run: runJson(latestRun(task)),
    progress: progress === null ? null : { ...progress, atMs: undefined, at: time(progress.atMs) },
  };
}

export function escapeJson(escape: Escape | null): object | null {
  return escape === null ? null : { ...escape, sinceMs: undefined, since: time(escape.sinceMs) };
}

export function runJson(run: Run): object {
  return {
    run: run.run,
    prompt: run.prompt,
    agent: run.agent?.name ?? agentName(run.command),
    command: run.command,
    model: run.agent?.model ?? null,
    permission: run.agent?.permission ?? null,
    session: run.session,
    timeoutMs: run.timeoutMs,
    requested: time(run.requestedAtMs),
    started: time(run.startedAtMs),
    ended: time(run.end?.atMs ?? null),
    pid: run.process?.pid ?? null,
    outcome: run.end?.outcome ?? null,
    exitCode: run.end?.exitCode ?? null,
    evidence: run.end?.evidence ?? null,
    leftBehind: run.end?.leftBehind ?? null,
    report: run.end?.report ?? null,
    sandbox: run.confinement ?? null,
  };
}

export function eventJson({ id, task, seq, atMs, event }: LoggedEvent): object {
  return { id, task, seq, at: time(atMs), ...event };
}

export function refusalJson({ reason, message, hint, paths }: Refusal): object {
  return { code: reason, message, hint, details: { paths } };
}

/** A path as text; where its bytes are not UTF-8 the exact ones come as base64 beside it. */
function pathJson(path: Buffer, name: string): object {
  const text = decodeUtf8(path);
  return text === undefined
    ? { [name]: path.toString('utf8'), [`${name}Base64`]: path.toString('base64') }
    : { [name]: text };
}

export function fileChangeJson(change: FileChange): object {
  return {
    status: change.status,
    ...pathJson(change.path, 'path'),
    ...(change.oldPath === null ? {} : pathJson(change.oldPath, 'oldPath')),
    oldMode: change.oldMode,
    newMode: change.newMode,
    insertions: change.insertions,
    deletions: change.deletions,
    binary: change.insertions === null,
  };
}

export function operationJson(operation: Operation): object {
  const { id, task, kind, atMs } = operation;
  const { refs, rewind, isBuiltUpon, what } =
    operation.kind === 'repair'
      ? { refs: [], rewind: null, isBuiltUpon: false, what: operation.repair.what }
      : { ...operation, what: null };
  return { id, task, kind, at: time(atMs), refs, rewind, isBuiltUpon, what };
}

export function snapshotJson(snapshot: SnapshotView): object {
  const { number, reason, atMs, commit, head, changes, changed } = snapshot;
  return { number, reason, at: time(atMs), commit, head, changes, files: changed.map(fileChangeJson) };
}

export function trashJson({ sinceMs, bytes, expiresAtMs }: TrashItem, view: TaskView): object {
  return { task: taskJson(view), since: time(sinceMs), bytes, expires: time(expiresAtMs) };
}
