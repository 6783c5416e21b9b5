/** What V8 has compiled of the program is kept from one call to the next, and is never more than a help. */

import { execFileSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { waitFor } from './support/wait-for.ts';
import { makeWorld, type World } from './support/world.ts';

const PROJECT = fileURLToPath(new URL('..', import.meta.url));

const folderOf = (world: World): string => join(world.home, '.phasr/code');

/** Both files are there when the first supervisor has ended. */
async function keepCode(world: World): Promise<string> {
  world.init();
  await world.ok(['run', 'x', '--', 'true']);
  return waitFor('the compiled code', () => {
    const names = readdirSync(folderOf(world));
    return names.length === 2 && names.every((name) => name.endsWith('.bin'))
      ? names.find((name) => name.startsWith('call-'))
      : undefined;
  });
}

test('the compiled program is kept at the first launch, not written again, and damaged it is made anew', async () => {
  await using world = makeWorld('code');
  const name = await keepCode(world);
  const path = join(folderOf(world), name);
  const whole = readFileSync(path);
  utimesSync(path, 1000, 1000);
  await world.ok(['run', 'y', '--', 'true']);
  expect(statSync(path).mtimeMs).toBe(1_000_000);
  const damages = [
    Buffer.alloc(0),
    Buffer.from('garbage'),
    whole.subarray(0, whole.length / 2),
    Buffer.alloc(whole.length),
  ];
  for (const damaged of damages) {
    writeFileSync(path, damaged);
    expect(await world.ok(['list'])).toContain('done');
    await world.ok(['run', 'z', '--', 'true']);
    expect(readFileSync(path).length).toBeGreaterThan(whole.length / 2 + 1);
  }
});

// Only root can give a file to somebody else.
test.skipIf(process.getuid?.() !== 0)(
  'code that somebody else has put there is not run (needs root)',
  async () => {
    await using world = makeWorld('code-owner');
    const name = await keepCode(world);
    // A program of the same length, compiled: V8 takes it for ours.
    const body = join(PROJECT, 'dist/call.cjs');
    const source = readFileSync(body, 'utf8');
    const [text, other] = [
      'launch one task for each prompt',
      'somebody else is in this program'.slice(0, 31),
    ];
    expect(source).toContain(text);
    const script = `
    const { readFileSync, writeFileSync } = require('node:fs');
    const { Script } = require('node:vm');
    const { createRequire, wrap } = require('node:module');
    const [body, path] = process.argv.slice(1);
    const script = new Script(wrap(readFileSync(0, 'utf8')));
    const module = { exports: {} };
    script.runInThisContext()(module.exports, createRequire(body), module, body, '/');
    module.exports.answerCall(['--help']).then(() => writeFileSync(path, script.createCachedData()));
  `;
    const path = join(folderOf(world), name);
    const input = source.replace(text, other);
    expect(input.length).toBe(source.length);
    execFileSync(process.execPath, ['-e', script, body, path], { input });
    // The user's own is believed, so this is a program that would be run.
    expect(await world.ok(['--help'])).toContain(other);
    chownSync(path, 65534, 65534);
    expect(await world.ok(['--help'])).toContain(text);
  },
);

test('a relative PHASR_HOME, which a repository could bring along, keeps no compiled code', async () => {
  await using world = makeWorld('code-relative');
  world.init();
  const env = { PHASR_HOME: 'brought' };
  await world.phasr(['run', 'x', '--', 'true'], { env });
  expect(existsSync(join(world.repo, 'brought/code'))).toBe(false);
});
