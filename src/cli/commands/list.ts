/** `phasr list`. */

import { flag, type Handler, withPhasr } from '../command.ts';
import { taskJson } from '../json.ts';
import { renderTaskTable } from '../render.ts';

export const list: Handler = (invocation) =>
  withPhasr(invocation, async (phasr) => {
    const { options, output } = invocation;
    const which = flag(options, 'all') ? 'all' : 'open';
    const isJson = flag(options, 'json');
    if (flag(options, 'watch')) {
      await (await import('../watch.ts')).watchList(invocation, phasr, { which, isJson });
      return 0;
    }
    const views = await phasr.list(which);
    if (isJson) {
      output.json('list', { tasks: views.map(taskJson) });
      return 0;
    }
    if (views.length === 0) {
      output.line(which === 'all' ? 'no tasks yet' : 'no open tasks');
      output.line('launch one: phasr run "what to do" -- your-agent');
      return 0;
    }
    for (const line of renderTaskTable(output, views, Date.now())) output.line(line);
    return 0;
  });
