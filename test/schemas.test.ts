/** What `--json` prints is published, and true. Every other test that asks for JSON checks its answer against these schemas too. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { renderSchemas } from '../scripts/schemas.mjs';
import { requireValid } from './support/schemas.ts';
import { waitFor } from './support/wait-for.ts';
import { makeWorld } from './support/world.ts';

const FOLDER = fileURLToPath(new URL('../docs/json/', import.meta.url));

const parseLines = (text: string): readonly Record<string, unknown>[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

test('the published schemas are those of this version', () => {
  const published = readdirSync(FOLDER).filter((name) => name.endsWith('.schema.json'));
  const made = renderSchemas();
  expect(published.sort()).toEqual([...made.map(({ name }) => name), 'task-file.schema.json'].sort());
  for (const { name, content } of made) expect(readFileSync(join(FOLDER, name), 'utf8')).toBe(content);
});

test('every event of a life from launch to merge and discard is as its schema says, and a reader goes on where it was', async () => {
  await using world = makeWorld('events');
  world.init();
  await world.json(['run', 'one', 'two', '--', 'sh', '-c', 'echo 1 > "f$PHASR_TASK"; sleep 60 & exit 0']);
  await world.json(['show', '1']);
  await world.json(['diff', '1']);
  await world.json(['merge', '1']);
  await world.json(['discard', '2']);
  await world.json(['path', '1']);
  await waitFor('the sweeper to end', () => world.processes().length === 0);
  const events = parseLines(await world.ok(['events', '--json']));
  for (const event of events) requireValid(event, 'events');
  const types = new Set(events.map(({ type }) => type));
  for (const type of ['task.launched', 'run.ended', 'head.recorded', 'merge.completed', 'task.discarded'])
    expect(types).toContain(type);
  const last = Number(events.at(-4)?.['id']);
  expect(parseLines(await world.ok(['events', '--json', '--after', String(last)]))).toEqual(events.slice(-3));
  await world.json(['run', 'three', '--', 'echo', 'said']);
  for (const line of parseLines(await world.ok(['logs', '3', '--json']))) requireValid(line, 'logs');
});
