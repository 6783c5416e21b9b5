/** `phasr resume`. */

import { duration, flag, type Handler, parseTask, text, usageError, withPhasr } from '../command.ts';
import { findTerminal } from '../../phasr.ts';
import { refusalJson, taskJson } from '../json.ts';
import { printRefusal } from '../render.ts';
import { watchTasks } from '../watch.ts';

export const resume: Handler = (invocation) =>
  withPhasr(invocation, async (phasr) => {
    const { args, options, output, rest, signal } = invocation;
    if (rest !== null)
      throw usageError('resume goes on with the agent of the run before', 'Leave -- and what follows away.');
    const id = parseTask(args.slice(0, 1), phasr.currentTask);
    const prompt = text(options, 'prompt') ?? args[1] ?? null;
    const outcome = await phasr.resume(id, {
      prompt,
      timeoutMs: duration(options, 'timeout'),
      session: flag(options, 'newSession') ? 'new' : 'last',
      terminal: findTerminal(),
    });
    const isJson = flag(options, 'json');
    if (outcome.kind === 'refused') {
      if (isJson) output.json('refusal', refusalJson(outcome));
      else printRefusal(output, outcome);
      return 1;
    }
    const isDetached = flag(options, 'detach');
    if (!isJson && !isDetached) return watchTasks(invocation, phasr, [id]);
    if (!isDetached) await phasr.wait([id], { limitMs: null, signal, onLook: null });
    const view = await phasr.view(phasr.find(id));
    if (isJson) output.json('task', taskJson(view));
    else output.line(`task ${id} goes on: phasr logs ${id} -f`);
    return isDetached || view.state.name === 'done' ? 0 : 1;
  });
