/** Task files: what they mean, what is wrong with them and where. */

import { expect, test } from 'vitest';
import { PhasrError } from '../../base/errors.ts';
import { parseTaskFile, type TaskFileEntry, type TaskFileFormat } from '../task-file.ts';
import type { PlainProblem } from './invalid.ts';

function parse(
  text: string | Uint8Array,
  path: string | null = 'tasks.yaml',
  format: TaskFileFormat | null = null,
): Promise<readonly TaskFileEntry[]> {
  return parseTaskFile(Buffer.from(text), { path, format });
}

/** What a person reads: the place and the message of each problem. */
async function problemsOf(
  text: string | Uint8Array,
  path: string | null = 'tasks.yaml',
): Promise<readonly string[]> {
  const error: unknown = await parse(text, path).catch((caught: unknown) => caught);
  if (!(error instanceof PhasrError))
    throw new Error(`accepted ${String(text).slice(0, 100)}: ${JSON.stringify(error)}`);
  expect([error.code, error.kind]).toEqual(['task-file-invalid', 'usage']);
  expect(error.message).not.toContain('\n');
  const problems = error.details['problems'] as readonly PlainProblem[];
  const [{ hint: _hint, message: _message, ...first } = {}] = problems;
  expect(error.details).toMatchObject(first);
  return problems.map(({ line, column, message }) => `${line}:${column} ${message}`);
}

const YAML = `
defaults:
  agent: claude
  timeout: 2h
  env: { LEVEL: "1", COLOR: "no" }
tasks:
  - prompt: fix the typo in the README
  - title: Rate limits
    prompt: |
      Add rate limits.
      Per key.
    model: opus
    permission: plan
    base: v1.4
    target: next
    env:
      LEVEL: "2"
  - prompt_file: prompts/port.md
    command: [./port.sh, --to, v2]
    timeout: 90s
`;

const TOML = `
[defaults]
agent = "claude"
timeout = "2h"
env = { LEVEL = "1", COLOR = "no" }

[[tasks]]
prompt = "fix the typo in the README"

[[tasks]]
title = "Rate limits"
prompt = """
Add rate limits.
Per key.
"""
model = "opus"
permission = "plan"
base = "v1.4"
target = "next"
[tasks.env]
LEVEL = "2"

[[tasks]]
prompt_file = "prompts/port.md"
command = ["./port.sh", "--to", "v2"]
timeout = "90s"
`;

const JSON_TEXT = JSON.stringify(
  {
    defaults: { agent: 'claude', timeout: '2h', env: { LEVEL: '1', COLOR: 'no' } },
    tasks: [
      { prompt: 'fix the typo in the README' },
      {
        title: 'Rate limits',
        prompt: 'Add rate limits.\nPer key.\n',
        model: 'opus',
        permission: 'plan',
        base: 'v1.4',
        target: 'next',
        env: { LEVEL: '2' },
      },
      { prompt_file: 'prompts/port.md', command: ['./port.sh', '--to', 'v2'], timeout: '90s' },
    ],
  },
  null,
  '\t',
);

const MEANT = [
  {
    prompt: 'fix the typo in the README',
    promptFile: null,
    title: null,
    agent: 'claude',
    command: null,
    model: null,
    permission: null,
    base: null,
    target: null,
    env: { LEVEL: '1', COLOR: 'no' },
    timeoutMs: 7_200_000,
  },
  {
    prompt: 'Add rate limits.\nPer key.\n',
    promptFile: null,
    title: 'Rate limits',
    agent: 'claude',
    command: null,
    model: 'opus',
    permission: 'plan',
    base: 'v1.4',
    target: 'next',
    env: { LEVEL: '2', COLOR: 'no' },
    timeoutMs: 7_200_000,
  },
  {
    prompt: null,
    promptFile: { path: 'lists/prompts/port.md' },
    title: null,
    agent: null,
    command: ['lists/port.sh', '--to', 'v2'],
    model: null,
    permission: null,
    base: null,
    target: null,
    env: { LEVEL: '1', COLOR: 'no' },
    timeoutMs: 90_000,
  },
];

