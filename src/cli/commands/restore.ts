/** `phasr restore`. */

import { renderVisible } from '../../base/text.ts';
import { flag, type Handler, parseTasks, withPhasr } from '../command.ts';
import { refusalJson, taskJson } from '../json.ts';
import { printRefusal } from '../render.ts';

export const restore: Handler = (invocation) =>
  withPhasr(invocation, async (phasr) => {
    const { args, options, output } = invocation;
    const isJson = flag(options, 'json');
    const documents: object[] = [];
    let refusals = 0;
    for (const id of parseTasks(args, null)) {
      const outcome = await phasr.restore(id);
      if (outcome.kind === 'refused') {
        refusals++;
        if (isJson) documents.push({ id, outcome: 'refused', refusal: refusalJson(outcome) });
        else printRefusal(output, outcome);
        continue;
      }
      const { task } = outcome;
      documents.push({ ...taskJson(await phasr.view(task)), outcome: 'restored' });
      if (!isJson) output.line(`task ${id} restored: ${task.branch} in ${renderVisible(task.worktreePath)}`);
    }
    if (isJson) output.json('tasks', { tasks: documents });
    return refusals === 0 ? 0 : 1;
  });
