/** `phasr cleanup`. */

import { renderCount, renderVisible } from '../../base/text.ts';
import type { CleanedWorktree } from '../../operations/cleanup-worktrees.ts';
import { flag, type Handler, parseTasks, withPhasr } from '../command.ts';

export const cleanup: Handler = (invocation) =>
  withPhasr(invocation, async (phasr) => {
    const { args, options, output } = invocation;
    const isDryRun = flag(options, 'dryRun');
    const tasks = args.length === 0 ? null : parseTasks(args, null);
    const worktrees = await phasr.cleanup({ tasks, isDryRun });
    const removable = worktrees.filter(isRemovable);
    // Tasks that were named were meant to go; of all of them, whoever calls must see that work stays (P1).
    const isLeft =
      tasks === null
        ? !isDryRun && worktrees.some(({ sorted }) => sorted === 'has work')
        : removable.length < tasks.length;
    const exitCode = isLeft ? 1 : 0;
    if (flag(options, 'json')) {
      output.json('cleanup', { isDryRun, worktrees });
      return exitCode;
    }
    const { green, yellow, dim } = output.color;
    for (const worktree of worktrees) {
      const { sorted, words, next, task } = worktree;
      const what = task === null ? worktree.path : `task ${task.id} ${renderVisible(task.title)}`;
      const verb = isRemovable(worktree) ? (isDryRun ? 'would go' : 'removed') : 'stays';
      const paint = isRemovable(worktree) ? green : sorted === 'not ours' ? dim : yellow;
      output.line(`${paint(verb.padEnd(8))}  ${renderVisible(what)}`);
      output.line(`          ${sorted}: ${renderVisible(words)}`);
      if (next !== null) output.line(`          → ${renderVisible(next)}`);
    }
    const stay = worktrees.length - removable.length;
    const count = renderCount(removable.length, 'worktree');
    output.line(
      `${count} ${isDryRun ? 'would be removed' : 'removed'}, ${stay} ${stay === 1 ? 'stays' : 'stay'}`,
    );
    return exitCode;
  });

function isRemovable({ how }: CleanedWorktree): boolean {
  return how !== null;
}