test('the three formats say the same, by name and through a pipe, with any line ends and a byte order mark', async () => {
  for (const [path, text] of [
    ['lists/tasks.yaml', YAML],
    ['lists/tasks.YML', YAML],
    ['lists/tasks.toml', TOML],
    ['lists/tasks.json', JSON_TEXT],
    ['lists/tasks', YAML],
    ['lists/tasks', TOML],
    ['lists/tasks', JSON_TEXT],
  ] as const) {
    for (const written of [text, `\uFEFF${text}`, text.replaceAll('\n', '\r\n')]) {
      const entries = await parse(written, path);
      // Line ends inside a TOML text are the writer's.
      const plain = JSON.parse(
        JSON.stringify(entries).replaceAll(String.raw`\r\n`, String.raw`\n`),
      ) as unknown;
      expect(plain, `${path} ${written.slice(0, 20)}`).toMatchObject(MEANT);
    }
  }
  const [, , piped] = await parse(YAML, null);
  expect([piped?.promptFile?.path, piped?.command]).toEqual(['prompts/port.md', ['./port.sh', '--to', 'v2']]);
  expect(await parse('[{"prompt": "a"}, {"prompt": "b"}]', null)).toHaveLength(2);
  expect(await parse('- prompt: a\n- prompt: b\n', null)).toHaveLength(2);
  expect(await parse('# first\n[[tasks]]\nprompt = "a"\n', null)).toHaveLength(1);
  // A format that is asked for goes before the name.
  expect(await parse('[[tasks]]\nprompt = "a"', 'tasks.json', 'toml')).toHaveLength(1);
});

test('a task that names a command does not inherit the agent, and the other way round', async () => {
  const [first, second, third] = await parse(
    'defaults: { command: [sh] }\ntasks:\n- { prompt: a, agent: codex }\n- { prompt: b }\n- { prompt: c, command: [zsh] }',
  );
  expect([first?.agent, first?.command]).toEqual(['codex', null]);
  expect([second?.agent, second?.command]).toEqual([null, ['sh']]);
  expect([third?.agent, third?.command]).toEqual([null, ['zsh']]);
});

