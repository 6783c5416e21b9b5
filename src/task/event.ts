/** Everything that can happen to a task, in the past tense. A task is the fold of its events (`evolve.ts`). */

import type { ProcessIdentity } from '../base/identity.ts';
import type { Oid, RefName } from '../base/oid.ts';
import type { RunUsage } from '../base/usage.ts';

/** How a run ended. `stopped`: on request or at its time limit. `interrupted`: something outside ended it. */
export type RunOutcome = 'done' | 'failed' | 'stopped' | 'interrupted';

export type MergeStrategy = 'merge' | 'squash' | 'rebase';

export type Changes = { readonly files: number; readonly insertions: number; readonly deletions: number };

/** A known agent as a run has it; everything that its start needs besides the command, and how its output reads. */
type RunAgent = {
  readonly name: string;
  readonly title: string;
  /** The dialect of its output; `text` when it has none. */
  readonly reads: string;
  readonly model: string | null;
  readonly permission: string;
  /** The agent session that the run goes on with; null for a new one. */
  readonly session: string | null;
  /** What its standard input holds. */
  readonly stdin: 'prompt' | 'nothing';
  /** Variables of the agent's own, on top of the user's. */
  readonly env: Readonly<Record<string, string>>;
};

/** When a run is stopped although nobody asks for it; null means never. */
export type RunLimits = {
  /** Nothing printed for so long. Four times as much while a tool of the agent's is at work. */
  readonly noProgressMs: number | null;
  /** Nothing but failed calls to the model for so long. */
  readonly retriesMs: number | null;
};

/** Why a run is being stopped. */
export type StopReason =
  | 'person'
  | 'time limit'
  | 'no progress'
  | 'retries'
  | 'wrong directory'
  | 'memory limit'
  | 'process limit'
  | 'disk limit';

/** What the agent itself said of its run, as its reader understood it. */
export type RunReport = {
  readonly session: string | null;
  readonly model: string | null;
  /** Of this run alone. */
  readonly usage: RunUsage | null;
  /** As the agent counts, which may be over its whole session; the next run in that session is counted from here. */
  readonly counted: RunUsage | null;
  /** Things that it wanted to do and was not allowed to. */
  readonly refused: number;
  readonly retries: number;
  readonly trouble: { readonly kind: string; readonly message: string } | null;
  /** Its last words, at most 2,000 characters. */
  readonly said: string;
};

/** A prompt and the command that gets it. */
export type RunRequest = {
  readonly run: number;
  readonly prompt: string;
  /** Program and arguments; `{prompt}` inside an argument stands for the prompt. */
  readonly command: readonly string[];
  /** Null for a command of the person's own. */
  readonly agent: RunAgent | null;
  /** The run is stopped after this time; null means never. */
  readonly timeoutMs: number | null;
  readonly limits: RunLimits;
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
  /** A copy of the person's uncommitted work that the task begins with; null when it does not. */
  readonly carried: Carried | null;
};

