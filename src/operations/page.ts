/** The person's pager, for long output on his terminal. */

import type { Writable } from 'node:stream';
import { listSettings, settingValue } from '../git/config.ts';
import { runOnTerminal } from '../process/spawn.ts';
import { type Context, userRepository } from './context.ts';

/**
 * Runs the pager that git would run (`GIT_PAGER`, `core.pager`, `PAGER`, `less`; `PHASR_PAGER` before all) and lets `feed` write into it.
 * `feed` is told which it is. False, and nothing has happened, when the person wants none (`cat` or empty). Like git, it takes the setting as a shell line: it is the person's own.
 */
export async function pageOutput(
  context: Context,
  feed: (input: Writable, pager: string) => Promise<void>,
): Promise<boolean> {
  const { env } = context;
  const configured =
    env['PHASR_PAGER'] ?? env['GIT_PAGER'] ?? (await readCorePager(context)) ?? env['PAGER'] ?? 'less';
  const pager = configured.trim();
  if (pager === '' || pager === 'cat') return false;
  const program = {
    file: '/bin/sh',
    args: ['-c', pager],
    cwd: context.repository.startDirectory,
    env: { LESS: 'FRX', LV: '-c', ...env },
  };
  await runOnTerminal(program, (input) => feed(input, pager));
  return true;
}

async function readCorePager(context: Context): Promise<string | undefined> {
  return settingValue(await listSettings(userRepository(context)), 'core.pager');
}
