/** `phasr run`: launches tasks and watches them. */

import { renderCount, renderVisible } from '../../base/text.ts';
import type { Launched } from '../../operations/launch.ts';
import { findTerminal, type Phasr } from '../../phasr.ts';
import { flag, type Handler, type Invocation, wholeNumber, withPhasr } from '../command.ts';
import { readDrafts } from '../drafts.ts';
import { taskJson } from '../json.ts';
import { renderBase } from '../render.ts';
import { watchTasks } from '../watch.ts';

const JOBS_MAX = 1000;

export const run: Handler = async (invocation) => {
  const { options, output } = invocation;
  const request = {
    drafts: await readDrafts(invocation),
    jobs: wholeNumber(options, 'jobs', { min: 1, max: JOBS_MAX }),
    terminal: findTerminal(),
  };
  return withPhasr(invocation, async (phasr) => {
    const launched = await phasr.launch(request);
    const leftBehind = await phasr.countLeftBehind();
    if (flag(options, 'json')) return printJson(invocation, phasr, { launched, leftBehind });
    for (const base of launched.bases) output.line(renderBase(base));
    const taken = launched.tasks[0]?.carried?.count ?? 0;
    if (taken > 0) output.line(`a copy of ${renderCount(taken, 'uncommitted file')} is taken along`);
    else if (leftBehind > 0)
      output.line(`${renderCount(leftBehind, 'uncommitted file')} stay${leftBehind === 1 ? 's' : ''} behind`);
    if (request.jobs !== null)
      output.line(
        `at most ${request.jobs} run at once from now on, in all your terminals (change it with --jobs)`,
      );
    if (flag(options, 'detach')) return printDetached(invocation, launched);
    const ids = launched.tasks.map((task) => task.id);
    const exitCode = await watchTasks(invocation, phasr, ids);
    const missing = await phasr.tellMissingSandbox(ids);
    if (missing !== null) {
      output.line(`agents run without a sandbox here: ${renderVisible(missing)}`);
      output.line('  phasr doctor   (says what to do; this is said once)');
    }
    return exitCode;
  });
};

function printDetached({ output }: Invocation, { tasks }: Launched): number {
  for (const task of tasks) output.line(`task ${task.id}  ${task.branch}`);
  output.line('follow them: phasr list   or   phasr wait');
  return 0;
}

/** One document: at once with --detach, else when all have ended (or the person has seen enough). */
async function printJson(
  { options, output, signal }: Invocation,
  phasr: Phasr,
  { launched, leftBehind }: { readonly launched: Launched; readonly leftBehind: number },
): Promise<number> {
  const ids = launched.tasks.map((task) => task.id);
  const isDetached = flag(options, 'detach');
  if (!isDetached) await phasr.wait(ids, { limitMs: null, signal, onLook: null });
  const views = await Promise.all(ids.map((id) => phasr.view(phasr.find(id))));
  output.json('run', {
    bases: launched.bases,
    uncommittedFilesLeftBehind: leftBehind,
    jobs: phasr.jobs(),
    tasks: views.map(taskJson),
  });
  return isDetached || views.every(({ state }) => state.name === 'done') ? 0 : 1;
}