test('each mistake is named with its line, its column and what was probably meant', async () => {
  const tables: readonly (readonly [string, string, readonly string[]])[] = [
    ['tasks.yaml', '- promt: x', ['1:3 unknown key "promt"', '1:3 tasks[0] has no prompt']],
    [
      'tasks.yaml',
      'tasks:\n  - prompt: x\n    timeout: soon',
      ['3:14 tasks[0].timeout takes a duration such as "90s", "30m" or "2h", not "soon"'],
    ],
    [
      'tasks.yaml',
      'tasks:\n  - prompt: x\n    prompt_file: y',
      ['3:5 tasks[0].prompt_file and prompt exclude each other'],
    ],
    [
      'tasks.yaml',
      '- prompt: x\n  agent: a\n  command: [b]',
      ['3:3 tasks[0].command and agent exclude each other'],
    ],
    ['tasks.yaml', '- prompt: "  "', ['1:11 tasks[0].prompt takes text that is not empty, not "  "']],
    ['tasks.yaml', '- prompt:', ['1:10 tasks[0].prompt takes text that is not empty, not nothing']],
    [
      'tasks.yaml',
      '- prompt: 5\n- prompt: yes\n- fix it',
      [
        '1:11 tasks[0].prompt takes text that is not empty, not 5',
        '3:3 tasks[2] takes a table, not "fix it"',
      ],
    ],
    ['tasks.yaml', 'tasks: x', ['1:8 tasks takes a list of tasks, not "x"']],
    ['tasks.yaml', 'tasks: []', ['1:8 tasks takes a list of 1 to 500 tasks, not an empty list']],
    ['tasks.yaml', 'defaults: {}', ['1:1 tasks is missing']],
    ['tasks.yaml', '', ['1:1 the file takes a table, not nothing']],
    ['tasks.yaml', 'just words', ['1:1 the file takes a table, not "just words"']],
    [
      'tasks.yaml',
      '- prompt: x\n  env: { PHASR_RUN: "1" }',
      ['2:10 "PHASR_RUN" is no name for a variable: letters, digits and "_", not beginning with PHASR_'],
    ],
    [
      'tasks.yaml',
      '- prompt: x\n  env: { A: 1 }',
      ['2:13 tasks[0].env.A takes text; put it in quotes, not 1'],
    ],
    [
      'tasks.yaml',
      '- prompt: x\n  permission: root',
      ['2:15 tasks[0].permission takes "edit", "ask", "plan" or "yolo", not "root"'],
    ],
    [
      'tasks.yaml',
      '- prompt: x\n  command: []',
      [
        '2:12 tasks[0].command takes a program and its arguments, as in ["my-agent", "--prompt", "{prompt}"], not an empty list',
      ],
    ],
    [
      'tasks.yaml',
      '- prompt: "a\\0b"',
      ['1:11 tasks[0].prompt takes text without NUL characters, not "a\\u0000b"'],
    ],
    [
      'tasks.yaml',
      '- prompt: x\n  title: "a\\nb"',
      ['2:10 tasks[0].title takes one line of text, not "a\\nb"'],
    ],
    ['tasks.yaml', 'defaults: { prompt: x }\ntasks: [{ prompt: y }]', ['1:13 unknown key "prompt"']],
    ['tasks.yaml', '- prompt: x\n  __proto__: { agent: y }', ['2:3 unknown key "__proto__"']],
    [
      'tasks.yaml',
      '- prompt: x\n  env: { __proto__: "1", constructor: "2" }',
      ['2:10 unknown key "__proto__"'],
    ],
    [
      'tasks.yaml',
      '- prompt: x\n  toString: y\n  constructor: z',
      ['2:3 unknown key "toString"', '3:3 unknown key "constructor"'],
    ],
    ['tasks.yaml', '- prompt: x\n  prompt: y', ['2:3 "prompt" is here twice']],
    ['tasks.yaml', 'tasks:\n\t- prompt: x', ['2:1 not valid YAML: Tabs are not allowed as indentation']],
    [
      'tasks.yaml',
      '- prompt: !!js/function "x"',
      ['1:11 not valid YAML: Unresolved tag: tag:yaml.org,2002:js/function'],
    ],
    ['tasks.yaml', '- prompt: !secret x', ['1:11 not valid YAML: Unresolved tag: !secret']],
    [
      'tasks.yaml',
      '- prompt: !!binary aGk=',
      ['1:11 not valid YAML: Unresolved tag: tag:yaml.org,2002:binary'],
    ],
    ['tasks.yaml', '- prompt: *there', ['1:11 there is no &there before this']],
    ['tasks.yaml', '- &a [*a]', ['1:7 more than 32 lists and tables inside each other are too many']],
    ['tasks.yaml', '? [a]\n: b', ['1:3 a key is text; put it in quotes']],
    [
      'tasks.yaml',
      '- prompt: x\n---\n- prompt: y',
      ['2:1 a second document begins here; one file is one document'],
    ],
    [
      'tasks.toml',
      '[[tasks]]\nprompt = "x"\nprompt = "y"',
      ['3:1 not valid TOML: trying to redefine an already defined table or value'],
    ],
    [
      'tasks.toml',
      '[[tasks]]\nprompt = "x"\n[[tasks]]\nprompt = "y"\nagnet = "z"',
      ['5:1 unknown key "agnet"'],
    ],
    [
      'tasks.toml',
      '[[tasks]]\nprompt = 2026-01-01',
      ['2:10 tasks[0].prompt takes text that is not empty, not a date'],
    ],
    ['tasks.json', '[{"prompt": "x", "prompt": "y"}]', ['1:18 "prompt" is here twice']],
    [
      'tasks.json',
      '[{"prompt": "x"},]',
      [
        'null:null not valid JSON, although it is YAML: perhaps a comment, a comma too many, or other quotes than "',
      ],
    ],
    [
      'tasks.json',
      "[{'prompt': 'x'}]",
      [
        'null:null not valid JSON, although it is YAML: perhaps a comment, a comma too many, or other quotes than "',
      ],
    ],
    ['tasks.json', '[{"prompt": "x"}', ['1:17 not valid JSON: Flow sequence must end with a ]']],
    [
      'tasks.json',
      '{\n\t"tasks": [\n\t\t{ "prompt": "x", "tite": "y" }\n\t]\n}',
      ['3:20 unknown key "tite"'],
    ],
  ];
  for (const [path, text, problems] of tables) expect(await problemsOf(text, path), text).toEqual(problems);
});

