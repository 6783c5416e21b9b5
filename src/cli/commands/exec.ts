/** `phasr exec`: a command of the person's own in the worktrees of tasks, one after the other. */

import { PhasrError } from '../../base/errors.ts';
import { renderDuration, renderVisible } from '../../base/text.ts';
import type { Phasr } from '../../phasr.ts';
import type { TaskId } from '../../task/names.ts';
import { flag, type Handler, type Invocation, parseTasks, usageError, withPhasr } from '../command.ts';
import { codeOfMissing, describeEnd } from '../foreground.ts';
import { renderTable } from '../output.ts';

/** How the command ended in one worktree; `error` when it could not be started there. */
type Outcome = {
  readonly task: TaskId;
  readonly exitCode: number;
  readonly ms: number;
  readonly error: PhasrError | null;
  /** The exit code that ends the whole series. */
  readonly interrupted: number | null;
};

export const exec: Handler = (invocation) =>
  withPhasr(invocation, async (phasr) => {
    const { args, options, output, rest } = invocation;
    if (rest === null || rest.length === 0)
      throw usageError('which command?', 'It stands after --, as in: phasr exec 3 -- npm test');
    const ids = parseTasks(args, phasr.currentTask);
    const outcomes: Outcome[] = [];
    for (const id of ids) {
      if (ids.length > 1) tellHeading(invocation, id);
      const outcome = await execIn(invocation, phasr, { id, isOnly: ids.length === 1 });
      outcomes.push(outcome);
      if (outcome.interrupted !== null) break;
    }
    if (flag(options, 'json'))
      output.json('exec', { tasks: outcomes.map(outcomeJson), notRun: ids.slice(outcomes.length) });
    else if (ids.length > 1) tellSummary(invocation, outcomes, ids.slice(outcomes.length));
    if (ids.length === 1) return outcomes[0]?.exitCode ?? 1;
    const interrupted = outcomes.at(-1)?.interrupted ?? null;
    return interrupted ?? (outcomes.every(({ exitCode }) => exitCode === 0) ? 0 : 1);
  });

async function execIn(
  invocation: Invocation,
  phasr: Phasr,
  { id, isOnly }: { readonly id: TaskId; readonly isOnly: boolean },
): Promise<Outcome> {
  const { options, output, rest } = invocation;
  const startMs = performance.now();
  const took = (): number => Math.round(performance.now() - startMs);
  try {
    const entered = await phasr.enter(id);
    if (entered.isAgentAtWork) output.note(`phasr: the agent of task ${id} is at work in the same files`);
    const stdout = flag(options, 'json') ? 'error' : 'output';
    const end = await invocation.leaveSignals(() => entered.runConfined(rest ?? [], stdout));
    return { task: id, ms: took(), error: null, ...describeEnd(end) };
  } catch (error) {
    const isOfTask =
      error instanceof PhasrError && ['worktree-broken', 'task-not-found'].includes(error.code);
    const isOfProgram = error instanceof PhasrError && error.code === 'program-missing';
    if (!isOfProgram && !(isOfTask && !isOnly)) throw error;
    output.note(`phasr: ${renderVisible(error.message)}\n  ${renderVisible(error.hint)}`);
    return {
      task: id,
      exitCode: isOfProgram ? codeOfMissing(error) : 1,
      ms: took(),
      error,
      interrupted: null,
    };
  }
}

/** On standard error: what the command prints stays alone on standard output. */
function tellHeading({ output }: Invocation, id: TaskId): void {
  output.note(output.color.bold(`== task ${id}`));
}

function tellSummary({ output }: Invocation, outcomes: readonly Outcome[], notRun: readonly TaskId[]): void {
  const rows = [
    ...outcomes.map(({ task, exitCode, ms, error }) => [
      `task ${task}`,
      error === null ? `exit code ${exitCode}` : 'not run',
      error === null ? renderDuration(ms) : error.message,
    ]),
    ...notRun.map((task) => [`task ${task}`, 'not run', '']),
  ];
  output.note('');
  for (const line of renderTable(rows, { width: output.isTerminal ? output.width() : null }))
    output.note(line);
}

function outcomeJson({ task, exitCode, ms, error }: Outcome): object {
  return error === null
    ? { task, exitCode, ms }
    : { task, exitCode, ms, error: { code: error.code, message: error.message, hint: error.hint } };
}
