/** `phasr discard`. */

import { flag, type Handler, parseTasks, withPhasr } from '../command.ts';
import { refusalJson, taskJson } from '../json.ts';
import { printRefusal } from '../render.ts';

export const discard: Handler = (invocation) =>
  withPhasr(invocation, async (phasr) => {
    const { args, options, output } = invocation;
    const isJson = flag(options, 'json');
    const documents: object[] = [];
    let refusals = 0;
    for (const id of parseTasks(args, phasr.currentTask)) {
      const outcome = await phasr.discard(id);
      if (outcome.kind === 'refused') {
        refusals++;
        if (isJson) documents.push({ id, outcome: 'refused', refusal: refusalJson(outcome) });
        else printRefusal(output, outcome);
        continue;
      }
      documents.push({ ...taskJson(await phasr.view(outcome.task)), outcome: 'discarded' });
      if (isJson) continue;
      const { kept, head, base } = outcome.task;
      const hasWork = head !== null && head.oid !== base.oid;
      output.line(
        kept === null && !hasWork
          ? `task ${id} discarded; it had changed nothing`
          : `task ${id} discarded; bring it back: phasr restore ${id}`,
      );
    }
    if (isJson) output.json('tasks', { tasks: documents });
    return refusals === 0 ? 0 : 1;
  });