test('a mistake names what was probably meant, and the message counts the other mistakes', async () => {
  const error: unknown = await parse('- promt: x\n  agnet: y').catch((caught: unknown) => caught);
  expect(error).toMatchObject({
    message: 'tasks.yaml:1:3: unknown key "promt" (and 2 more)',
    hint: 'did you mean prompt?',
  });
  expect(await parse('- prompt: x\n  agnet: y').catch((caught: unknown) => caught)).toMatchObject({
    message: 'tasks.yaml:2:3: unknown key "agnet"',
    hint: 'did you mean agent?',
    details: { file: 'tasks.yaml', line: 2, column: 3, key: 'tasks[0].agnet' },
  });
  expect(await parse('- promt: x', null).catch((caught: unknown) => caught)).toMatchObject({
    message: 'standard input:1:3: unknown key "promt" (and 1 more)',
  });
});

test('what is no text, too large, too deep or repeats itself without end is refused at once', async () => {
  expect(await problemsOf(Buffer.from([0xff, 0xfe, 0x41, 0]))).toEqual([
    'null:null this is UTF-16, not UTF-8',
  ]);
  expect(await problemsOf(Buffer.from([0x61, 0xe9, 0x61]))).toEqual(['null:null this is not UTF-8 text']);
  expect(await problemsOf('a\0b')).toEqual(['null:null this is no text: it has NUL bytes']);
  expect(await problemsOf('#'.repeat(4 * 1024 * 1024 + 1))).toEqual(['null:null it is larger than 4096 KiB']);
  expect(await problemsOf('- prompt: x\n'.repeat(501))).toEqual(['null:null 501 tasks are more than 500']);
  expect(await parse('- prompt: x\n'.repeat(500))).toHaveLength(500);
  // Without the limit on words and signs this one takes 16 seconds and 900 MB.
  expect(await problemsOf('- x\n'.repeat(1_000_000))).toEqual([
    'null:null more than 200000 words and signs are too many',
  ]);
  expect(await problemsOf('['.repeat(2_000_000))).toEqual([
    'null:null more than 32 lists and tables inside each other are too many',
  ]);
  expect(await problemsOf('['.repeat(2_000_000), 'tasks.toml')).toHaveLength(1);
  const nines = (name: string): string => `[${Array.from({ length: 9 }, () => name).join(', ')}]`;
  const bomb = `a: &a ${nines('x')}\nb: &b ${nines('*a')}\nc: &c ${nines('*b')}\nd: &d ${nines('*c')}\ne: &e ${nines('*d')}\nf: ${nines('*e')}\n`;
  expect(await problemsOf(bomb)).toContainEqual(expect.stringMatching(/^\d+:\d+ more than 1000 aliases/));
  expect(await problemsOf(`a: &a [${'x, '.repeat(1000)}]\nb: [${'*a, '.repeat(200)}]`)).toContainEqual(
    expect.stringMatching(/^1:\d+ more than 100000 values are too many$/),
  );
  expect(await problemsOf(`a: &a x\nb:\n${'  - *a\n'.repeat(1001)}`)).toEqual([
    '1003:5 more than 1000 aliases (*name) are too many',
  ]);
});
