/** `phasr send`: a next prompt for an agent that has ended, in its own session. */

import { type Handler, usageError } from '../command.ts';
import { resume } from './resume.ts';

export const send: Handler = (invocation) => {
  const { args, options } = invocation;
  if (args.length < 2 && typeof options['prompt'] !== 'string')
    throw usageError('what is the agent to be told?', 'As in: phasr send 3 "also update the docs"');
  return resume(invocation);
};
