/** `phasr undo`. */

import type { UndoRequest } from '../../operations/undo.ts';
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
      const view = task === null ? null : taskJson(await phasr.view(task));
      output.json('undo', { outcome: kind, what, operation: operationJson(operation), task: view });
      return 0;
    }
    output.line(kind === 'undone' ? `undone: ${what}` : `would ${what}`);
    const again = operation.kind === 'repair' ? 'phasr doctor --fix' : 'phasr undo';
    if (kind === 'undone') output.line(`  take that back as well: ${again}`);
    return 0;
  });

function parseOperation(word: string | undefined): UndoRequest['operation'] {
  if (word === undefined) return null;
  const repair = /^r([1-9]\d{0,8})$/.exec(word)?.[1];
  if (repair !== undefined) return `r${Number(repair)}`;
  if (/^[1-9]\d{0,14}$/.test(word)) return Number(word);
  throw usageError(`"${word}" is no operation`, 'See their numbers: phasr operations');
}
