#!/usr/bin/env node
/**
 * `phasr`: arguments → command → exit code. The only place that ends the process.
 *
 * What is imported here at the top is loaded even for `phasr --version`, so it is next to nothing.
 */

import { PhasrError, type ErrorKind } from '../base/errors.ts';
import { renderVisible } from '../base/text.ts';
import type { CommandDeclaration } from './command.ts';
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

const NODE_MAJOR_MIN = 20;

async function main(argv: readonly string[]): Promise<number> {
  if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) {
    process.stdout.write(`${PHASR_VERSION}\n`);
    return EXIT.done;
  }
  const env = Object.fromEntries(
    Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  const { openOutput } = await import('./output.ts');
  const output = openOutput(env);
  const wantsJson = argv.slice(0, separatorOf(argv)).includes('--json');
  const interruption = watchSignals();
  try {
    const code = await callCommand(argv, { env, output, signal: interruption.signal });
    return interruption.code() ?? code;
  } catch (error) {
    return reportError(error, output, wantsJson);
  }
}

type Surroundings = {
  readonly env: Record<string, string>;
  readonly output: Output;
  readonly signal: AbortSignal;
};

/** The first Ctrl-C lets a command end properly; the second one ends it at once (every step can be taken up again). */
function watchSignals(): { readonly signal: AbortSignal; readonly code: () => number | undefined } {
  const controller = new AbortController();
  let code: number | undefined;
  const onSignal = (exitCode: number) => (): void => {
    if (code !== undefined) process.exit(exitCode);
    code = exitCode;
    controller.abort();
  };
  process.on('SIGINT', onSignal(EXIT.interrupted));
  process.on('SIGTERM', onSignal(EXIT.terminated));
  return { signal: controller.signal, code: () => code };
}

/** Everything after `--` belongs to the agent, not to us. */
function separatorOf(argv: readonly string[]): number {
  const at = argv.indexOf('--');
  return at === -1 ? argv.length : at;
}

async function callCommand(argv: readonly string[], { env, output, signal }: Surroundings): Promise<number> {
  const [{ Command, CommanderError, Option }, { COMMANDS }] = await Promise.all([
    import('commander'),
    import('./commands.ts'),
  ]);
  const separator = separatorOf(argv);
  const rest = separator === argv.length ? null : argv.slice(separator + 1);
  let exitCode: number = EXIT.done;
  const program = new Command('phasr')
    .description('Run many coding agents at once on one git repository, each in a worktree of its own.')
    .version(PHASR_VERSION, '-V, --version')
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({ outputError: () => undefined });
  program.addHelpText(
    'after',
    `\nExamples:\n${renderExamples(COMMANDS.flatMap((command) => command.examples.slice(0, 1)).slice(0, 8))}`,
  );
  // Help and suggestions need all of them; a call needs its own.
  const called = COMMANDS.filter(({ name }) => name === argv[0]);
  for (const declaration of called.length > 0 ? called : COMMANDS) {
    const command = program
      .command(`${declaration.name} ${declaration.arguments}`.trim())
      .summary(declaration.summary);
    command.description(describeCommand(declaration));
    for (const { flags, description, isRepeatable } of declaration.options) {
      const option = new Option(flags, description);
      if (isRepeatable === true)
        option.argParser((value, before: string[] | undefined) => [...(before ?? []), value]);
      command.addOption(option);
    }
    command.addHelpText('after', `\nExamples:\n${renderExamples(declaration.examples)}`);
    command.action(async (...values: unknown[]) => {
      const args = values
        .slice(0, -2)
        .flat()
        .filter((value) => typeof value === 'string');
      const handler = await declaration.load();
      exitCode = await handler({
        args,
        options: command.opts(),
        rest,
        env,
        directory: process.cwd(),
        output,
        signal,
      });
    });
  }
  try {
    await program.parseAsync(argv.slice(0, separator), { from: 'user' });
    return exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return EXIT.done;
    // With no command commander has shown the help and calls it an error; it is what a newcomer types first.
    if (error.code === 'commander.help') return argv.length === 0 ? EXIT.done : EXIT.usage;
    throw new PhasrError('usage', error.message.replace(/^error: /, ''), {
      hint: usageHint(argv, error.code),
    });
  }
}

function usageHint(argv: readonly string[], code: string): string {
  const command = argv.find((word) => /^[a-z]+$/.test(word)) ?? '';
  const help = `phasr ${command} --help`.replace(/ {2}/, ' ');
  const isDash = code === 'commander.unknownOption' && (command === 'run' || command === 'resume');
  return isDash ? `${help}   (a prompt that begins with a dash: --prompt="-…")` : help;
}

function describeCommand({ summary, details }: CommandDeclaration): string {
  const sentence = `${summary.slice(0, 1).toUpperCase()}${summary.slice(1)}.`;
  return details === '' ? sentence : `${sentence}\n\n${details}`;
}

function renderExamples(examples: readonly (readonly [string, string])[]): string {
  return examples.map(([command, what]) => `  $ ${command}\n      ${what}`).join('\n');
}

function reportError(error: unknown, output: Output, wantsJson: boolean): number {
  if (error instanceof PhasrError) {
    const { code, message, hint, details } = error;
    if (wantsJson) output.json({ code, message, hint, details });
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

if (Number(process.versions.node.split('.')[0]) < NODE_MAJOR_MIN) {
  process.stderr.write(
    `phasr: Node ${process.versions.node} is too old; Phasr needs Node ${NODE_MAJOR_MIN}.19 or newer\n`,
  );
  process.exit(EXIT.refused);
}
async function start(): Promise<void> {
  process.exitCode = await main(process.argv.slice(2));
}

void start();
