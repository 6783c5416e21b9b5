/** `phasr events`: what happens to tasks, one JSON document a line. */

import { renderVisible } from '../../base/text.ts';
import { flag, type Handler, wholeNumber, withPhasr } from '../command.ts';
import { eventJson } from '../json.ts';

const EVENT_ID_MAX = 999_999_999;

export const events: Handler = (invocation) =>
  withPhasr(invocation, async (phasr) => {
    const { options, output, signal } = invocation;
    const after = wholeNumber(options, 'after', { min: 0, max: EVENT_ID_MAX }) ?? 0;
    for await (const logged of phasr.events({ after, follow: flag(options, 'follow'), signal })) {
      if (flag(options, 'json')) {
        output.jsonLine('event', eventJson(logged));
        continue;
      }
      const { type, ...data } = logged.event;
      const at = new Date(logged.atMs).toISOString();
      output.line(`${at}  task ${logged.task}  ${type}  ${renderVisible(JSON.stringify(data))}`);
    }
    return signal.aborted ? 130 : 0;
  });
