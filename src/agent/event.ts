/** What agents report while they work, in one shape for all of them. Pure data; readers make it, nothing else does. */

import type { RunUsage, Tokens } from '../base/usage.ts';

/** Why something did not work, as far as the agent says so. */
export type Trouble = {
  readonly kind: TroubleKind;
  /** The agent's own words, one line, at most 500 characters. */
  readonly message: string;
};

/** `rate-limit`: too many requests, or a quota used up. `server`: the model's server failed or is overloaded. `request`: it refused this request. */
export type TroubleKind =
  | 'rate-limit'
  | 'authentication'
  | 'server'
  | 'network'
  | 'request'
  | 'permission'
  | 'unknown';

/**
 * Tokens and cost as the agent gives them. Some agents count a run, others their whole session with all its earlier runs; the
 * scope says which, and {@link usageOfRun} makes the one from the other.
 */
export type ReportedUsage = {
  readonly tokens: Tokens | null;
  readonly tokensOf: 'run' | 'session';
  /** US dollars; null when the agent names none (never guessed from tokens). */
  readonly costUsd: number | null;
  readonly costOf: 'run' | 'session';
};

/** A reader's answers to one line. `text`s are as long as the agent made them; whoever shows them shortens them. */
export type AgentEvent =
  /** The agent session, as soon as it is known; again when it changes. */
  | {
      readonly kind: 'session';
      readonly id: string;
      readonly cwd: string | null;
      readonly model: string | null;
    }
  /** `isPartial`: the next one goes on where this one ends. */
  | { readonly kind: 'text'; readonly text: string; readonly isPartial: boolean }
  | { readonly kind: 'thinking'; readonly text: string; readonly isPartial: boolean }
  /** `summary` is what a person wants to see of the call in one line: the command, the path, the query. */
  | { readonly kind: 'tool.started'; readonly id: string; readonly tool: string; readonly summary: string }
  | {
      readonly kind: 'tool.ended';
      readonly id: string;
      readonly tool: string;
      readonly isError: boolean;
      readonly output: string;
    }
  /** Files that a tool has written, as the agent names them (mostly absolute). */
  | { readonly kind: 'files'; readonly paths: readonly string[] }
  /** The agent wanted to do something that it may not. Its run goes on. */
  | { readonly kind: 'permission.refused'; readonly tool: string; readonly summary: string }
  /** A call to the model failed and is made again. */
  | {
      readonly kind: 'retry';
      readonly attempt: number | null;
      readonly attemptsMax: number | null;
      readonly delayMs: number | null;
      readonly trouble: Trouble;
    }
  /** The agent asks its person something. */
  | { readonly kind: 'question'; readonly text: string }
  /** Everything used so far, not an increment. */
  | { readonly kind: 'usage'; readonly usage: ReportedUsage }
  /** Something that the agent complains of without ending. */
  | { readonly kind: 'warning'; readonly text: string }
  /** The agent's own word on how its run ended: its terminal event, with its fields considered. */
  | {
      readonly kind: 'end';
      readonly outcome: 'done' | 'failed' | 'interrupted';
      /** Why not `done`. */
      readonly trouble: Trouble | null;
    }
  /** A line that is none of the agent's own format. */
  | { readonly kind: 'output'; readonly text: string };

/**
 * What one run has used. `before` is what the agent had reported at the end of the run before it in the same session, null in a new one.
 * A total smaller than before means that the agent began to count anew.
 */
export function usageOfRun(reported: ReportedUsage, before: RunUsage | null): RunUsage {
  const { tokens, costUsd } = reported;
  const earlier = before?.tokens ?? null;
  const less = (now: number, then: number): number => (now >= then ? now - then : now);
  return {
    tokens:
      tokens === null || earlier === null || reported.tokensOf === 'run'
        ? tokens
        : {
            input: less(tokens.input, earlier.input),
            output: less(tokens.output, earlier.output),
            cacheRead: less(tokens.cacheRead, earlier.cacheRead),
            cacheWrite: less(tokens.cacheWrite, earlier.cacheWrite),
          },
    costUsd: costUsd === null || reported.costOf === 'run' ? costUsd : less(costUsd, before?.costUsd ?? 0),
  };
}
