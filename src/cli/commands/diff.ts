/** `phasr diff`. */

import type { Writable } from 'node:stream';
import { renderCount, renderPath, renderVisible } from '../../base/text.ts';
import type { TaskDiff } from '../../operations/diff.ts';
import type { FileChange } from '../../git/diff.ts';
import type { Phasr } from '../../phasr.ts';
import { parseTaskId } from '../../task/names.ts';
import {
  flag,
  type Handler,
  type Invocation,
  parseTask,
  usageError,
  wholeNumber,
  withPhasr,
} from '../command.ts';
import { fileChangeJson } from '../json.ts';
import { type Output, renderTable } from '../output.ts';
import { renderChanges } from '../render.ts';

const SNAPSHOT_NUMBERS = { min: 1, max: 1_000_000_000 };

export const diff: Handler = (invocation) =>
  withPhasr(invocation, async (phasr) => {
    const { args, options, output } = invocation;
    // Inside a task's worktree the number may be left out, so the first word may be a path.
    const isNamed = parseTaskId(args[0] ?? '') !== undefined || phasr.currentTask === null;
    const id = parseTask(isNamed ? args.slice(0, 1) : [], phasr.currentTask);
    const paths = isNamed ? args.slice(1) : args;
    const form = formOf(invocation);
    const found = await phasr.diff(id, {
      withCarried: flag(options, 'all'),
      from: wholeNumber(options, 'from', SNAPSHOT_NUMBERS),
      to: wholeNumber(options, 'to', SNAPSHOT_NUMBERS),
    });
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
    return printPatch(invocation, phasr, { found, paths, form });
  });

function printJson(output: Output, found: TaskDiff, files: readonly FileChange[]): number {
  const { task, from, tree, isFinal, incomplete } = found;
  output.json('diff', {
    task: task.id,
    base: from,
    tree,
    isFinal,
    incomplete,
    files: files.map(fileChangeJson),
  });
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

/** From so many columns on, before and after have room side by side. */
const SIDE_BY_SIDE_COLUMNS_MIN = 160;
/** Pagers that read a patch themselves: they want it as git writes it. */
const PATCH_READER =
  /(?:^|[\s/|])(?:delta|diff-so-fancy|diff-highlight|diffr|riff|ydiff|cdiff|colordiff)(?=\s|\||$)/;

/** `patch`: bytes for programs. `git`: the same for eyes. The other two are our own. */
type Form = 'patch' | 'git' | 'unified' | 'side by side';

/** A pipe gets a patch, and so does a terminal without colours; what is said with colours would be missing there. */
function formOf({ options, output }: Invocation): Form {
  const [isWide, isUnified] = [flag(options, 'sideBySide'), flag(options, 'unified')];
  if (isWide && isUnified) throw usageError('--side-by-side and --unified at once', 'Give one of them.');
  if (isWide) return 'side by side';
  if (!output.isTerminal) return 'patch';
  if (!output.color.isColorSupported) return 'git';
  return isUnified || output.width() < SIDE_BY_SIDE_COLUMNS_MIN ? 'unified' : 'side by side';
}

async function printPatch(
  invocation: Invocation,
  phasr: Phasr,
  {
    found,
    paths,
    form,
  }: { readonly found: TaskDiff; readonly paths: readonly string[]; readonly form: Form },
): Promise<number> {
  const { options, output } = invocation;
  if (form === 'patch') {
    for await (const chunk of found.patch(paths, { binary: true })) await output.bytes(chunk);
    return 0;
  }
  const render = (as: Form): AsyncGenerator<string> =>
    inPieces(renderAs(as, invocation, found.patch(paths, { binary: false })));
  const feed = async (input: Writable, pager: string): Promise<void> => {
    const isReader = PATCH_READER.test(pager) && !flag(options, 'sideBySide');
    for await (const piece of render(isReader ? 'git' : form)) {
      if (input.destroyed) return;
      if (!input.write(piece)) await untilReady(input);
    }
  };
  if (output.isTerminal && options['pager'] !== false && (await phasr.page(feed))) return 0;
  for await (const piece of render(form)) await output.bytes(Buffer.from(piece));
  return 0;
}

async function* renderAs(
  form: Form,
  { env, output }: Invocation,
  patch: AsyncIterable<Buffer>,
): AsyncGenerator<string> {
  if (form === 'unified') yield* (await import('../patch/unified.ts')).renderUnified(patch, output);
  else if (form === 'side by side') {
    const given = Number(env['COLUMNS']);
    // The last column stays empty: not every terminal and pager leaves a full line alone.
    const width = output.isTerminal ? output.width() - 1 : given > 0 ? given : SIDE_BY_SIDE_COLUMNS_MIN;
    yield* (await import('../patch/side-by-side.ts')).renderSideBySide(patch, output, width);
  } else yield* (await import('../patch/git-form.ts')).renderGitForm(patch, output);
}

const PIECE_CHARACTERS = 16 * 1024;

/** A write for each line would take most of the time. */
async function* inPieces(lines: AsyncIterable<string>): AsyncGenerator<string> {
  let piece = '';
  for await (const line of lines) {
    piece += line;
    if (piece.length < PIECE_CHARACTERS) continue;
    yield piece;
    piece = '';
  }
  if (piece !== '') yield piece;
}

/** A pager that is left closes its input, and then has room for nothing more. */
function untilReady(input: Writable): Promise<void> {
  return new Promise((resolve) => {
    input.once('drain', resolve);
    input.once('close', resolve);
  });
}
