/** What a run has used of its model. */

export type Tokens = {
  /** Without what came from the cache. */
  readonly input: number;
  readonly output: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
};

/** Tokens and cost of one run; null where the agent does not say (never guessed). */
export type RunUsage = {
  readonly tokens: Tokens | null;
  /** US dollars. */
  readonly costUsd: number | null;
};
