/** What Phasr's own background processes do: `supervise <common dir> <task>` and `sweep <common dir>`. */

import { supervise, sweep } from './phasr.ts';

/** Does it. Throws for anything else. */
export async function workInBackground(words: readonly string[]): Promise<void> {
  const [verb, commonDir, taskId] = words;
  if (verb === 'supervise' && commonDir !== undefined && taskId !== undefined)
    return supervise(commonDir, Number(taskId));
  if (verb === 'sweep' && commonDir !== undefined) return sweep(commonDir);
  throw new Error(`unknown helper: ${words.join(' ')}`);
}
