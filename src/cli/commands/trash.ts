/** `phasr trash`. */

import { renderSize } from '../../base/size.ts';
import { renderDuration, renderVisible } from '../../base/text.ts';
import type { TrashItem } from '../../operations/trash.ts';
import type { Phasr } from '../../phasr.ts';
import type { TaskId } from '../../task/names.ts';
import { flag, type Handler, type Invocation, parseTasks, usageError, withPhasr } from '../command.ts';
import { askYesNo } from '../input.ts';
import { refusalJson, taskJson, trashJson } from '../json.ts';
import { renderTable } from '../output.ts';
import { printRefusal } from '../render.ts';

export const trash: Handler = (invocation) =>
  withPhasr(invocation, async (phasr) => {
    const { args, options, output } = invocation;
    const [verb, ...rest] = args;
    if (verb === 'empty') return empty(invocation, phasr, rest);
    if (verb !== undefined)
      throw usageError(
        `"${verb}" is nothing that trash can do`,
        'As in: phasr trash   or   phasr trash empty 3',
      );
    const items = await phasr.trash();
    if (flag(options, 'json')) {
      output.json('trash', {
        items: await Promise.all(items.map(async (item) => trashJson(item, await phasr.view(item.task)))),
      });
      return 0;
    }
    if (items.length === 0) {
      output.line('the trash is empty');
      return 0;
    }
    const nowMs = Date.now();
    const rows = items.map((item) => [
      String(item.task.id),
      item.task.phase.kind,
      `${renderDuration(nowMs - item.sinceMs)} ago`,
      item.bytes === null ? '' : renderSize(item.bytes),
      untilOf(item, nowMs),
      renderVisible(item.task.title),
    ]);
    const table = [['TASK', 'WHAT', 'WHEN', 'SIZE', 'KEPT FOR', 'TITLE'], ...rows];
    const [head = '', ...lines] = renderTable(table, { width: output.isTerminal ? output.width() : null });
    output.line(output.color.bold(head));
    for (const line of lines) output.line(line);
    output.line('');
    output.line('bring one back: phasr restore TASK');
    return 0;
  });

function untilOf({ expiresAtMs, task }: TrashItem, nowMs: number): string {
  const until = expiresAtMs === null ? 'ever' : renderDuration(Math.max(0, expiresAtMs - nowMs));
  return task.held === null ? until : `${until}, on the disk`;
}

async function empty(invocation: Invocation, phasr: Phasr, words: readonly string[]): Promise<number> {
  const { options, output } = invocation;
  const isJson = flag(options, 'json');
  const items = await phasr.trash();
  const ids = words.length > 0 ? parseTasks(words, null) : items.map(({ task }) => task.id);
  if (ids.length === 0) {
    if (isJson) output.json('tasks', { tasks: [] });
    else output.line('the trash is empty');
    return 0;
  }
  if (!(await isWanted(invocation, { ids, items }))) {
    output.note('phasr: nothing was given up');
    return 1;
  }
  const documents: object[] = [];
  let refusals = 0;
  for (const id of ids) {
    const outcome = await phasr.emptyTrash(id);
    if (outcome.kind === 'refused') {
      refusals++;
      if (isJson) documents.push({ id, outcome: 'refused', refusal: refusalJson(outcome) });
      else printRefusal(output, outcome);
      continue;
    }
    documents.push({ ...taskJson(await phasr.view(outcome.task)), outcome: 'emptied' });
    if (!isJson) output.line(`what was kept of task ${id} is given up`);
  }
  if (isJson) output.json('tasks', { tasks: documents });
  return refusals === 0 ? 0 : 1;
}

/** The only question that Phasr asks: what is given up here nothing brings back. */
async function isWanted(
  { options, output, signal }: Invocation,
  { ids, items }: { readonly ids: readonly TaskId[]; readonly items: readonly TrashItem[] },
): Promise<boolean> {
  if (flag(options, 'yes')) return true;
  if (!output.isTerminal || !process.stdin.isTTY)
    throw usageError(
      'this gives work up for good, and there is nobody to ask',
      'To do it all the same: --yes',
    );
  for (const { task } of items.filter((item) => ids.includes(item.task.id)))
    output.line(`  task ${task.id}: ${renderVisible(task.title)}`);
  return askYesNo(
    `Give up for good what is kept of ${ids.length === 1 ? 'this task' : `these ${ids.length} tasks`}?`,
    signal,
  );
}
