/** `phasr merge`. */

import { renderVisible } from '../../base/text.ts';
import { shortOid } from '../../base/oid.ts';
import type { MergeOutcome } from '../../operations/merge.ts';
import type { MergeStrategy } from '../../task/event.ts';
import type { TaskId } from '../../task/names.ts';
import { flag, type Handler, type Options, parseTasks, text, usageError, withPhasr } from '../command.ts';
import { refusalJson, taskJson } from '../json.ts';
import type { Output } from '../output.ts';
import { printRefusal, renderChanges } from '../render.ts';

export const merge: Handler = (invocation) =>
  withPhasr(invocation, async (phasr) => {
    const { args, options, output } = invocation;
    const ids = parseTasks(args, phasr.currentTask);
    const request = { strategy: parseStrategy(options), into: text(options, 'into') };
    const isJson = flag(options, 'json');
    const documents: object[] = [];
    let refused = false;
    for (const [index, id] of ids.entries()) {
      const outcome = await phasr.merge(id, request);
      if (isJson) documents.push(await outcomeJson(phasr, id, outcome));
      else printOutcome(output, outcome, phasr.repository.worktreeRoot);
      refused = outcome.kind === 'refused';
      if (!refused) continue;
      const left = ids.slice(index + 1);
      if (left.length > 0 && !isJson) output.note(`  not tried: ${left.join(', ')}`);
      break;
    }
    if (isJson) output.json('merge', { merges: documents });
    return refused ? 1 : 0;
  });

const STRATEGIES: readonly MergeStrategy[] = ['merge', 'squash', 'rebase'];

function parseStrategy(options: Options): MergeStrategy {
  const given = text(options, 'strategy') ?? 'merge';
  const strategy = STRATEGIES.find((name) => name === given);
  if (strategy === undefined)
    throw usageError(`"${given}" is no strategy`, `One of: ${STRATEGIES.join(', ')}`);
  return strategy;
}

function printOutcome(output: Output, outcome: MergeOutcome, standsIn: string | null): void {
  if (outcome.kind === 'refused') return printRefusal(output, outcome);
  const { task, target, commit, worktree, hooksNotRun } = outcome;
  const place =
    worktree === standsIn
      ? 'your files are up to date'
      : `the files in ${renderVisible(worktree ?? '')} are up to date`;
  const followed = worktree === null ? '' : `; ${place}`;
  const changes = renderChanges(task.head?.changes ?? null);
  output.line(
    `task ${task.id} merged into ${renderVisible(target)} @ ${shortOid(commit)} (${changes})${followed}`,
  );
  if (hooksNotRun.length > 0) output.line(`  hooks not run: ${hooksNotRun.join(', ')}`);
}

async function outcomeJson(
  phasr: Parameters<Parameters<typeof withPhasr>[1]>[0],
  id: TaskId,
  outcome: MergeOutcome,
): Promise<object> {
  if (outcome.kind === 'refused') return { id, outcome: 'refused', refusal: refusalJson(outcome) };
  const { target, commit, worktree, hooksNotRun } = outcome;
  return {
    id,
    outcome: 'merged',
    target,
    commit,
    worktree,
    hooksNotRun,
    task: taskJson(await phasr.view(outcome.task)),
  };
}
