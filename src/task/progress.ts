/** What a run is doing now. Written by its supervisor while it follows the agent, never part of the task's history: it may be lost. */

import type { RunUsage } from '../base/usage.ts';

export type RunProgress = {
  /** When the agent last printed or reported something. */
  readonly atMs: number;
  /** The last thing it did, in one line of at most 200 characters: a tool with its command or path, or the last line of its text. */
  readonly action: string;
  /**
   * `waiting`: for its person, see `waitingFor`. `retrying`: its model's server does not answer as it should. `silent`: nothing was printed for a while.
   */
  readonly attention: 'working' | 'waiting' | 'retrying' | 'silent';
  /** The question, or why it has stopped; null unless `waiting` or `retrying`. */
  readonly waitingFor: string | null;
  /** How many different files it says that it has written. */
  readonly filesTouched: number;
  /** Null until the agent says something of it. */
  readonly usage: RunUsage | null;
};
