/** What settings are, as values. */

export const PERMISSIONS = ['edit', 'ask', 'plan', 'yolo'] as const;
export const SANDBOXES = ['auto', 'off', 'strict'] as const;

/** What comes of a change outside a run's own place: no merge before a person has looked, a word about it, nothing. */
export const DETECTIONS = ['block', 'show', 'off'] as const;
export const PROMPT_WAYS = ['argument', 'stdin', 'file'] as const;

/** What an agent may do without asking, as `--permission` takes it. */
export type PermissionName = (typeof PERMISSIONS)[number];

/** An agent that Phasr does not know by itself, as a table `[agents.NAME]` declares it. */
export type CustomAgentDeclaration = {
  readonly name: string;
  /** Program and arguments. `{prompt}` in an argument stands for the prompt. */
  readonly command: readonly string[];
  /** How the prompt reaches it: in place of `{prompt}`, on standard input, or in the file that `PHASR_PROMPT_FILE` names. */
  readonly prompt: (typeof PROMPT_WAYS)[number];
  /** Whose output its output reads like; `text` for none. */
  readonly reads: string;
  /** The command that goes on with a session; null when it cannot. */
  readonly resume: readonly string[] | null;
  /** Added to the command when a model is asked for, with the model in place of `{model}`. */
  readonly modelArgs: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The command that installs it, for people to type. */
  readonly install: string | null;
};

/** What one file says; undefined where it is silent. */
export type SettingsValues = {
  readonly agent: string | undefined;
  readonly model: string | undefined;
  readonly permission: PermissionName | undefined;
  readonly jobs: number | undefined;
  readonly timeoutMs: number | undefined;
  readonly floorBytes: number | undefined;
  readonly noProgressMs: number | undefined;
  readonly retriesMs: number | undefined;
  readonly memoryBytes: number | undefined;
  readonly processes: number | undefined;
  readonly diskBytes: number | undefined;
  readonly bell: boolean | undefined;
  readonly desktop: boolean | undefined;
  readonly notifyCommand: readonly string[] | undefined;
  readonly editor: readonly string[] | undefined;
  readonly trashDays: number | undefined;
  readonly snapshotEveryMs: number | undefined;
  readonly memoryFloorBytes: number | undefined;
  readonly loadMax: number | undefined;
  readonly sandbox: (typeof SANDBOXES)[number] | undefined;
  readonly sandboxWrite: readonly string[] | undefined;
  readonly sandboxHide: readonly string[] | undefined;
  readonly sandboxNetwork: boolean | readonly string[] | undefined;
  readonly detection: (typeof DETECTIONS)[number] | undefined;
  readonly allowedVariables: 'all' | readonly string[] | undefined;
  readonly secretVariables: readonly string[] | undefined;
  readonly agents: readonly CustomAgentDeclaration[];
};

export type SettingsFile = {
  readonly origin: 'user' | 'repository';
  /** Absolute. */
  readonly path: string;
  readonly exists: boolean;
};
