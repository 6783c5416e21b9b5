/** Which variables an agent gets, and that the values of those that are secrets are in no transcript and no record. */

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { hasSandbox } from './support/escapes.ts';
import { CLI, makeWorld, type World } from './support/world.ts';

const SECRET = 'ghp_"quoted"\\and-long-enough';
const ENV = {
  PHASR_SANDBOX: 'off',
  GITHUB_TOKEN: SECRET,
  MY_API_KEY: 'sk-0123456789',
  HARMLESS: 'harmless-value',
};

function settings(world: World, text: string): void {
  world.write('.config/phasr/config.toml', `[isolation]\n${text}\n`, world.home);
}

/** The bytes of every file below a folder, but for git's own objects, which hold an agent's work. */
function allBytes(folder: string): string {
  return readdirSync(folder)
    .map((name) => join(folder, name))
    .filter((path) => !path.endsWith('/objects'))
    .map((path) => {
      if (!existsSync(path)) return '';
      const stat = statSync(path);
      return stat.isDirectory() ? allBytes(path) : stat.isFile() ? readFileSync(path, 'latin1') : '';
    })
    .join('\n');
}

test('values of the variables that isolation.secrets names are in no transcript, record or file, as text and in JSON, also when they come in pieces', async () => {
  await using world = makeWorld('secrets');
  world.init();
  settings(world, 'secrets = ["GITHUB_TOKEN", "*_API_KEY"]');
  const script = [
    'printf "token: %s key: %s fine: %s\\n" "$GITHUB_TOKEN" "$MY_API_KEY" "$HARMLESS"',
    `node -e 'console.log(JSON.stringify({ t: process.env.GITHUB_TOKEN }))'`,
    'printf "%s" "sk-01234"; sleep 0.3; echo 56789',
    'head -c 1048570 /dev/zero | tr "\\0" x; echo "$MY_API_KEY" >&2; echo "the end is near"',
    `"${process.execPath}" "${CLI}" signal needs-input "is $MY_API_KEY right?"; sleep 0.5`,
    'echo "$HARMLESS"',
    'exit 3',
  ].join('\n');
  const task = await world.task(script, { env: ENV });
  expect(task).toMatchObject({ state: 'failed', evidence: expect.stringContaining('exit code 3') });
  const log = await world.ok(['logs', '1', '--raw']);
  const stars = '*'.repeat(SECRET.length);
  expect(log.slice(0, 200)).toContain(`token: ${stars} key: ************* fine: harmless-value\n`);
  expect(await world.ok(['events'])).toContain('is ************* right?');
  expect(log.slice(-60)).toContain('*************\nthe end is near\nharmless-value\n');
  for (const value of ['sk-0123456789', SECRET, JSON.stringify(SECRET).slice(1, -1)]) {
    expect(log.includes(value)).toBe(false);
    expect(await world.ok(['show', '1', '--json'])).not.toContain(value);
    expect(await world.ok(['events'])).not.toContain(value);
    expect(allBytes(join(world.repo, '.git')).includes(value)).toBe(false);
    expect(allBytes(join(world.home, '.phasr')).includes(value)).toBe(false);
  }
});

test("what an agent's stream says at its end is recorded without the values of secrets", async () => {
  await using world = makeWorld('secret-words');
  world.init();
  settings(world, 'secrets = ["*_API_KEY"]');
  const lines = [
    { type: 'system', subtype: 'init', session_id: 'abc', model: 'm' },
    {
      type: 'assistant',
      message: { content: [{ type: 'text', text: 'the key is sk-0123456789' }] },
      session_id: 'abc',
    },
    { type: 'result', subtype: 'success', is_error: false, session_id: 'abc' },
  ];
  world.write(
    '.config/phasr/config.toml',
    `[isolation]\nsecrets = ["*_API_KEY"]\n[agents.mine]\ncommand = ["${world.root}/mine"]\nreads = "claude"\n`,
    world.home,
  );
  world.write(
    'mine',
    `#!/bin/sh\n${lines.map((line) => `echo '${JSON.stringify(line)}'`).join('\n')}\n`,
    world.root,
  );
  const { chmodSync } = await import('node:fs');
  chmodSync(join(world.root, 'mine'), 0o755);
  const ran = await world.json(['run', 'x', '--agent', 'mine'], { env: ENV });
  expect(ran.tasks[0]).toMatchObject({ state: 'done' });
  expect(ran.tasks[0].run.report?.said).toBe('the key is *************');
});

const NAMES = 'env | cut -d= -f1 | sort > names';

test('isolation.env = [...] gives an agent the basic variables, its own and those, "all" gives all', async () => {
  await using world = makeWorld('allowed');
  world.init();
  const env = { ...ENV, LC_TIME: 'C', DATABASE_URL: 'x', AWS_PROFILE: 'y', PHASR_TEST_WORLD: world.root };
  const namesWith = async (text: string): Promise<readonly string[]> => {
    settings(world, text);
    const task = await world.task(NAMES, { env });
    return world.read('names', task.worktree).split('\n');
  };
  const all = await namesWith('env = "all"');
  expect(all).toEqual(expect.arrayContaining(['GITHUB_TOKEN', 'HARMLESS', 'PATH', 'PHASR_RUN']));
  expect(await namesWith('')).toEqual(all);
  const few = await namesWith('env = ["DATABASE_URL", "AWS_*"]');
  expect(few).toEqual(
    expect.arrayContaining([
      'PATH',
      'HOME',
      'LANG',
      'LC_TIME',
      'DATABASE_URL',
      'AWS_PROFILE',
      'PHASR_RUN',
      'PHASR_PROMPT',
    ]),
  );
  for (const name of ['GITHUB_TOKEN', 'MY_API_KEY', 'HARMLESS']) expect(few).not.toContain(name);
});

test.skipIf(!hasSandbox)(
  'in a strict sandbox an agent gets the basic variables and its own alone, unless the settings say more',
  async () => {
    await using world = makeWorld('strict-env');
    world.init();
    const env = { ...ENV, PHASR_SANDBOX: 'strict' };
    const task = await world.task(NAMES, { env });
    const names = world.read('names', task.worktree).split('\n');
    expect(names).toEqual(expect.arrayContaining(['PATH', 'HOME', 'PHASR_RUN']));
    for (const name of ['GITHUB_TOKEN', 'MY_API_KEY', 'HARMLESS']) expect(names).not.toContain(name);
    settings(world, 'env = "all"');
    const open = await world.task(NAMES, { env });
    expect(world.read('names', open.worktree).split('\n')).toContain('HARMLESS');
  },
);
