/** `phasr acknowledge`. */

import { describeEscape, listChanges } from '../../task/escape.ts';
import { flag, type Handler, parseTasks, withPhasr } from '../command.ts';
import { escapeJson, refusalJson } from '../json.ts';
import { printRefusal } from '../render.ts';

export const acknowledge: Handler = (invocation) =>
  withPhasr(invocation, async (phasr) => {
    const { args, options, output } = invocation;
    const isJson = flag(options, 'json');
    const documents: object[] = [];
    let code = 0;
    for (const id of parseTasks(args, phasr.currentTask)) {
      const outcome = await phasr.acknowledge(id);
      if (outcome.kind === 'refused') {
        code = 1;
        if (isJson) documents.push({ id, outcome: 'refused', refusal: refusalJson(outcome) });
        else printRefusal(output, outcome);
        continue;
      }
      documents.push({ id, outcome: outcome.kind, escape: escapeJson(outcome.escape) });
      if (isJson) continue;
      output.line(`acknowledged: ${describeEscape(outcome.escape, id)}`);
      for (const line of listChanges(outcome.escape)) output.line(`    ${line}`);
    }
    if (isJson) output.json('acknowledge', { tasks: documents });
    return code;
  });
