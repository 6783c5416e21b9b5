/** A task as its events make it. */

import type { ProcessIdentity } from '../base/identity.ts';
import type { Oid } from '../base/oid.ts';
import type {
  Confinement,
  Carried,
  Changes,
  ForeignChange,
  MergeIntent,
  RunOutcome,
  RunReport,
  RunRequest,
  StopReason,
  TaskSnapshot,
} from './event.ts';
import type { TaskId } from './names.ts';

export type Run = RunRequest & {
  readonly requestedAtMs: number;
  readonly startedAtMs: number | null;
  readonly process: ProcessIdentity | null;
  readonly marker: string | null;
  /** What was put around the agent; null before it has started, and when that is not known. */
  readonly confinement?: Confinement | null;
  /** The agent's own session, once it has named it. */
  readonly session: string | null;
  /** What it waits for its person for, and since when; null while it works. */
  readonly waiting: { readonly atMs: number; readonly for: string } | null;
  readonly stop: { readonly atMs: number; readonly by: StopReason; readonly detail: string } | null;
  readonly end: {
    readonly atMs: number;
    readonly outcome: RunOutcome;
    readonly exitCode: number | null;
    readonly evidence: string;
    readonly leftBehind: number;
    readonly report: RunReport | null;
  } | null;
};

/**
 * Where a task stands. In all phases but `idle`, `merged` and `discarded` somebody has to go on with it;
 * when he has died, `recover` does.
 */
export type TaskPhase =
  | { readonly kind: 'queued' }
  | { readonly kind: 'preparing' }
  | { readonly kind: 'running' }
  | { readonly kind: 'committing' }
  | { readonly kind: 'idle' }
  | ({ readonly kind: 'merging' } & MergeIntent)
  | { readonly kind: 'cleaning'; readonly after: 'merged' | 'discarded' }
  | { readonly kind: 'merged' }
  | { readonly kind: 'discarded' }
  | {
      readonly kind: 'restoring';
      readonly source: 'disk' | 'snapshot';
      readonly snapshot: Oid | null;
      /** What it is again when that fails. */
      readonly from: 'merged' | 'discarded';
    }
  | { readonly kind: 'rewinding'; readonly to: number; readonly from: number }
  | ({ readonly kind: 'unmerging' } & MergeIntent);

type Head = {
  readonly oid: Oid;
  readonly tree: Oid;
  readonly changes: Changes;
  readonly committedLeftovers: boolean;
  readonly notes: readonly string[];
};

/** So many changes of an escape are named; that there are more is said. */
export const CHANGES_MAX = 100;

/** What was changed outside a task's own place while it ran, and no person has looked at yet. */
export type Escape = {
  readonly run: number;
  readonly sinceMs: number;
  readonly changes: readonly ForeignChange[];
  readonly more: number;
  readonly by: string | null;
  readonly isVictim: boolean;
  readonly blocks: boolean;
};

export type Task = {
  readonly id: TaskId;
  /** How many events made this state; the next one must carry `seq + 1`. */
  readonly seq: number;
  readonly title: string;
  readonly slug: string;
  readonly branch: string;
  readonly base: { readonly oid: Oid; readonly name: string };
  readonly target: string | null;
  readonly worktreePath: string;
  readonly launchGitDir: string;
  readonly carried: Carried | null;
  readonly branchCreated: boolean;
  /** The worktree's directory once it is ready, null before and after. */
  readonly directory: { readonly dev: string; readonly ino: string } | null;
  /** What its registration must carry; null while there is none, absent in records of before there were any. */
  readonly token?: string | null;
  readonly warnings: readonly string[];
  readonly launchedAtMs: number;
  /** When the phase was entered. */
  readonly sinceMs: number;
  readonly phase: TaskPhase;
  readonly runs: readonly Run[];
  readonly head: Head | null;
  /** Why the last commit or merge did not come about, until one does. */
  readonly trouble: string | null;
  /** Null when there is nothing to look at; absent in old records. */
  readonly escape?: Escape | null;
  readonly merge: { readonly commit: Oid; readonly target: string; readonly containsHead: boolean } | null;
  /** The ref that keeps what was removed, once something was. */
  readonly kept: string | null;
  /** Where removed files stay on the disk because no ref could hold them all. */
  readonly held: string | null;
  /** Once the removed files have been looked at: the snapshot in `kept`, null when there was nothing to keep. Absent in old records. */
  readonly swept?: { readonly snapshot: Oid | null } | null;
  /** Of the present worktree and of earlier ones, oldest first; absent in old records. */
  readonly snapshots?: readonly (TaskSnapshot & { readonly atMs: number })[];
  /** How many there have ever been. */
  readonly snapshotCount?: number;
};

/** The latest run. Every task has one from its launch on. */
export function latestRun(task: Task): Run {
  const run = task.runs.at(-1);
  if (run === undefined) throw new Error(`task ${task.id} has no run`);
  return run;
}

/** Programs that run other programs; the script's name says more than theirs. */
const INTERPRETERS = /^(?:node|bun|deno|python[\d.]*|ruby|perl|bash|zsh|dash|sh|env|npx)$/;

/** The agent's name for people and trailers: the program, or the script that it runs, without its folders. */
export function agentName(command: readonly string[]): string {
  const baseName = (path: string): string => path.split(/[\\/]/).at(-1) || path;
  const [program = '', script = ''] = command;
  const isScript = INTERPRETERS.test(baseName(program)) && script !== '' && !/^-|\s/.test(script);
  return baseName(isScript ? script : program);
}

/** What the base ref holds: the base commit, and with it what the task began with. */
export function keeperOf({ base, carried }: Pick<Task, 'base' | 'carried'>): Oid {
  return carried?.commit ?? base.oid;
}

/** The recorded head, or what it began with. */
export function headOf({ head, base }: Pick<Task, 'head' | 'base'>): Oid {
  return head?.oid ?? base.oid;
}

/** The dialect of what a run prints; `text` for a command of the person's own. */
export function reads(run: Run): string {
  return run.agent?.reads ?? 'text';
}

/** True when somebody has to go on with the task. */
export function isActive(phase: TaskPhase): boolean {
  return phase.kind !== 'idle' && phase.kind !== 'merged' && phase.kind !== 'discarded';
}

/** True from launch until merge or discard has taken the worktree away. */
export function isOpen(phase: TaskPhase): boolean {
  return phase.kind !== 'merged' && phase.kind !== 'discarded';
}
