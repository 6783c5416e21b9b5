/** A task as the CLI sees it, made up from a few facts; for tests of what is shown. */

import type { Oid } from '../../src/base/oid.ts';
import type { TaskView } from '../../src/operations/inspect.ts';
import type { Changes, RunOutcome } from '../../src/task/event.ts';
import { asTaskId } from '../../src/task/names.ts';
import type { RunProgress } from '../../src/task/progress.ts';
import { describeState } from '../../src/task/state.ts';
import type { Run, Task, TaskPhase } from '../../src/task/task.ts';

const OID = '0'.repeat(40) as Oid;

export type Facts = {
  readonly id: number;
  readonly title?: string;
  /** Running unless told otherwise; `idle` is a task whose run has ended. */
  readonly phase?: Exclude<
    TaskPhase['kind'],
    'merging' | 'cleaning' | 'restoring' | 'rewinding' | 'unmerging'
  >;
  readonly outcome?: RunOutcome;
  readonly changes?: Changes;
  readonly progress?: Partial<RunProgress>;
  readonly run?: number;
};

/** At 1000 ms it was launched and started, at 61,000 ms it ended; if it did so at all. */
export function viewOf(facts: Facts): TaskView {
  const { id, title = `task ${id}`, phase = 'running', outcome = 'done', progress } = facts;
  const hasStarted = phase !== 'queued' && phase !== 'preparing';
  const hasEnded = hasStarted && phase !== 'running';
  const run: Run = {
    run: facts.run ?? 1,
    prompt: title,
    command: ['agent'],
    agent: null,
    timeoutMs: null,
    limits: { noProgressMs: null, retriesMs: null },
    requestedAtMs: 1000,
    startedAtMs: hasStarted ? 1000 : null,
    process: hasStarted ? { pid: 4711, startedAt: '1' } : null,
    marker: null,
    session: null,
    waiting: null,
    stop: null,
    end: hasEnded
      ? {
          atMs: 61_000,
          outcome,
          exitCode: outcome === 'done' ? 0 : 1,
          evidence: outcome === 'done' ? 'exit code 0' : 'exit code 1',
          leftBehind: 0,
          report: null,
        }
      : null,
  };
  const changes = facts.changes ?? { files: 1, insertions: 2, deletions: 3 };
  const task: Task = {
    id: asTaskId(id),
    seq: 1,
    title,
    slug: 'slug',
    branch: `phasr/task-${id}-slug`,
    base: { oid: OID, name: 'main' },
    target: 'main',
    worktreePath: '/worktree',
    launchGitDir: '/repository/.git',
    carried: null,
    branchCreated: true,
    directory: { dev: '1', ino: '1' },
    warnings: [],
    launchedAtMs: 1000,
    sinceMs: hasEnded ? 61_000 : 1000,
    phase: { kind: phase },
    runs: [run],
    head: hasEnded ? { oid: OID, tree: OID, changes, committedLeftovers: false, notes: [] } : null,
    trouble: null,
    merge: null,
    kept: null,
    held: null,
  };
  const working: RunProgress = {
    atMs: 1000,
    action: 'Edit src/a.ts',
    attention: 'working',
    waitingFor: null,
    filesTouched: 0,
    usage: null,
  };
  return {
    task,
    state: describeState(task, 'alive', 2000),
    progress: progress === undefined ? null : { ...working, ...progress },
  };
}
