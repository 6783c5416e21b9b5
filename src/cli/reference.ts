/** The text of `docs/cli.md`: what `--help` says of every command, in one document. */

import { COMMANDS } from './commands.ts';
import { GROUPS, renderCommandHelp, renderOverview } from './help.ts';

/** As on a terminal of 80 columns without colours, so that it is byte for byte what `phasr COMMAND --help` prints into a pipe. */
const LOOK = { width: 80, bold: (text: string) => text, dim: (text: string) => text };

/** Markdown, closing with a newline. */
export function renderReference(): string {
  const chapters = GROUPS.flatMap(({ group, title }) => {
    const members = COMMANDS.filter((command) => command.group === group);
    const pages = members.map(
      (command) => `### phasr ${command.name}\n\n${block(renderCommandHelp(command, LOOK))}`,
    );
    return pages.length === 0 ? [] : [`## ${title}`, ...pages];
  });
  return `${[
    '# Commands',
    'Made from the declarations in `src/cli/commands.ts` by `npm run docs`; the same text as `phasr COMMAND --help`.',
    block(renderOverview(COMMANDS, LOOK)),
    ...chapters,
  ].join('\n\n')}\n`;
}

function block(text: string): string {
  return `\`\`\`text\n${text}\`\`\``;
}
