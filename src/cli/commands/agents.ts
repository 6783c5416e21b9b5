/** `phasr agents`. */

import { listAgents } from '../../phasr.ts';
import { flag, type Handler } from '../command.ts';
import { renderTable } from '../output.ts';

export const agents: Handler = async ({ env, directory, options, output }) => {
  const found = await listAgents({ env, directory });
  if (flag(options, 'json')) {
    output.json('agents', { agents: found });
    return 0;
  }
  const here = found.filter(({ path }) => path !== null);
  const missing = found.filter(({ path }) => path === null);
  const width = output.isTerminal ? output.width() : null;
  if (here.length > 0) {
    output.line(output.color.bold('here'));
    const rows = here.map(({ name, title, permissionNote }) => [
      `  ${title}`,
      `phasr run "…" --agent ${name}`,
      permissionNote ?? '',
    ]);
    for (const line of renderTable(rows, { width })) output.line(line);
  }
  if (missing.length > 0) {
    output.line(output.color.bold('not found in PATH'));
    for (const line of renderTable(
      missing.map(({ title, name, install }) => [`  ${title}`, name, install]),
      { width },
    ))
      output.line(line);
  }
  output.line('Any other command works as well: phasr run "…" -- ./my-agent.sh');
  return 0;
};
