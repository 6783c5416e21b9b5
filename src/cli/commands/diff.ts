/** `phasr diff`. */

import type { Writable } from 'node:stream';
import { renderCount, renderPath, renderVisible } from '../../base/text.ts';
import type { TaskDiff } from '../../operations/diff.ts';
import type { FileChange } from '../../git/diff.ts';
import type { Phasr } from '../../phasr.ts';
import { parseTaskId } from '../../task/names.ts';
import { flag, type Handler, type Invocation, parseTask, withPhasr } from '../command.ts';
import { fileChangeJson } from '../json.ts';
import { type Output, renderTable } from '../output.ts';
import { renderPatch } from '../patch.ts';
import { renderChanges } from '../render.ts';

export const diff: Handler = (invocation) =>
  withPhasr(invocation, async (phasr) => {
    const { args, options, output } = invocation;
    // Inside a task's worktree the number may be left out, so the first word may be a path.
    const isNamed = parseTaskId(args[0] ?? '') !== undefined || phasr.currentTask === null;
    const id = parseTask(isNamed ? args.slice(0, 1) : [], phasr.currentTask);
    const paths = isNamed ? args.slice(1) : args;
    const found = await phasr.diff(id, { withCarried: flag(options, 'all') });
    if (found.incomplete !== null)
      output.note(
        `phasr: some files could not be read: ${renderVisible(found.incomplete.split('\n')[0] ?? '')}`,
      );
    if (found.carried > 0 && !flag(options, 'json'))
      output.note(
        `phasr: without the ${renderCount(found.carried, 'file')} that it began with; with them: phasr diff ${id} --all`,
      );
    if (flag(options, 'json')) return printJson(output, found, await found.files(paths));
    if (flag(options, 'nameOnly')) return printNames(output, await found.files(paths));
    if (flag(options, 'stat')) return printStat(output, found, await found.files(paths));
    if (found.isEmpty)
      output.note(`phasr: task ${found.task.id} has changed nothing${found.isFinal ? '' : ' so far'}`);
    return printPatch(invocation, phasr, { found, paths });
  });

function printJson(output: Output, found: TaskDiff, files: readonly FileChange[]): number {
  const { task, from, tree, isFinal, incomplete } = found;
  output.json({ task: task.id, base: from, tree, isFinal, incomplete, files: files.map(fileChangeJson) });
  return 0;
}

async function printNames(output: Output, files: readonly FileChange[]): Promise<number> {
  for (const { path } of files) {
    if (output.isTerminal) output.line(renderPath(path));
    else await output.bytes(Buffer.concat([path, Buffer.from('\n')]));
  }
  return 0;
}

function printStat(output: Output, found: TaskDiff, files: readonly FileChange[]): number {
  const rows = files.map((file) => [file.status, linesOf(file), nameOf(file)]);
  for (const line of renderTable(rows, { width: output.isTerminal ? output.width() : null }))
    output.line(` ${line}`);
  const sum = { files: files.length, insertions: 0, deletions: 0 };
  for (const file of files) {
    sum.insertions += file.insertions ?? 0;
    sum.deletions += file.deletions ?? 0;
  }
  output.line(`${renderChanges(sum)}${found.isFinal ? '' : ' so far (the agent is still at work)'}`);
  return 0;
}

function linesOf({ insertions, deletions }: FileChange): string {
  return insertions === null ? 'binary' : `+${insertions} -${deletions ?? 0}`;
}

function nameOf({ path, oldPath, oldMode, newMode, status }: FileChange): string {
  const name = oldPath === null ? renderPath(path) : `${renderPath(oldPath)} → ${renderPath(path)}`;
  const isModeChange = status !== 'A' && status !== 'D' && oldMode !== newMode;
  return isModeChange ? `${name} (mode ${oldMode} → ${newMode})` : name;
}

async function printPatch(
  { options, output }: Invocation,
  phasr: Phasr,
  { found, paths }: { readonly found: TaskDiff; readonly paths: readonly string[] },
): Promise<number> {
  if (!output.isTerminal) {
    for await (const chunk of found.patch(paths, { binary: true })) await output.bytes(chunk);
    return 0;
  }
  const lines = renderPatch(found.patch(paths, { binary: false }), output);
  const feed = async (input: Writable): Promise<void> => {
    for await (const line of lines) {
      if (input.destroyed) return;
      if (!input.write(`${line}\n`)) await untilReady(input);
    }
  };
  if (options['pager'] !== false && (await phasr.page(feed))) return 0;
  for await (const line of lines) await output.bytes(Buffer.from(`${line}\n`));
  return 0;
}

/** A pager that is left closes its input, and then has room for nothing more. */
function untilReady(input: Writable): Promise<void> {
  return new Promise((resolve) => {
    input.once('drain', resolve);
    input.once('close', resolve);
  });
}
