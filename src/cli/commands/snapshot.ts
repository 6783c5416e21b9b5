/** `phasr snapshot`. */

import { flag, type Handler, parseTask, withPhasr } from '../command.ts';
import { refusalJson, taskJson } from '../json.ts';
import { printRefusal } from '../render.ts';

export const snapshot: Handler = (invocation) =>
  withPhasr(invocation, async (phasr) => {
    const { args, options, output } = invocation;
    const id = parseTask(args, phasr.currentTask);
    const outcome = await phasr.snapshot(id);
    if (outcome.kind === 'refused') {
      if (flag(options, 'json')) output.json('refusal', refusalJson(outcome));
      else printRefusal(output, outcome);
      return 1;
    }
    const { kind, snapshot: taken, task } = outcome;
    const number = taken?.number ?? null;
    if (flag(options, 'json')) {
      output.json('snapshot', { outcome: kind, number, task: taskJson(await phasr.view(task)) });
      return 0;
    }
    if (number === null) output.line(`task ${id} is as it was launched; there is nothing to keep`);
    else if (kind === 'unchanged') output.line(`task ${id} is as in snapshot ${number}; nothing has changed`);
    else output.line(`task ${id} is kept as it is in snapshot ${number}: phasr rewind ${id} ${number}`);
    return 0;
  });
