/** `phasr init`. */

import type { Initialized } from '../../operations/init.ts';
import { initUserSettings } from '../../phasr.ts';
import { flag, type Handler, withPhasr } from '../command.ts';

export const init: Handler = async (invocation) => {
  const { options, output } = invocation;
  const request = { force: flag(options, 'force') };
  const written = flag(options, 'user')
    ? await initUserSettings(invocation, request)
    : await withPhasr(invocation, (phasr) => phasr.init(request));
  const next = nextStep(written);
  if (flag(options, 'json')) {
    const { path, origin, agent, agents } = written;
    output.json('init', { path, origin, agent, agents, next });
    return 0;
  }
  output.line(`wrote ${written.path}`);
  output.line(
    written.agent === null
      ? 'no known agent is in PATH; phasr agents says how to get one, and any command works as well'
      : `agents here: ${written.agents.map(({ program }) => program).join(', ')}; ${written.agent} is the default now`,
  );
  output.line(`next: ${next}`);
  return 0;
};

function nextStep({ agent }: Initialized): string {
  return agent === null ? 'phasr run "what to do" -- ./my-agent.sh' : 'phasr run "what to do"';
}
