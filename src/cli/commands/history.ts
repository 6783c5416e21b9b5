/** `phasr history`. */

import { shortOid } from '../../base/oid.ts';
import { renderDuration, renderVisible } from '../../base/text.ts';
import { flag, type Handler, parseTask, withPhasr } from '../command.ts';
import { snapshotJson } from '../json.ts';
import { renderTable } from '../output.ts';
import { renderChanges } from '../render.ts';

export const history: Handler = (invocation) =>
  withPhasr(invocation, async (phasr) => {
    const { args, options, output } = invocation;
    const id = parseTask(args, phasr.currentTask);
    const snapshots = await phasr.snapshots(id);
    if (flag(options, 'json')) {
      output.json('history', { task: id, snapshots: snapshots.map(snapshotJson) });
      return 0;
    }
    if (snapshots.length === 0) {
      output.line(`task ${id} has no snapshots: nothing has changed since it was launched`);
      return 0;
    }
    const nowMs = Date.now();
    const rows = snapshots.map(({ number, atMs, reason, changes, commit }) => [
      String(number),
      `${renderDuration(nowMs - atMs)} ago`,
      renderVisible(reason),
      renderChanges(changes),
      shortOid(commit),
    ]);
    const table = [['SNAPSHOT', 'TAKEN', 'WHEN', 'SINCE THE ONE BEFORE', 'COMMIT'], ...rows];
    const [head = '', ...lines] = renderTable(table, { width: output.isTerminal ? output.width() : null });
    output.line(output.color.bold(head));
    for (const line of lines) output.line(line);
    return 0;
  });
