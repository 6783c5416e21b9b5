/** What is published: it installs without a compiler or scripts, runs, and has types that resolve. */

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeWorld } from './support/world.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const bin = (name: string): string => join(ROOT, 'node_modules/.bin', name);

let packed = '';
let tarball = '';

beforeAll(() => {
  packed = mkdtempSync(join(tmpdir(), 'packed-'));
  // Without scripts: `prepack` would build again under the hands of the other tests.
  execFileSync('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', packed], { cwd: ROOT });
  tarball = join(packed, readdirSync(packed)[0] ?? '');
});

afterAll(() => rmSync(packed, { recursive: true, force: true }));

test('the packed tarball installs without scripts and without a compiler, and the program and the library run', async () => {
  await using world = makeWorld('package');
  world.init();
  const listing = execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' }).split('\n');
  expect(listing).toEqual(
    expect.arrayContaining([
      'package/dist/background.cjs',
      'package/dist/call.cjs',
      'package/dist/cli.cjs',
      'package/dist/helper.cjs',
      'package/dist/index.js',
      'package/dist/settings-file.cjs',
      'package/dist/task-file.cjs',
      'package/LICENSE',
      'package/README.md',
    ]),
  );
  expect(listing.filter((name) => /\.(?:ts|map)$/.test(name) && !name.endsWith('.d.ts'))).toEqual([]);

  const app = join(world.root, 'app');
  mkdirSync(app);
  writeFileSync(join(app, 'package.json'), '{"type":"module","private":true}');
  execFileSync(
    'npm',
    ['install', '--silent', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', tarball],
    { cwd: app },
  );
  const phasr = join(app, 'node_modules/.bin/phasr');
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  expect((await world.program(phasr, ['--version'])).stdout).toBe(`${version}\n`);
  const ran = await world.program(phasr, ['run', 'x', '--json', '--', 'sh', '-c', 'echo 1 > one']);
  expect((JSON.parse(ran.stdout) as { tasks: { state: string }[] }).tasks[0]?.state).toBe('done');

  writeFileSync(
    join(app, 'use.mjs'),
    `import { openPhasr, PhasrError } from 'phasr';
     const phasr = await openPhasr({ directory: process.argv[2] });
     const agent = { kind: 'command', command: ['sh', '-c', 'echo 2 > two'] };
     const { tasks } = await phasr.launch({ drafts: [{ prompt: 'from the library', title: null, agent, base: null, target: null, timeoutMs: null, withChanges: false, env: {} }], jobs: null, terminal: null });
     await phasr.wait(tasks.map((task) => task.id), { limitMs: 60_000, signal: null, onLook: null });
     const outcome = await phasr.merge(tasks[0].id, { strategy: 'squash', into: null });
     const error = await phasr.diff(99, { withCarried: false }).catch((caught) => caught);
     console.log(JSON.stringify([outcome.kind, error instanceof PhasrError, error.code]));
     const settings = await phasr.settings();
     console.log(settings.model.value, settings.model.origin);
     phasr.close();`,
  );
  world.write('phasr.toml', 'model = "small"\n');
  // What the README shows is compiled against the published types.
  const [, example = ''] =
    /```js\n(import[^]*?)```/.exec(readFileSync(join(ROOT, 'README.md'), 'utf8')) ?? [];
  expect(example).toContain('openPhasr');
  writeFileSync(join(app, 'readme.mts'), example.replaceAll('tasks[0].id', 'tasks[0]!.id'));
  const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2023', '--skipLibCheck'];
  const compiled = spawnSync(bin('tsc'), [...options, '--types', '', 'readme.mts'], {
    cwd: app,
    encoding: 'utf8',
  });
  expect(compiled.stdout.replaceAll(/^.*(?:console|node:stream).*\n/gm, '')).toBe('');
  const used = await world.program(process.execPath, [join(app, 'use.mjs'), world.repo]);
  expect(`${used.stdout}${used.stderr}`).toBe('["merged",true,"task-not-found"]\nsmall repository\n');
});

test('publint and attw find nothing wrong with the package', () => {
  const published = spawnSync(bin('publint'), ['run', tarball, '--strict'], { cwd: ROOT, encoding: 'utf8' });
  expect(published.status, published.stdout).toBe(0);
  const typed = spawnSync(bin('attw'), [tarball, '--profile', 'esm-only', '--no-color'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  expect(typed.status, typed.stdout).toBe(0);
});

test('every package that is bundled has its licence in the package', () => {
  const licences = readFileSync(join(ROOT, 'dist/THIRD-PARTY-LICENCES.txt'), 'utf8');
  for (const name of ['commander', 'picocolors', '@sindresorhus/transliterate', 'smol-toml', 'yaml', 'zod'])
    expect(licences).toContain(`${name} `);
});
