/** `phasr undo`. */

import { flag, type Handler, usageError, withPhasr } from '../command.ts';
import { operationJson, refusalJson, taskJson } from '../json.ts';
import { printRefusal } from '../render.ts';

export const undo: Handler = (invocation) =>
  withPhasr(invocation, async (phasr) => {
    const { args, options, output } = invocation;
    const request = { operation: parseOperation(args[0]), dryRun: flag(options, 'dryRun') };
    const outcome = await phasr.undo(request);
    if (outcome.kind === 'refused') {
      if (flag(options, 'json')) output.json('refusal', refusalJson(outcome));
      else printRefusal(output, outcome);
      return 1;
    }
    const { kind, operation, task, what } = outcome;
    if (flag(options, 'json')) {
      const view = taskJson(await phasr.view(task));
      output.json('undo', { outcome: kind, what, operation: operationJson(operation), task: view });
      return 0;
    }
    output.line(kind === 'undone' ? `undone: ${what}` : `would ${what}`);
    if (kind === 'undone') output.line(`  take that back as well: phasr undo`);
    return 0;
  });

function parseOperation(word: string | undefined): number | null {
  if (word === undefined) return null;
  if (/^[1-9]\d{0,14}$/.test(word)) return Number(word);
  throw usageError(`"${word}" is no operation`, 'See their numbers: phasr operations');
}
