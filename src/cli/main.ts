#!/usr/bin/env node
/** `phasr`. What is imported here is read even for `phasr --version`: everything else is in a file of its own. */

import { loadCompiled } from '../code-cache.ts';
import type * as call from './call.ts';

declare const PHASR_VERSION: string;

const NODE_MAJOR_MIN = 20;

async function main(argv: readonly string[]): Promise<number> {
  if (Number(process.versions.node.split('.')[0]) < NODE_MAJOR_MIN) {
    process.stderr.write(
      `phasr: Node ${process.versions.node} is too old; Phasr needs Node ${NODE_MAJOR_MIN}.19 or newer\n`,
    );
    return 1;
  }
  if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) {
    process.stdout.write(`${PHASR_VERSION}\n`);
    return 0;
  }
  const { exports, keep } = loadCompiled<typeof call>('call', __filename);
  const code = await exports.answerCall(argv);
  // A launch writes into the user's folder anyway.
  if (argv[0] === 'run') keep();
  return code;
}

async function start(): Promise<void> {
  process.exitCode = await main(process.argv.slice(2));
}

void start();
