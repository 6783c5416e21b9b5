/** One call of `phasr`: arguments → command → exit code. */

import { asStorageFailure, PhasrError, type ErrorKind } from '../base/errors.ts';
import { renderVisible } from '../base/text.ts';
import type { Output } from './output.ts';

declare const PHASR_VERSION: string;

const EXIT = { done: 0, refused: 1, usage: 2, bug: 70, interrupted: 130, terminated: 143 } as const;

const EXIT_OF_KIND: Readonly<Record<ErrorKind, number>> = {
  usage: EXIT.usage,
  'not-found': EXIT.refused,
  refused: EXIT.refused,
  environment: EXIT.refused,
  corrupt: EXIT.refused,
};

/** Does what the arguments ask for. Gives the exit code; 70 is a bug of ours. */
export async function answerCall(argv: readonly string[]): Promise<number> {
  const env = Object.fromEntries(
    Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  if (argv[0] === 'complete' && argv[1] === '--') return complete(argv.slice(2), env);
  const { openOutput } = await import('./output.ts');
  const output = openOutput(env);
  // Everything after `--` belongs to the agent, not to us.
  const at = argv.indexOf('--');
  const separator = at === -1 ? argv.length : at;
  const rest = at === -1 ? null : argv.slice(at + 1);
  const wantsJson = argv.slice(0, separator).includes('--json');
  const interruption = watchSignals();
  try {
    const { callCommand } = await import('./program.ts');
    const surroundings = { env, directory: process.cwd(), output, version: PHASR_VERSION, ...interruption };
    const code = await callCommand({ words: argv.slice(0, separator), rest }, surroundings);
    return interruption.code() ?? code;
  } catch (error) {
    return reportError(error, output, wantsJson);
  }
}

/** Somebody waits with his finger on the TAB key. */
const COMPLETION_MS_MAX = 3000;

/** For the shells' completion scripts. Whatever goes wrong, nothing is said and the exit code is 0. */
async function complete(words: readonly string[], env: Record<string, string>): Promise<number> {
  process.stdout.on('error', () => process.exit(EXIT.done));
  setTimeout(() => process.exit(EXIT.done), COMPLETION_MS_MAX).unref();
  const { answerCompletion } = await import('./complete.ts');
  process.stdout.write(await answerCompletion(words, { env, directory: () => process.cwd() }));
  return EXIT.done;
}

type Interruption = {
  readonly signal: AbortSignal;
  /** The exit code that a signal asks for, undefined when none came. */
  readonly code: () => number | undefined;
  /** While `work` goes on, signals are the business of the program that it has put on the terminal. */
  readonly leaveSignals: <T>(work: () => Promise<T>) => Promise<T>;
};

/** The first Ctrl-C lets a command end properly; the second one ends it at once (every step can be taken up again). */
function watchSignals(): Interruption {
  const controller = new AbortController();
  let code: number | undefined;
  let isLeft = false;
  const onSignal = (exitCode: number) => (): void => {
    if (isLeft) return;
    if (code !== undefined) process.exit(exitCode);
    code = exitCode;
    controller.abort();
  };
  process.on('SIGINT', onSignal(EXIT.interrupted));
  process.on('SIGTERM', onSignal(EXIT.terminated));
  return {
    signal: controller.signal,
    code: () => code,
    leaveSignals: async (work) => {
      isLeft = true;
      try {
        return await work();
      } finally {
        isLeft = false;
      }
    },
  };
}

function reportError(thrown: unknown, output: Output, wantsJson: boolean): number {
  const error = asStorageFailure(thrown);
  if (error instanceof PhasrError) {
    const { code, message, hint, details } = error;
    if (wantsJson) output.json('error', { code, message, hint, details });
    else output.note(`phasr: ${renderVisible(message)}\n  ${renderVisible(hint)}`);
    return EXIT_OF_KIND[error.kind];
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  output.note(
    `phasr: this is a bug in Phasr ${PHASR_VERSION} (Node ${process.version}, ${process.platform})`,
  );
  output.note(
    `${stack}\n\nPlease report it with the lines above. Tasks and branches are not affected: phasr list`,
  );
  return EXIT.bug;
}
