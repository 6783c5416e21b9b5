/** Task files: their document and their published schema say what the check does. */

import { readFileSync } from 'node:fs';
import { type Schema, Validator } from '@cfworker/json-schema';
import { expect, test } from 'vitest';
import * as z from 'zod';
import { parseTaskFile, type TaskFileEntry } from '../task-file.ts';
import { TASK_FILE, TASKS } from './task-file-shape.ts';

const DOCS = new URL('../../../docs/', import.meta.url);

const parse = (text: string, ending = ''): Promise<readonly TaskFileEntry[]> =>
  parseTaskFile(Buffer.from(text), { path: `tasks.${ending}`, format: null });

const EXAMPLES = [
  ...readFileSync(new URL('task-files.md', DOCS), 'utf8').matchAll(/^```(yaml|toml|json)\n(.*?)^```$/gms),
];

test('the examples in the document are valid, one for each format', async () => {
  expect(EXAMPLES.map(([, format]) => format).toSorted()).toEqual(['json', 'toml', 'yaml']);
  for (const [, format, text = ''] of EXAMPLES) expect((await parse(text, format)).length).toBeGreaterThan(1);
});

/** The rules between keys, which the shapes do not have. */
function published(): object {
  return z.toJSONSchema(z.union([TASK_FILE, TASKS]), {
    io: 'input',
    override: ({ jsonSchema }) => {
      if (jsonSchema.properties?.['agent'] !== undefined) jsonSchema.not = { required: ['agent', 'command'] };
      if (jsonSchema.properties?.['prompt'] !== undefined)
        jsonSchema.oneOf = [{ required: ['prompt'] }, { required: ['prompt_file'] }];
    },
  });
}

test('the published schema is the one that files are checked with (npx vitest run src/store -u writes it anew)', async () => {
  const schema = {
    ...published(),
    title: 'Phasr task file',
    description: 'A list of tasks for phasr run --file, in YAML, TOML or JSON.',
  };
  await expect(`${JSON.stringify(schema, null, 2)}\n`).toMatchFileSnapshot(
    new URL('json/task-file.schema.json', DOCS).pathname,
  );
});

test('the published schema and the check agree on what is valid', async () => {
  const schema = JSON.parse(readFileSync(new URL('json/task-file.schema.json', DOCS), 'utf8')) as Schema;
  const byDocument = new Validator(schema, '2020-12');
  const values: readonly unknown[] = [
    [{ prompt: 'x' }],
    { tasks: [{ prompt: 'x' }] },
    {
      tasks: [
        { prompt_file: 'x', title: 't', model: 'm', base: 'b', target: 't', timeout: '5m', env: { A: '1' } },
      ],
    },
    { defaults: { command: ['x'], permission: 'yolo' }, tasks: [{ prompt: 'x', agent: 'claude' }] },
    ...EXAMPLES.filter(([, format]) => format === 'json').map(
      ([, , text = '']) => JSON.parse(text) as unknown,
    ),
    [],
    {},
    { tasks: [] },
    { tasks: 'x' },
    ['x'],
    [{}],
    [{ prompt: 'x', prompt_file: 'y' }],
    [{ prompt: '' }],
    [{ prompt: 5 }],
    [{ prompt: 'x', agent: 'a', command: ['b'] }],
    [{ prompt: 'x', agent: 'no name' }],
    [{ prompt: 'x', command: [] }],
    [{ prompt: 'x', command: 'b' }],
    [{ prompt: 'x', timeout: '2 h' }],
    [{ prompt: 'x', timeout: '0' }],
    [{ prompt: 'x', permission: 'root' }],
    [{ prompt: 'x', env: { PHASR_RUN: '1' } }],
    [{ prompt: 'x', env: { A: 1 } }],
    [{ prompt: 'x', title: 'a\nb' }],
    [{ prompt: 'x', unknown: 1 }],
    { tasks: [{ prompt: 'x' }], unknown: 1 },
    { defaults: { prompt: 'x' }, tasks: [{ prompt: 'x' }] },
    { defaults: { agent: 'a', command: ['b'] }, tasks: [{ prompt: 'x' }] },
    Array.from({ length: 501 }, () => ({ prompt: 'x' })),
  ];
  const verdicts = await Promise.all(
    values.map(async (value) => {
      const isValid = await parse(JSON.stringify(value), 'json').then(
        () => true,
        () => false,
      );
      expect(byDocument.validate(value).valid, JSON.stringify(value).slice(0, 200)).toBe(isValid);
      return isValid;
    }),
  );
  expect(verdicts.filter((isValid) => isValid)).toHaveLength(5);
});
