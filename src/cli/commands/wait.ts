/** `phasr wait`. */

import type { WaitOptions } from '../../operations/wait.ts';
import type { Phasr } from '../../phasr.ts';
import { isLive } from '../../task/decide.ts';
import type { TaskId } from '../../task/names.ts';
import { duration, flag, type Handler, parseTasks, withPhasr } from '../command.ts';
import { taskJson } from '../json.ts';
import { renderStateLine } from '../render.ts';
import type { Followed } from '../watch.ts';

export const wait: Handler = (invocation) =>
  withPhasr(invocation, async (phasr) => {
    const { args, options, output, signal } = invocation;
    const ids =
      args.length > 0 || phasr.currentTask !== null
        ? parseTasks(args, phasr.currentTask)
        : (await phasr.list('open')).filter(({ task }) => isLive(task.phase)).map(({ task }) => task.id);
    const isJson = flag(options, 'json');
    const limitMs = duration(options, 'timeout');
    const isWatched = output.canRedraw && !isJson && ids.length > 0;
    const { kind, views } = isWatched
      ? await (await import('../watch.ts')).followTasks(invocation, phasr, { ids, limitMs })
      : await waitFor(phasr, ids, { limitMs, signal, onLook: null });
    if (isJson) output.json('wait', { outcome: kind, tasks: views.map(taskJson) });
    else if (views.length === 0) output.line('no task is live');
    else if (!isWatched) for (const view of views) output.line(renderStateLine(view));
    if (kind === 'timed-out' && !isJson) output.note('phasr: the time is up; the tasks go on');
    return kind === 'ended' && views.every(({ state }) => ['done', 'merged'].includes(state.name)) ? 0 : 1;
  });

async function waitFor(phasr: Phasr, ids: readonly TaskId[], options: WaitOptions): Promise<Followed> {
  const { kind } = await phasr.wait(ids, options);
  return { kind, views: await Promise.all(ids.map((id) => phasr.view(phasr.find(id)))) };
}
