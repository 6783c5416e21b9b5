/**
 * The program that lets what is behind walls reach some hosts (`gateway.ts`): `serve <socket> <hosts> [filter] -- <command>` outside, which starts the walls (and gives them the
 * terminal's filter), and behind them
 * `bridge <socket> -- <command>`, which starts the agent. Both end as their command does. People never start it.
 */

import { constants } from 'node:os';
import { openBridge, openGateway } from './gateway.ts';
import { runForeground } from './spawn.ts';
import { terminalFilter } from './terminal-filter.ts';

/** Its own network has this port free: nothing has started there before. */
const PORT = 3128;

async function main([verb, socketPath = '', ...rest]: readonly string[]): Promise<number> {
  const at = rest.indexOf('--');
  const [file = '', ...args] = rest.slice(at + 1);
  if (at === -1 || file === '') throw new Error('a gateway needs a command');
  const env = { ...process.env } as Record<string, string>;
  if (verb === 'serve') {
    const hosts = JSON.parse(rest[0] ?? '[]') as readonly string[];
    const gateway = await openGateway(socketPath, hosts, (line) => process.stderr.write(`${line}\n`));
    // The walls would fall at once; what is behind them is asked by who asks.
    const leave = (): Promise<void> => Promise.resolve();
    const behind = { passOn: leave, filter: rest[1] === 'filter' ? terminalFilter() : null };
    const end = await runForeground({ file, args, cwd: process.cwd(), env }, 'output', behind).finally(
      gateway.close,
    );
    return codeOf(end);
  }
  if (verb !== 'bridge') throw new Error(`a gateway knows no ${verb}`);
  const bridge = await openBridge(socketPath, PORT);
  const proxy = `http://127.0.0.1:${PORT}`;
  for (const name of ['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy']) env[name] = proxy;
  for (const name of ['NO_PROXY', 'no_proxy']) env[name] = 'localhost,127.0.0.1,::1';
  // Node's own fetch looks at the others only then.
  env['NODE_USE_ENV_PROXY'] = '1';
  const end = await runForeground({ file, args, cwd: process.cwd(), env }, 'output').finally(bridge.close);
  return codeOf(end);
}

function codeOf({
  exitCode,
  signal,
}: {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
}): number {
  return exitCode ?? 128 + (signal === null ? 0 : constants.signals[signal]);
}

async function run(): Promise<void> {
  process.exitCode = await main(process.argv.slice(2));
}

void run();