/** Uncommitted work as commits: see `git/carry.ts`. */
export type Carried = {
  readonly commit: Oid;
  readonly index: Oid;
  readonly files: Oid;
  readonly count: number;
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

/** Why a worktree was removed without anybody deciding it: all it held is in the target branch, or it held nothing. */
export type CleanupProof = {
  readonly sorted: 'landed' | 'landed by squash or rebase' | 'empty';
  /**
   * `contained`: the target has the head in its history. `merge adds nothing`: merging the head would give the target's own tree. `same patch`: one
   * commit of the target makes all its changes; `same patches`: for each of its commits one of the target makes the same.
   */
  readonly how: 'contained' | 'merge adds nothing' | 'same patch' | 'same patches' | 'no changes';
  readonly head: Oid;
  /** Where it is, and the tip that was looked at; null when it held nothing. */
  readonly target: { readonly branch: string; readonly oid: Oid } | null;
  /** The same for people. */
  readonly words: string;
};

/** A ref in the user's repository; null where there is none. */
export type TakenRef = { readonly name: RefName; readonly before: Oid | null; readonly after: Oid | null };

/** What was put around a run's agent. */
export type Confinement = {
  readonly level: 'light' | 'strict' | 'off';
  /** What is left open; of `off` why there is none, null when the person has switched it off. */
  readonly why: string | null;
};

/** Something outside a run's own place that was another one before the run. */
export type ForeignChange = {
  readonly kind: 'file' | 'HEAD' | 'ref' | 'setting' | 'history' | 'objects' | 'folder' | 'lock';
  /** A path, or the full name of a ref. */
  readonly name: string;
  /** In words, what became of it: `created`, `moved from 1234567 to 89abcde`. */
  readonly what: string;
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
      /** In its registration, too: what has another one is not this task's. Absent in records of before there were any. */
      readonly token?: string;
      readonly warnings: readonly string[];
    }
  /**
   * A worktree that somebody has moved was found, or one that was gone was made anew; `launchGitDir` as in the launch. A directory of null: there is
   * none, and the next run makes it at this path.
   */
  | {
      readonly type: 'worktree.repaired';
      readonly worktreePath: string;
      readonly launchGitDir: string;
      readonly directory: { readonly dev: string; readonly ino: string } | null;
    }
  /** Nothing of the worktree is there, nor branch and base ref; the run has ended before it began. */
  | { readonly type: 'worktree.failed'; readonly run: number; readonly message: string }
  | {
      readonly type: 'run.started';
      readonly run: number;
      readonly process: ProcessIdentity;
      /** Left away by versions that knew of none, and when a supervisor found the run that another one had started. */
      readonly confinement?: Confinement;
    }
  /** The agent has named its session: what a next run goes on with, also when this one is killed. */
  | { readonly type: 'agent.session'; readonly run: number; readonly session: string }
  /** The agent, or somebody in its name, has begun to wait for its person, or no longer does. */
  | {
      readonly type: 'run.attention';
      readonly run: number;
      readonly waitingFor: string | null;
    }
  | {
      readonly type: 'stop.requested';
      readonly run: number;
      readonly by: StopReason;
      /** More on the reason, for people; empty when it says all. */
      readonly detail: string;
    }
  | {
      readonly type: 'run.ended';
      readonly run: number;
      readonly outcome: RunOutcome;
      readonly exitCode: number | null;
      readonly evidence: string;
      /** Processes that the agent left running and that were ended after it. */
      readonly leftBehind: number;
      /** Null for agents that report nothing, and when it did not get that far. */
      readonly report: RunReport | null;
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
  /**
   * What is not the run's own was changed while it ran, or, of a task at rest (`isVictim`), what is the task's own. Nothing proves who has done it; `by` says what was seen, in
   * words. At most 100 are named, and `more` are not. `blocks`: no merge before a person has looked.
   */
  | {
      readonly type: 'escape.seen';
      readonly run: number;
      readonly changes: readonly ForeignChange[];
      readonly more: number;
      readonly by: string | null;
      readonly isVictim: boolean;
      readonly blocks: boolean;
    }
  | { readonly type: 'escape.acknowledged' }
  /** Refs of the agent's were taken into the user's repository by name, or given back. */
  | { readonly type: 'refs.taken'; readonly refs: readonly TakenRef[] }
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
  | ({ readonly type: 'cleanup.started' } & CleanupProof)
  | { readonly type: 'worktree.removed'; readonly kept: string | null }
  /**
   * The removed files have been looked at: all of them are in `kept`, or they stay on the disk in `held`. `snapshot`: the commit in `kept`, where it is one
   * (absent in records of before there were any).
   */
  | {
      readonly type: 'trash.swept';
      readonly kept: string | null;
      readonly held: string | null;
      readonly snapshot?: Oid | null;
    }
  /** What was kept of a removed task is given up, by policy or by hand. */
  | { readonly type: 'trash.emptied'; readonly by: 'age' | 'person' }
  /** `disk`: the removed files are there still and are moved back; `snapshot`: made anew from it, or from the head alone (null). */
  | {
      readonly type: 'restore.started';
      readonly source: 'disk' | 'snapshot';
      readonly snapshot: Oid | null;
    }
  /** Nothing of the worktree was brought back. */
  | { readonly type: 'restore.failed'; readonly message: string }
  | {
      readonly type: 'restore.completed';
      readonly directory: { readonly dev: string; readonly ino: string };
      /** The task branch's tip. */
      readonly head: Oid;
    }
  | ({ readonly type: 'snapshot.taken' } & TaskSnapshot)
  /** The worktree is being put back to a snapshot. `from`: the snapshot of what it was before. */
  | { readonly type: 'rewind.started'; readonly to: number; readonly from: number }
  | {
      readonly type: 'rewind.completed';
      readonly to: number;
      readonly from: number;
      readonly head: Oid;
      readonly tree: Oid;
      readonly changes: Changes;
    }
  /** A merge is being taken back: as it was started, the other way round. */
  | ({ readonly type: 'unmerge.started' } & MergeIntent)
  | { readonly type: 'unmerge.refused'; readonly reason: string }
  /** The target is where it was before; the worktree is restored next. */
  | ({ readonly type: 'unmerge.completed' } & MergeIntent)
  /** Thinned out with age. */
  | { readonly type: 'snapshot.dropped'; readonly numbers: readonly number[] };

/** A snapshot of a task that has a worktree; `refs/phasr/snapshots/<task>/<number>` holds it. */
export type TaskSnapshot = {
  readonly number: number;
  /** For people: `run 1 ended`, `before the rewind to 3`. */
  readonly reason: string;
  readonly commit: Oid;
  /** Tree of the files, and of the state commit; null where the commit is the head and there was nothing else. */
  readonly files: Oid;
  readonly state: Oid | null;
  /** The recorded head at that time. */
  readonly head: Oid;
};

/** An event with its place in the task's history and its time. */
export type RecordedEvent = {
  readonly seq: number;
  readonly atMs: number;
  readonly event: TaskEvent;
};
