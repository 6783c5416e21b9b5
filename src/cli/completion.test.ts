import { expect, test } from 'vitest';
import type { Task } from '../task/task.ts';
import type { CommandDeclaration } from './command.ts';
import { COMMANDS } from './commands.ts';
import { completeWords, renderCompletion, type Sources } from './completion.ts';

/** As far as completion reads it. */
function task(id: number, kind: string, title = `task ${id}`): Task {
  return { id, title, phase: { kind }, directory: kind === 'queued' ? null : {} } as unknown as Task;
}

const TASKS = [
  { task: task(1, 'idle'), state: 'done' },
  { task: task(2, 'running'), state: 'running' },
  { task: task(10, 'idle'), state: 'failed' },
  { task: task(11, 'queued'), state: 'queued' },
] as const;

const SOURCES: Sources = {
  commands: COMMANDS,
  glimpse: async () => ({
    tasks: TASKS,
    names: async (of) => (of === 'tags' ? ['v1.4'] : ['feature/one', 'main', 'phasr/task-1-x']),
    made: ({ id }, of) => (of === 'tags' ? [`v${id}`] : []),
  }),
  agents: async () => [{ value: 'claude', description: 'Claude Code' }],
  permissions: ['edit', 'plan'],
  editors: () => ['vim'],
};

async function values(line: readonly string[], sources = SOURCES): Promise<unknown> {
  const completion = await completeWords(line, sources);
  return completion === 'files' ? completion : completion.map(({ value }) => value);
}

test('the first word is a command, with what it does', async () => {
  expect(await values([''])).toEqual([...COMMANDS.map(({ name }) => name), 'help']);
  expect(await values(['me'])).toEqual(['merge']);
  expect(await values(['help', 'me'])).toEqual(['merge']);
  expect(await values(['--v'])).toEqual(['--version']);
  expect(await values([])).toEqual(await values(['']));
  expect(await completeWords(['disc'], SOURCES)).toEqual([
    { value: 'discard', description: expect.stringContaining('give tasks up') as string },
  ]);
  expect(await values(['nonsense', ''])).toEqual([]);
});

test('tasks are those that the command would not refuse', async () => {
  expect(await values(['show', ''])).toEqual(['1', '2', '10', '11']);
  expect(await values(['merge', ''])).toEqual(['1', '10']);
  expect(await values(['discard', ''])).toEqual(['1', '10']);
  expect(await values(['resume', ''])).toEqual(['1', '10']);
  expect(await values(['stop', ''])).toEqual(['2', '11']);
  expect(await values(['wait', ''])).toEqual(['2', '11']);
  expect(await values(['exec', ''])).toEqual(['1', '2', '10']);
  expect(await values(['open', '1'])).toEqual(['1', '10']);
  expect(renderCompletion(await completeWords(['merge', ''], SOURCES))).toBe(
    '1\tdone: task 1\n10\tfailed: task 10\n',
  );
});

test('a task that is named already is not offered again, and a list goes on after its comma', async () => {
  expect(await values(['merge', '1', ''])).toEqual(['10']);
  expect(await values(['merge', '1-5', ''])).toEqual(['10']);
  expect(await values(['merge', '-s', 'squash', '10', ''])).toEqual(['1']);
  expect(await values(['merge', '1,'])).toEqual(['1,10']);
  expect(await values(['show', '1', ''])).toEqual(['--json', '--help']);
});

test('options are offered once, and their values by name, in the same word or the next', async () => {
  expect(await values(['merge', '-'])).toEqual(['--strategy', '--into', '--json', '--help']);
  expect(await values(['merge', '1', '-s', 'squash', '--json', '--'])).toEqual(['--into', '--help']);
  expect(await values(['run', '-p', 'x', '--pr'])).toEqual(['--prompt']);
  expect(await values(['merge', '--strategy', 's'])).toEqual(['squash']);
  expect(await values(['merge', '-s', ''])).toEqual(['merge', 'squash', 'rebase']);
  expect(await values(['merge', '--strategy=s'])).toEqual(['--strategy=squash']);
  expect(await values(['merge', '--into', ''])).toEqual(['feature/one', 'main']);
  expect(await values(['run', '--base', ''])).toEqual(['feature/one', 'main', 'v1.4', 'phasr/task-1-x']);
  expect(await values(['run', 'x', '-b', 'v'])).toEqual(['v1.4']);
  expect(await values(['run', '--timeout', ''])).toEqual([]);
  expect(await values(['open', '--editor', ''])).toEqual(['vim']);
  expect(await values(['run', '--file', ''])).toBe('files');
  expect(await values(['run', '-F', 'tasks', '--format=t'])).toEqual(['--format=toml']);
  expect(await values(['list', ''])).toEqual(['--all', '--watch', '--json', '--help']);
  // Whatever command declares them.
  const commands: readonly CommandDeclaration[] = COMMANDS.map((command) => ({
    ...command,
    options: [
      ...command.options,
      ...['--agent <name>', '--permission <name>'].map((flags) => ({ flags, description: '' })),
    ],
  }));
  expect(await values(['run', '--agent', 'c'], { ...SOURCES, commands })).toEqual(['claude']);
  expect(await values(['resume', '1', '--permission=p'], { ...SOURCES, commands })).toEqual([
    '--permission=plan',
  ]);
});

test('prompts are not completed, paths are files, and what follows -- is left to the shell', async () => {
  expect(await values(['run', ''])).toEqual([]);
  expect(await values(['resume', '1', ''])).toEqual([]);
  expect(await values(['diff', '1', ''])).toBe('files');
  expect(await values(['diff', '1', 'a', ''])).toBe('files');
  expect(await values(['exec', '1', '--', ''])).toEqual([]);
  expect(renderCompletion('files')).toBe(':files\n');
});

test('outside a repository there are commands and options', async () => {
  const nowhere: Sources = { ...SOURCES, glimpse: async () => undefined };
  expect(await values(['mer'], nowhere)).toEqual(['merge']);
  expect(await values(['merge', '--s'], nowhere)).toEqual(['--strategy']);
  expect(await values(['merge', ''], nowhere)).toEqual([]);
  expect(await values(['run', '--base', ''], nowhere)).toEqual([]);
});

test('words may come with the quotes they were typed with, open ones too', async () => {
  expect(await values(['run', '"a b"', '--base', '"fea'])).toEqual(['feature/one']);
  expect(await values(['run', String.raw`a\ b`, "--base='fea"])).toEqual(['--base=feature/one']);
  expect(await values(['show', "''"])).toEqual(['1', '2', '10', '11']);
});

test('a title cannot break out of its line, and a name that hides something is not offered', async () => {
  const title = 'one\n99\tevil\r\u0000\u001B[2J \u202E $(touch x) `y` : ' + 'long '.repeat(100);
  const hostile: Sources = {
    ...SOURCES,
    glimpse: async () => ({
      tasks: [{ task: task(7, 'idle', title), state: 'done' }],
      names: async () => ['plain', 'hid\u202Eden', 'two words', ':files', 'a\tb'],
      made: () => [],
    }),
  };
  const lines = renderCompletion(await completeWords(['merge', ''], hostile));
  expect(lines).toMatch(
    /^7\tdone: one\\n99\\tevil\\r\\x00\\e\[2J \\u\{202e\} \$\(touch x\) `y` : [^\n\t]{0,60}…\n$/,
  );
  expect(await values(['run', '--base', ''], hostile)).toEqual(['plain', 'plain']);
});
