/** What `--help` says: the first screen, and one page for each command. `docs/cli.md` is made of the same pages. */

import type { CommandDeclaration, CommandGroup, OptionDeclaration } from './command.ts';
import { cutToWidth } from './width.ts';

/** How it is to look; a document has no colours. */
export type HelpLook = {
  readonly width: number;
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
};

/** The groups in their order, with a line that shows what a person does there. */
export const GROUPS: readonly {
  readonly group: CommandGroup;
  readonly title: string;
  readonly example: string;
}[] = [
  { group: 'start', title: 'Start work', example: 'phasr run "add tax" "fix the typo" -- ./my-agent.sh' },
  { group: 'look', title: 'Look', example: 'phasr diff 2' },
  { group: 'decide', title: 'Decide', example: 'phasr merge 2-4' },
  { group: 'take back', title: 'Take back', example: 'phasr undo' },
  { group: 'go on', title: 'Go on', example: 'phasr resume 3 "also update the docs"' },
  { group: 'tools', title: 'Tools', example: 'phasr exec 2-4 -- npm test' },
];

const NAME_COLUMNS = 12;

/** `phasr --help`: one screen. */
export function renderOverview(commands: readonly CommandDeclaration[], look: HelpLook): string {
  const lines = [
    cutToWidth('Run many coding agents at once, each in a git worktree of its own.', look.width),
  ];
  for (const { group, title, example } of GROUPS) {
    const members = commands.filter((command) => command.group === group);
    if (members.length === 0) continue;
    const shown = cutToWidth(example, Math.max(10, look.width - NAME_COLUMNS - 2));
    lines.push('', `${look.bold(title.padEnd(NAME_COLUMNS))}  ${look.dim(shown)}`);
    for (const { name, summary } of members) {
      const room = Math.max(10, look.width - NAME_COLUMNS - 2);
      lines.push(`  ${name.padEnd(NAME_COLUMNS - 2)}  ${shorten(summary, room)}`);
    }
  }
  lines.push(
    '',
    ...wrap('More, with examples: phasr COMMAND --help. For scripts every one has --json.', look.width),
  );
  return `${lines.join('\n')}\n`;
}

/** A summary that is too long for its line ends at the last comma, semicolon or colon that fits; what is left out is on the command's page. */
function shorten(summary: string, room: number): string {
  if (summary.length <= room) return summary;
  const ends = [...summary.matchAll(/[,;:]/g)].map(({ index }) => index).filter((index) => index <= room);
  return cutToWidth(summary.slice(0, ends.at(-1) ?? summary.length), room);
}

/** `phasr COMMAND --help`: what it does, its options, examples. */
export function renderCommandHelp(command: CommandDeclaration, look: HelpLook): string {
  const { summary, details, examples } = command;
  const sentence = `${summary.slice(0, 1).toUpperCase()}${summary.slice(1)}.`;
  const lines = [usageLine(command), '', ...wrap(sentence, look.width)];
  for (const paragraph of details.split('\n\n')) {
    if (paragraph !== '') lines.push('', ...wrapParagraph(paragraph, look.width));
  }
  lines.push('', look.bold('Options:'), ...renderOptions([...command.options, HELP_OPTION], look.width));
  lines.push('', look.bold('Examples:'));
  for (const [example, what] of examples)
    lines.push(`  $ ${example}`, ...indent(wrap(what, look.width - 6), 6));
  return `${lines.join('\n')}\n`;
}

const HELP_OPTION: OptionDeclaration = { flags: '-h, --help', description: 'show this help' };

function usageLine(command: CommandDeclaration): string {
  const parts = ['Usage: phasr', command.name, '[options]', command.arguments, command.rest ?? ''];
  return parts.filter((part) => part !== '').join(' ');
}

function renderOptions(options: readonly OptionDeclaration[], width: number): readonly string[] {
  const column = Math.max(...options.map(({ flags }) => flags.length)) + 4;
  return options.flatMap(({ flags, description }) => {
    const [first = '', ...more] = wrap(description, Math.max(20, width - column));
    return [`  ${flags.padEnd(column - 2)}${first}`, ...indent(more, column)];
  });
}

function indent(lines: readonly string[], columns: number): readonly string[] {
  return lines.map((line) => ' '.repeat(columns) + line);
}

/** Lines that begin with a blank stay as they are (what is to be typed or pasted); the others are filled. */
function wrapParagraph(paragraph: string, width: number): readonly string[] {
  const lines: string[] = [];
  let running: string[] = [];
  const flush = (): void => {
    if (running.length > 0) lines.push(...wrap(running.join(' '), width));
    running = [];
  };
  for (const line of paragraph.split('\n')) {
    if (!line.startsWith(' ')) {
      running.push(line);
      continue;
    }
    flush();
    lines.push(line);
  }
  flush();
  return lines;
}

/** Breaks a text between words; its own line breaks are blanks. A word that is longer than a line stays whole. */
function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
