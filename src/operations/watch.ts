/** The person at the terminal: which one it is, and what he is watching there. */

import { identityKey } from '../base/identity.ts';
import { ownIdentity } from '../process/table.ts';
import { addWatcher } from '../store/watchers.ts';
import type { TaskId } from '../task/names.ts';
import type { Context } from './context.ts';

export { findTerminal } from '../process/terminal.ts';

/** Says that this process shows these tasks to somebody; gives how to take it back. Its death does so too. */
export async function watchTasks(context: Context, tasks: readonly TaskId[]): Promise<() => void> {
  return addWatcher(context.paths.watchersDir, { holder: identityKey(await ownIdentity()), tasks });
}
