/** The program of Phasr's own background processes: `supervise <common dir> <task>` and `sweep <common dir>`. People never start it. */

import { supervise, sweep } from './phasr.ts';

const [verb, commonDir, taskId] = process.argv.slice(2);
// A closed terminal or a stopped shell is no reason to leave a run; being killed is handled by whoever comes next.
for (const signal of ['SIGHUP', 'SIGINT'] as const) process.on(signal, () => undefined);

async function main(): Promise<void> {
  if (verb === 'supervise' && commonDir !== undefined && taskId !== undefined)
    return supervise(commonDir, Number(taskId));
  if (verb === 'sweep' && commonDir !== undefined) return sweep(commonDir);
  throw new Error(`unknown helper: ${process.argv.slice(2).join(' ')}`);
}

void main();
