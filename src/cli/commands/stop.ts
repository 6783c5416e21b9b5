/** `phasr stop`. */

import { renderVisible } from '../../base/text.ts';
import type { Task } from '../../task/task.ts';
import { flag, type Handler, parseTasks, withPhasr } from '../command.ts';
import { refusalJson, taskJson } from '../json.ts';
import { printRefusal, renderChanges } from '../render.ts';

export const stop: Handler = (invocation) =>
  withPhasr(invocation, async (phasr) => {
    const { args, options, output } = invocation;
    const ids = parseTasks(args, phasr.currentTask);
    const outcomes = await Promise.all(ids.map(async (id) => ({ id, outcome: await phasr.stop(id) })));
    const isJson = flag(options, 'json');
    const documents: object[] = [];
    for (const { id, outcome } of outcomes) {
      if (outcome.kind === 'refused') {
        if (isJson) documents.push({ id, outcome: 'refused', refusal: refusalJson(outcome) });
        else printRefusal(output, outcome);
        continue;
      }
      const view = await phasr.view(outcome.task);
      documents.push({ ...taskJson(view), outcome: outcome.kind });
      if (isJson) continue;
      output.line(
        `task ${id} ${view.state.name}: ${renderVisible(view.state.evidence)}; ${whatIsKept(view.task)}`,
      );
    }
    if (isJson) output.json('tasks', { tasks: documents });
    return outcomes.every(({ outcome }) => outcome.kind === 'stopped') ? 0 : 1;
  });

function whatIsKept({ head, directory }: Task): string {
  if (directory === null) return 'nothing had been made';
  return head === null || head.changes.files === 0
    ? 'it had changed nothing'
    : `kept: ${renderChanges(head.changes)}`;
}
