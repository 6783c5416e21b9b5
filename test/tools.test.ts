/** What helps a person around his tasks: the first screen, the reference, and small commands beside the main ones. */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { COMMANDS } from '../src/cli/commands.ts';
import { GROUPS } from '../src/cli/help.ts';
import { renderReference } from '../src/cli/reference.ts';
import { makeWorld } from './support/world.ts';

const CLI_REFERENCE = fileURLToPath(new URL('../docs/cli.md', import.meta.url));

test('the first screen is one screen of 80 columns: every command in its group, with an example for each group', async () => {
  await using world = makeWorld('first-screen');
  world.init();
  const screen = await world.ok(['--help']);
  expect(await world.ok([])).toBe(screen);
  expect(await world.ok(['help'])).toBe(screen);
  const lines = screen.split('\n');
  expect(lines.length).toBeLessThanOrEqual(42);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
  for (const { group, title, example } of GROUPS) {
    const at = lines.findIndex((line) => line.startsWith(title));
    expect(lines[at]).toContain(example);
    const members = COMMANDS.filter((command) => command.group === group).map(({ name }) => name);
    expect(lines.slice(at + 1, at + 1 + members.length).map((line) => line.trim().split(' ')[0])).toEqual(
      members,
    );
    // An example is of a command that is there.
    expect(COMMANDS.map(({ name }) => name)).toContain(example.split(' ')[1]);
  }
});

test('phasr alone outside a repository says what to do', async () => {
  await using world = makeWorld('outside');
  const ran = await world.phasr([], { cwd: world.home });
  expect(ran).toMatchObject({ code: 0, stderr: '' });
  for (const said of ['You are in no git repository', 'git init', 'phasr run', 'phasr doctor'])
    expect(ran.stdout).toContain(said);
});

test.each([
  [['lst'], 'there is no command "lst"', 'Did you mean: phasr list'],
  [['help', 'disc'], 'there is no command "disc"', 'Did you mean: phasr help discard'],
  [
    ['fix the typo'],
    'there is no command "fix the typo"',
    'To launch it as a task: phasr run "…" -- your-agent',
  ],
  [['bananas'], 'there is no command "bananas"', 'All commands: phasr --help'],
  [['list', '--jsn'], "unknown option '--jsn'", 'Did you mean --json?   phasr list --help'],
  [['run', '--promt=x'], "unknown option '--promt=x'", 'Did you mean --prompt?   phasr run --help'],
])('a mistyped word is named, and what is nearest to it: %j', async (args, message, hint) => {
  await using world = makeWorld('mistyped');
  world.init();
  expect(await world.phasr(args)).toMatchObject({
    code: 2,
    stdout: '',
    stderr: `phasr: ${message}\n  ${hint}\n`,
  });
});

test('docs/cli.md is what the declarations say (npm run docs), and what --help prints', async () => {
  await using world = makeWorld('reference');
  world.init();
  const reference = readFileSync(CLI_REFERENCE, 'utf8');
  expect(reference).toBe(renderReference());
  for (const { name } of COMMANDS) {
    const help = await world.ok([name, '--help']);
    expect(reference).toContain(`### phasr ${name}\n\n\`\`\`text\n${help}\`\`\`\n`);
  }
});
