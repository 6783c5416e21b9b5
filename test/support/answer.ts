/** What `--json` answers, as far as tests read it. One loose shape for all commands: a field that is missing shows in the assertion. */

type UsageJson = {
  readonly tokens: {
    readonly input: number;
    readonly output: number;
    readonly cacheRead: number;
    readonly cacheWrite: number;
  };
  readonly costUsd: number | null;
};

type ReportJson = {
  readonly usage: UsageJson | null;
  readonly trouble: { readonly kind: string; readonly message: string } | null;
  readonly said: string;
};

type RunJson = {
  readonly run: number;
  readonly pid: number;
  readonly prompt: string;
  readonly exitCode: number | null;
  readonly evidence: string;
  readonly leftBehind: number;
  readonly session: string | null;
  readonly sandbox: { readonly level: string; readonly why: string | null } | null;
  readonly report: ReportJson;
};

type EscapeJson = {
  readonly run: number;
  readonly by: string | null;
  readonly isVictim: boolean;
  readonly blocks: boolean;
  readonly changes: readonly { readonly kind: string; readonly name: string; readonly what: string }[];
};

export type TaskJson = {
  readonly escape: EscapeJson | null;
  readonly id: number;
  readonly title: string;
  readonly state: string;
  readonly evidence: string;
  readonly branch: string;
  readonly base: { readonly oid: string; readonly name: string };
  readonly worktree: string;
  readonly head: string;
  readonly changes: { readonly files: number };
  readonly notes: readonly string[];
  readonly trouble: string | null;
  readonly kept: string | null;
  readonly held: string | null;
  readonly outcome: string;
  readonly run: RunJson;
  readonly progress: { readonly action: string } | null;
};

type RefusalJson = { readonly code: string; readonly details: { readonly paths: readonly string[] } };

type FileJson = {
  readonly status: string;
  readonly path: string;
  readonly pathBase64?: string;
  readonly oldPath?: string;
};

type WorktreeJson = {
  readonly task: { readonly id: number } | null;
  readonly path: string;
  readonly sorted: string;
  readonly how: string | null;
  readonly words: string;
  readonly next: string | null;
  readonly work: {
    readonly files: readonly string[];
    readonly staged: readonly string[];
    readonly ignored: readonly string[];
    readonly commits: readonly { readonly subject: string }[];
    readonly others: readonly string[];
  };
  readonly isRemoved: boolean;
};

/** Where there is none the assertion on it fails, which is what a test is for. */
type AtLeastOne<T> = readonly [T, ...T[]];

export type Answer = TaskJson & {
  readonly tasks: AtLeastOne<TaskJson>;
  readonly merges: AtLeastOne<{ readonly outcome: string; readonly refusal: RefusalJson }>;
  readonly worktrees: AtLeastOne<WorktreeJson>;
  readonly files: readonly FileJson[];
  readonly agents: readonly { readonly program: string }[];
  readonly runs: readonly (RunJson & { readonly position: number | null; readonly title: string | null })[];
  readonly paused: { readonly reason: string } | null;
  readonly hold: string | null;
  readonly events: readonly { readonly type: string }[];
  readonly operations: readonly {
    readonly id: number;
    readonly kind: string;
    readonly task: number;
    readonly refs: readonly { readonly name: string; readonly before: string; readonly after: string }[];
  }[];
  readonly what: string;
  readonly made: {
    readonly refs: readonly { readonly name: string; readonly oid: string }[];
    readonly stashes: number;
    readonly settings: readonly string[];
  };
  readonly taken: readonly { readonly name: string }[];
  readonly refreshed: { readonly changed: number; readonly kept: readonly string[] };
  readonly items: readonly {
    readonly task: TaskJson;
    readonly bytes: number;
    readonly since: string;
    readonly expires: string;
  }[];
  readonly snapshots: readonly {
    readonly number: number;
    readonly reason: string;
    readonly commit: string;
  }[];
  readonly outcome: string;
  readonly number: number;
  readonly tree: string;
  readonly transcriptBytes: number;
  readonly code: string;
  readonly hint: string;
};
