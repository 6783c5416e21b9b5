/** `phasr list`. */

import { flag, type Handler, withPhasr } from '../command.ts';
import { taskJson } from '../json.ts';
import { renderTaskTable } from '../render.ts';

export const list: Handler = (invocation) =>
  withPhasr(invocation, async (phasr) => {
    const { options, output } = invocation;
    const views = await phasr.list(flag(options, 'all') ? 'all' : 'open');
    if (flag(options, 'json')) {
      output.json({ tasks: views.map(taskJson) });
      return 0;
    }
    if (views.length === 0) {
      output.line(flag(options, 'all') ? 'no tasks yet' : 'no open tasks');
      output.line('launch one: phasr run "what to do" -- your-agent');
      return 0;
    }
    for (const line of renderTaskTable(output, views, Date.now())) output.line(line);
    return 0;
  });
