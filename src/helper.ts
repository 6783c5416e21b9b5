/** The program of Phasr's own background processes. People never start it. */

import type * as background from './background.ts';
import { loadCompiled } from './code-cache.ts';

// A closed terminal or a stopped shell is no reason to leave a run; being killed is handled by whoever comes next.
for (const signal of ['SIGHUP', 'SIGINT'] as const) process.on(signal, () => undefined);

async function main(): Promise<void> {
  const { exports, keep } = loadCompiled<typeof background>('background', __filename);
  await exports.workInBackground(process.argv.slice(2));
  keep();
}

void main();
