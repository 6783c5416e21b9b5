/** `phasr wait`. */

import { isLive } from '../../task/decide.ts';
import { duration, flag, type Handler, parseTasks, withPhasr } from '../command.ts';
import { taskJson } from '../json.ts';
import { openLiveView } from '../live.ts';

export const wait: Handler = (invocation) =>
  withPhasr(invocation, async (phasr) => {
    const { args, options, output, signal } = invocation;
    const ids =
      args.length > 0 || phasr.currentTask !== null
        ? parseTasks(args, phasr.currentTask)
        : (await phasr.list('open')).filter(({ task }) => isLive(task.phase)).map(({ task }) => task.id);
    const outcome = await phasr.wait(ids, { limitMs: duration(options, 'timeout'), signal, onLook: null });
    const views = await Promise.all(ids.map((id) => phasr.view(phasr.find(id))));
    if (flag(options, 'json')) output.json({ outcome: outcome.kind, tasks: views.map(taskJson) });
    else if (views.length === 0) output.line('no task is live');
    else openLiveView({ ...output, isTerminal: false }).show(views, () => '');
    if (outcome.kind === 'timed-out' && !flag(options, 'json'))
      output.note('phasr: the time is up; the tasks go on');
    return outcome.kind === 'ended' && views.every(({ state }) => ['done', 'merged'].includes(state.name))
      ? 0
      : 1;
  });
