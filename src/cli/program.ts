/** From words to a call of a command: which command, its options, and what is said when the words make no sense. */

import { Command, CommanderError, Option } from 'commander';
import { PhasrError } from '../base/errors.ts';
import { findNearest } from '../base/nearest.ts';
import type { CommandDeclaration, Invocation } from './command.ts';
import { COMMANDS } from './commands.ts';
import { type HelpLook, renderCommandHelp, renderOverview } from './help.ts';
import type { Output } from './output.ts';

/** What was typed: words for us, and what stands after `--` (null when there is no `--`). */
type Typed = { readonly words: readonly string[]; readonly rest: Invocation['rest'] };

type Surroundings = Pick<Invocation, 'env' | 'directory' | 'output' | 'signal' | 'leaveSignals'> & {
  readonly version: string;
};

/** On a wider terminal lines are no easier to read. */
const HELP_COLUMNS_MAX = 100;

/** Calls what the words name. Gives the exit code; throws `usage` when they make no sense. */
export async function callCommand(typed: Typed, surroundings: Surroundings): Promise<number> {
  const { words } = typed;
  if (words.length === 0 && typed.rest === null) return greet(surroundings);
  requireKnownCommand(words);
  let exitCode = 0;
  const program = buildProgram(words, surroundings, async (command, declaration) => {
    const { args, options } = command;
    const { env, directory, output, signal, leaveSignals } = surroundings;
    const handler = await declaration.load();
    exitCode = await handler({
      args,
      options,
      rest: typed.rest,
      env,
      directory,
      output,
      signal,
      leaveSignals,
    });
  });
  try {
    await program.parseAsync(words, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return 0;
    // With no command commander has shown the help and calls it an error.
    if (error.code === 'commander.help') return 2;
    const [message = ''] = error.message.split('\n');
    throw new PhasrError('usage', message.replace(/^error: /, ''), { hint: usageHint(words, error) });
  }
}

type Call = Pick<Invocation, 'args' | 'options'>;

function buildProgram(
  words: readonly string[],
  { output, version }: Pick<Surroundings, 'output' | 'version'>,
  call: (call: Call, declaration: CommandDeclaration) => Promise<void>,
): Command {
  const look = helpLook(output);
  const program = new Command('phasr')
    .version(version, '-V, --version')
    .exitOverride()
    .showSuggestionAfterError(false)
    .configureOutput({ outputError: () => undefined })
    .configureHelp({
      formatHelp: (command) => {
        const declaration = COMMANDS.find(({ name }) => name === command.name());
        return declaration === undefined
          ? renderOverview(COMMANDS, look)
          : renderCommandHelp(declaration, look);
      },
    });
  // Help needs all of them; a call needs its own.
  const called = COMMANDS.filter(({ name }) => name === words[0]);
  for (const declaration of called.length > 0 ? called : COMMANDS) {
    const command = program.command(`${declaration.name} ${declaration.arguments}`.trim());
    for (const { flags, description, isRepeatable } of declaration.options) {
      const option = new Option(flags, description);
      if (isRepeatable === true)
        option.argParser((value, before: string[] | undefined) => [...(before ?? []), value]);
      command.addOption(option);
    }
    command.action(async (...values: unknown[]) => {
      const args = values
        .slice(0, -2)
        .flat()
        .filter((value) => typeof value === 'string');
      await call({ args, options: command.opts() }, declaration);
    });
  }
  return program;
}

function helpLook({ isTerminal, color, width }: Output): HelpLook {
  return { width: isTerminal ? Math.min(HELP_COLUMNS_MAX, width()) : 80, bold: color.bold, dim: color.dim };
}

/** What a newcomer types first: in a repository the commands, elsewhere what to do before them. */
async function greet({ output, env, directory }: Surroundings): Promise<number> {
  const { findMissingRepository } = await import('../phasr.ts');
  const missing = await findMissingRepository({ directory, env });
  if (missing === undefined) {
    await output.bytes(Buffer.from(renderOverview(COMMANDS, helpLook(output))));
    return 0;
  }
  const { bold } = output.color;
  output.line('Phasr runs many coding agents at once on one git repository.');
  output.line('');
  output.line(
    bold(missing === 'no git' ? 'git is not installed, or not in PATH.' : 'You are in no git repository.'),
  );
  if (missing === 'no repository') {
    output.line('  go to one:         cd path/to/repository');
    output.line('  or make one here:  git init && git add -A && git commit -m "first commit"');
  }
  output.line('  then:              phasr run "what to do" -- your-agent');
  output.line('');
  output.line('All commands: phasr --help      Is this machine ready: phasr doctor');
  return 0;
}

/** Said here and not by commander, which knows neither what a prompt is nor the nearest command. */
function requireKnownCommand(words: readonly string[]): void {
  const names = COMMANDS.map(({ name }) => name);
  const isHelp = words[0] === 'help' && words.length > 1;
  const word = words[isHelp ? 1 : 0] ?? '';
  if (word === '' || word.startsWith('-') || word === 'help' || names.includes(word)) return;
  const nearest = findMeant(word, names);
  const shown = word.length > 60 ? `${word.slice(0, 60)}…` : word;
  throw new PhasrError('usage', `there is no command "${shown}"`, { hint: hintFor(word, nearest, isHelp) });
}

/** The only one that begins so, else the one with the fewest slips. */
function findMeant(word: string, candidates: readonly string[]): string | undefined {
  const begun = word.length < 2 ? [] : candidates.filter((candidate) => candidate.startsWith(word));
  return begun.length === 1 ? begun[0] : findNearest(word, candidates);
}

function hintFor(word: string, nearest: string | undefined, isHelp: boolean): string {
  if (nearest !== undefined) return `Did you mean: phasr ${isHelp ? `help ${nearest}` : nearest}`;
  // Several words are a prompt whose command was forgotten.
  return /\s/.test(word)
    ? 'To launch it as a task: phasr run "…" -- your-agent'
    : 'All commands: phasr --help';
}

function usageHint(words: readonly string[], { code }: CommanderError): string {
  const declaration = COMMANDS.find(({ name }) => name === words[0]);
  const help = declaration === undefined ? 'phasr --help' : `phasr ${declaration.name} --help`;
  if (code !== 'commander.unknownOption' || declaration === undefined) return help;
  const flags = declaration.options.flatMap((option) => option.flags.match(/--?[a-z][a-z-]*/g) ?? []);
  const unknown = words
    .map((word) => word.split('=')[0] ?? '')
    .find((word) => word.startsWith('-') && !flags.includes(word));
  const nearest = findMeant(unknown ?? '', flags);
  if (nearest !== undefined) return `Did you mean ${nearest}?   ${help}`;
  const takesPrompt = /prompt/.test(declaration.arguments);
  return takesPrompt ? `${help}   (a prompt that begins with a dash: --prompt="-…")` : help;
}
