/** `phasr signal`, for agents and scripts that run inside a task. */

import { flag, type Handler, usageError, withPhasr } from '../command.ts';

const KINDS = ['done', 'needs-input', 'progress'] as const;

export const signal: Handler = (invocation) => {
  const [word, ...more] = invocation.args;
  const kind = KINDS.find((known) => known === word);
  if (kind === undefined)
    throw usageError(`"${word ?? ''}" is no signal`, 'One of: done, needs-input, progress');
  // From wherever in the system the agent has wandered off to.
  const directory = invocation.env['PHASR_WORKTREE'] ?? invocation.directory;
  return withPhasr({ ...invocation, directory }, async (phasr) => {
    const task = phasr.signal({ kind, message: more.join(' ') });
    if (flag(invocation.options, 'json')) invocation.output.json('signal', { task: task.id, signal: kind });
    return 0;
  });
};
