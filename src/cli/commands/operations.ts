/** `phasr operations`. */

import { shortOid } from '../../base/oid.ts';
import { renderDuration, renderVisible } from '../../base/text.ts';
import type { TaskOperation } from '../../operations/operation-log.ts';
import { flag, type Handler, wholeNumber, withPhasr } from '../command.ts';
import { operationJson } from '../json.ts';
import { renderTable } from '../output.ts';

const SHOWN = 20;
const SHOWN_MAX = 1_000_000;

export const operations: Handler = (invocation) =>
  withPhasr(invocation, async (phasr) => {
    const { options, output } = invocation;
    const limit = wholeNumber(options, 'limit', { min: 1, max: SHOWN_MAX }) ?? SHOWN;
    const shown = phasr.operations().slice(-limit).toReversed();
    if (flag(options, 'json')) {
      output.json('operations', { operations: shown.map(operationJson) });
      return 0;
    }
    if (shown.length === 0) {
      output.line('nothing has been merged, discarded, put back or repaired yet');
      return 0;
    }
    const nowMs = Date.now();
    const rows = shown.map((operation) => [
      String(operation.id),
      operation.kind,
      operation.task === null ? '' : `task ${operation.task}`,
      `${renderDuration(nowMs - operation.atMs)} ago`,
      operation.kind === 'repair' ? renderVisible(operation.repair.what) : movesOf(operation),
    ]);
    const table = [['OPERATION', 'WHAT', 'TASK', 'WHEN', 'REFS'], ...rows];
    const [head = '', ...lines] = renderTable(table, { width: output.isTerminal ? output.width() : null });
    output.line(output.color.bold(head));
    for (const line of lines) output.line(line);
    return 0;
  });

function movesOf({ refs }: TaskOperation): string {
  return refs
    .map(({ name, before, after }) => {
      const short = renderVisible(name.replace(/^refs\/heads\//, ''));
      const [from, to] = [before, after].map((oid) => (oid === null ? 'none' : shortOid(oid)));
      return `${short} ${from} → ${to}`;
    })
    .join(', ');
}
