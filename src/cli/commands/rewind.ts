/** `phasr rewind`. */

import { flag, type Handler, parseTask, usageError, withPhasr } from '../command.ts';
import { refusalJson, taskJson } from '../json.ts';
import { printRefusal } from '../render.ts';

export const rewind: Handler = (invocation) =>
  withPhasr(invocation, async (phasr) => {
    const { args, options, output } = invocation;
    const id = parseTask(args.slice(0, 1), null);
    const number = parseSnapshot(args[1]);
    const outcome = await phasr.rewind(id, number);
    if (outcome.kind === 'refused') {
      if (flag(options, 'json')) output.json('refusal', refusalJson(outcome));
      else printRefusal(output, outcome);
      return 1;
    }
    const { task, to, from } = outcome;
    if (flag(options, 'json')) {
      const view = taskJson(await phasr.view(task));
      output.json('rewind', { to: to.number, before: from.number, task: view });
      return 0;
    }
    output.line(`task ${id} is as it was at snapshot ${to.number} (${to.reason})`);
    output.line(`  what it was before: phasr rewind ${id} ${from.number}   or   phasr undo`);
    return 0;
  });

function parseSnapshot(word: string | undefined): number {
  if (word !== undefined && /^[1-9]\d{0,8}$/.test(word)) return Number(word);
  throw usageError(`"${word ?? ''}" is no snapshot`, 'See their numbers: phasr history TASK');
}
