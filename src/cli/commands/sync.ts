/** `phasr sync`. */

import { shortOid } from '../../base/oid.ts';
import { renderCount, renderVisible } from '../../base/text.ts';
import { flag, type Handler, parseTask, texts, withPhasr } from '../command.ts';
import { refusalJson, taskJson } from '../json.ts';
import { describeMade, printRefusal } from '../render.ts';

export const sync: Handler = (invocation) =>
  withPhasr(invocation, async (phasr) => {
    const { args, options, output } = invocation;
    const id = parseTask(args, phasr.currentTask);
    const request = {
      tags: texts(options, 'tag'),
      branches: texts(options, 'branch'),
      refresh: flag(options, 'refresh'),
    };
    const outcome = await phasr.sync(id, request);
    if (outcome.kind === 'refused') {
      if (flag(options, 'json')) output.json('refusal', refusalJson(outcome));
      else printRefusal(output, outcome);
      return 1;
    }
    const { task, tip, taken, refreshed, made } = outcome;
    if (flag(options, 'json')) {
      output.json('sync', { task: taskJson(await phasr.view(task)), tip, taken, refreshed, made });
      return 0;
    }
    const isAtBase = tip === null || tip === task.base.oid;
    output.line(`${task.branch}  ${isAtBase ? 'nothing committed yet' : `at ${shortOid(tip)}`}`);
    for (const { name } of taken)
      output.line(`  taken      ${renderVisible(name)}   (phasr undo gives it back)`);
    if (refreshed !== null) {
      output.line(`  refreshed  ${renderCount(refreshed.changed, 'ref')} of the task as you have them now`);
      for (const name of refreshed.kept)
        output.line(`  kept       ${renderVisible(name)}, as its agent left it`);
    }
    for (const words of describeMade(made)) output.line(`  also made  ${words}`);
    return 0;
  });
