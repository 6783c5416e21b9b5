#!/usr/bin/env node
/** `phasr`. What is imported here is read even for `phasr --version`: everything else is in a file of its own. */

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
  const { answerCall } = await import('./call.ts');
  return answerCall(argv);
}

async function start(): Promise<void> {
  process.exitCode = await main(process.argv.slice(2));
}

void start();
