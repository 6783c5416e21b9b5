/** `phasr path`. */

import { PhasrError } from '../../base/errors.ts';
import { flag, type Handler, parseTask, withPhasr } from '../command.ts';

export const path: Handler = (invocation) =>
  withPhasr(invocation, async (phasr) => {
    const { args, options, output } = invocation;
    const task = phasr.find(parseTask(args, phasr.currentTask));
    if (task.directory === null) {
      throw new PhasrError('worktree-broken', `task ${task.id} has no worktree`, {
        hint: `phasr show ${task.id}`,
      });
    }
    if (flag(options, 'json')) output.json('path', { task: task.id, path: task.worktreePath });
    else output.line(task.worktreePath);
    return 0;
  });
