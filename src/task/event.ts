/** Everything that can happen to a task, in the past tense. A task is the fold of its events (`evolve.ts`). */

import type { ProcessIdentity } from '../base/identity.ts';
import type { Oid } from '../base/oid.ts';

/** How a run ended. `stopped`: on request or at its time limit. `interrupted`: something outside ended it. */
export type RunOutcome = 'done' | 'failed' | 'stopped' | 'interrupted';

export type MergeStrategy = 'merge' | 'squash' | 'rebase';

export type Changes = { readonly files: number; readonly insertions: number; readonly deletions: number };

/** A prompt and the command that gets it. */
export type RunRequest = {
  readonly run: number;
  readonly prompt: string;
  /** Program and arguments; `{prompt}` inside an argument stands for the prompt. */
  readonly command: readonly string[];
  /** The run is stopped after this time; null means never. */
  readonly timeoutMs: number | null;
};

export type TaskLaunched = {
  readonly type: 'task.launched';
  readonly title: string;
  readonly slug: string;
  readonly branch: string;
  /** `name` is what the person said or stood on, for display only; the oid counts. */
  readonly base: { readonly oid: Oid; readonly name: string };
  /** The branch that a merge goes to unless told otherwise; null when the person stood on none. */
  readonly target: string | null;
  readonly worktreePath: string;
  /** Git dir of the worktree it was launched from: sparse patterns come from there. */
  readonly launchGitDir: string;
};

/** What a merge is about to do; written down before the target moves, so that it can be finished after a crash. */
export type MergeIntent = {
  readonly strategy: MergeStrategy;
  readonly target: string;
  readonly head: Oid;
  readonly expected: Oid;
  readonly candidate: Oid;
  /** The worktree whose files follow the target; null when it is checked out nowhere. */
  readonly worktree: { readonly path: string; readonly gitDir: string } | null;
};

export type TaskEvent =
  | TaskLaunched
  | { readonly type: 'branch.created' }
  | ({ readonly type: 'run.requested' } & RunRequest)
  | {
      readonly type: 'run.prepared';
      readonly run: number;
      /** Every process of the run carries it; known before the agent starts, so that it can be found after a crash. */
      readonly marker: string;
    }
  | {
      readonly type: 'worktree.ready';
      /** Device and inode of the worktree's directory: what replaces it later is not ours. */
      readonly directory: { readonly dev: string; readonly ino: string };
      readonly warnings: readonly string[];
    }
  /** Nothing of the worktree is there, nor branch and base ref; the run has ended before it began. */
  | { readonly type: 'worktree.failed'; readonly run: number; readonly message: string }
  | {
      readonly type: 'run.started';
      readonly run: number;
      readonly process: ProcessIdentity;
    }
  | { readonly type: 'stop.requested'; readonly run: number; readonly by: 'person' | 'time limit' }
  | {
      readonly type: 'run.ended';
      readonly run: number;
      readonly outcome: RunOutcome;
      readonly exitCode: number | null;
      readonly evidence: string;
      /** Processes that the agent left running and that were ended after it. */
      readonly leftBehind: number;
    }
  | {
      readonly type: 'head.recorded';
      readonly head: Oid;
      readonly tree: Oid;
      readonly changes: Changes;
      /** True when Phasr committed what the agent had left uncommitted. */
      readonly committedLeftovers: boolean;
      /** What a person should know about this head: rewritten history, unreadable files, nested repositories … */
      readonly notes: readonly string[];
    }
  | { readonly type: 'commit.failed'; readonly message: string }
  | ({ readonly type: 'merge.started' } & MergeIntent)
  | { readonly type: 'merge.refused'; readonly reason: string }
  | {
      readonly type: 'merge.completed';
      readonly commit: Oid;
      readonly target: string;
      /** False after squash and rebase, which make the work anew: the task's own commits are then kept in a ref. */
      readonly containsHead: boolean;
    }
  | { readonly type: 'task.discarded' }
  | { readonly type: 'worktree.removed'; readonly kept: string | null }
  /** The removed files have been looked at: all of them are in `kept`, or they stay on the disk in `held`. */
  | { readonly type: 'trash.swept'; readonly kept: string | null; readonly held: string | null };

/** An event with its place in the task's history and its time. */
export type RecordedEvent = {
  readonly seq: number;
  readonly atMs: number;
  readonly event: TaskEvent;
};
