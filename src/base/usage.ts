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

/** Several runs together, and of how many of them something is known. */
export type UsageSum = {
  readonly runs: number;
  readonly withTokens: number;
  readonly withCost: number;
  readonly tokens: Tokens;
  readonly costUsd: number;
};

/** Adds up what is known; null stands for a run that said nothing. */
export function sumUsage(usages: readonly (RunUsage | null)[]): UsageSum {
  const tokens = usages.flatMap((usage) => usage?.tokens ?? []);
  const costs = usages.flatMap((usage) => usage?.costUsd ?? []);
  const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
  return {
    runs: usages.length,
    withTokens: tokens.length,
    withCost: costs.length,
    tokens: {
      input: sum(tokens.map((count) => count.input)),
      output: sum(tokens.map((count) => count.output)),
      cacheRead: sum(tokens.map((count) => count.cacheRead)),
      cacheWrite: sum(tokens.map((count) => count.cacheWrite)),
    },
    // A sum of fractions has digits that nobody has paid for.
    costUsd: Math.round(sum(costs) * 1e6) / 1e6,
  };
}
