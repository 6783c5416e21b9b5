/** Settings as a person and a script meet them: `phasr init`, `phasr config`, and what a broken file stops and does not stop. */

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { waitFor } from './support/wait-for.ts';
import { makeWorld, type World } from './support/world.ts';

const PROJECT = fileURLToPath(new URL('..', import.meta.url));

/** A PATH with git and these agents, and nothing else. */
function pathWith(world: World, ...agents: readonly string[]): string {
  const bin = join(world.root, `bin-${agents.join('-')}`);
  mkdirSync(bin);
  symlinkSync(execFileSync('sh', ['-c', 'command -v git'], { encoding: 'utf8' }).trim(), join(bin, 'git'));
  for (const agent of agents) {
    writeFileSync(join(bin, agent), '#!/bin/sh\n');
    chmodSync(join(bin, agent), 0o755);
  }
  return bin;
}

type Config = Record<string, { readonly value: unknown; readonly origin: string }> & {
  readonly files: readonly { readonly origin: string; readonly path: string; readonly exists: boolean }[];
};

async function config(world: World, options: Parameters<World['ok']>[1] = {}): Promise<Config> {
  return JSON.parse(await world.ok(['config', '--json'], options)) as Config;
}

test('init writes a valid file at the top of the worktree, names the first agent that is here, and says what to type next', async () => {
  await using world = makeWorld('init');
  world.init();
  const env = { PATH: pathWith(world, 'codex', 'gemini') };
  const said = await world.ok(['init'], { cwd: join(world.repo, 'src'), env });
  expect(said).toBe(
    `wrote ${world.repo}/phasr.toml\nagents here: codex, gemini; codex is the default now\nnext: phasr run "what to do"\n`,
  );
  expect(world.read('phasr.toml')).toMatch(/^agent = "codex"$/m);
  expect(statSync(join(world.repo, 'phasr.toml')).mode & 0o444).toBe(0o444);
  expect((await config(world))['agent']).toEqual({ value: 'codex', origin: 'repository' });
  expect(world.git(['status', '--porcelain'])).toBe('?? phasr.toml');
  expect([world.has('.git/phasr'), world.has('.phasr', world.home)]).toEqual([false, false]);

  const without = await world.ok(['init', '--force'], { env: { PATH: pathWith(world) } });
  expect(without).toContain('no known agent is in PATH; phasr agents says how to get one');
  expect(without).toContain('next: phasr run "what to do" -- ./my-agent.sh');
  expect((await config(world))['agent']).toEqual({ value: null, origin: 'default' });
});

test('init never overwrites a file, a link or a directory unless it is told to, and then replaces the link and not what it leads to', async () => {
  await using world = makeWorld('init-again');
  world.init();
  world.write('phasr.toml', 'model = "mine"\n');
  const refused = await world.phasr(['init']);
  expect([refused.code, refused.stderr]).toEqual([
    1,
    'phasr: phasr.toml is already there\n  See what it says: phasr config   Replace it: phasr init --force\n',
  ]);
  expect(await world.json(['init'])).toMatchObject({ code: 'settings-exist' });
  expect(world.read('phasr.toml')).toBe('model = "mine"\n');
  await world.ok(['init', '--force']);
  expect(world.read('phasr.toml')).toContain('[limits]');

  world.write('precious.toml', 'model = "precious"\n');
  execFileSync('ln', ['-sf', 'precious.toml', join(world.repo, 'phasr.toml')]);
  expect((await world.phasr(['init'])).code).toBe(1);
  await world.ok(['init', '--force']);
  expect(world.read('precious.toml')).toBe('model = "precious"\n');
  expect(world.read('phasr.toml')).toContain('[limits]');

  execFileSync('sh', ['-c', 'rm phasr.toml && mkdir phasr.toml'], { cwd: world.repo });
  expect((await world.phasr(['init'])).code).toBe(1);
  expect(await world.json(['init', '--force'])).toMatchObject({
    code: 'storage-failed',
    message: 'phasr.toml cannot be written (EISDIR)',
  });
  expect(world.git(['status', '--porcelain', '--ignored'])).not.toContain('.new');
});

test("init --user writes the user's own file, in a repository or not, where the variables say", async () => {
  await using world = makeWorld('init-user');
  world.init();
  const env = { PATH: pathWith(world, 'claude') };
  await world.ok(['init', '--user'], { cwd: world.root, env });
  const path = join(world.home, '.config/phasr/config.toml');
  expect(readFileSync(path, 'utf8')).toMatch(/^# jobs = 4$/m);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect((await world.phasr(['init', '--user'])).stderr).toContain(
    '~/.config/phasr/config.toml is already there\n  See what it says: phasr config   Replace it: phasr init --user --force',
  );
  expect((await config(world))['agent']).toEqual({ value: 'claude', origin: 'user' });
  expect((await config(world, { cwd: world.root }))['agent']).toEqual({ value: 'claude', origin: 'user' });

  for (const [variables, file] of [
    [{ XDG_CONFIG_HOME: join(world.root, 'xdg') }, join(world.root, 'xdg/phasr/config.toml')],
    [{ PHASR_CONFIG: join(world.root, 'named.toml') }, join(world.root, 'named.toml')],
    [{ PHASR_CONFIG: 'relative.toml', XDG_CONFIG_HOME: '/nowhere' }, join(world.repo, 'relative.toml')],
  ] as const) {
    const options = { env: { ...env, ...variables } };
    expect((await config(world, options)).files[0]).toEqual({ origin: 'user', path: file, exists: false });
    expect(await world.json(['init', '--user'], options)).toMatchObject({
      path: file,
      origin: 'user',
      agent: 'claude',
    });
    expect((await config(world, options)).files[0]).toEqual({ origin: 'user', path: file, exists: true });
  }
  expect((await config(world, { env: { XDG_CONFIG_HOME: 'relative' } })).files[0]?.path).toBe(path);
});

test("init stays out of a task's worktree and of a bare repository, and takes a linked worktree for what it is", async () => {
  await using world = makeWorld('init-where');
  world.init();
  const task = await world.task('true');
  expect(await world.json(['init'], { cwd: task.worktree })).toMatchObject({ code: 'inside-a-task' });
  world.git(['clone', '-q', '--bare', '.', '../bare.git']);
  expect(await world.json(['init'], { cwd: join(world.root, 'bare.git') })).toMatchObject({
    code: 'refused',
    hint: 'Write your own settings: phasr init --user',
  });
  world.git(['worktree', 'add', '-q', '../linked']);
  const linked = join(world.root, 'linked');
  await world.ok(['init'], { cwd: linked });
  expect([world.has('phasr.toml', linked), world.has('phasr.toml')]).toEqual([true, false]);
  expect((await config(world)).files[1]?.exists).toBe(false);
});

test('config shows each value and where it comes from, without the variables of agents, which may be secrets', async () => {
  await using world = makeWorld('config');
  world.init();
  world.write(
    '.config/phasr/config.toml',
    'timeout = "2h"\njobs = 3\n[open]\neditor = ["code", "-n"]\n',
    world.home,
  );
  world.write(
    'phasr.toml',
    '[limits]\nretries = "90s"\n[agents.mine]\ncommand = ["./mine.sh"]\nenv = { KEY = "s3cret" }\n',
  );
  const shown = await world.ok(['config'], { cwd: join(world.repo, 'src') });
  expect(shown.split('\n').map((line) => line.trimEnd().split(/ {2,}/))).toEqual([
    ['KEY', 'FROM', 'VALUE'],
    ['agent', 'default', 'not set'],
    ['model', 'default', 'not set'],
    ['permission', 'default', 'edit'],
    ['jobs', 'user', '3'],
    ['timeout', 'user', '2h'],
    ['disk.floor', 'default', '500 MB'],
    ['limits.no_progress', 'default', '15m'],
    ['limits.retries', 'repository', '1m 30s'],
    ['limits.memory', 'default', 'not set'],
    ['limits.processes', 'default', 'not set'],
    ['limits.disk', 'default', 'not set'],
    ['notify.bell', 'default', 'true'],
    ['notify.desktop', 'default', 'true'],
    ['notify.command', 'default', 'not set'],
    ['open.editor', 'user', '["code","-n"]'],
    ['snapshots.every', 'default', '1m'],
    ['queue.memory', 'default', '500 MB'],
    ['queue.load', 'default', 'no limit'],
    ['isolation.sandbox', 'default', 'auto'],
    ['isolation.write', 'default', '[]'],
    ['isolation.hide', 'default', 'not set'],
    ['isolation.network', 'default', 'false'],
    ['isolation.detection', 'default', 'block'],
    ['isolation.env', 'default', 'not set'],
    ['isolation.secrets', 'default', '[]'],
    ['trash.days', 'default', '30'],
    ['agents.mine', 'repository', `["${world.repo}/mine.sh"]`],
    [''],
    ['user', `${world.home}/.config/phasr/config.toml`],
    ['repository', `${world.repo}/phasr.toml`],
    [''],
  ]);
  const json = await world.ok(['config', '--json']);
  expect(JSON.parse(json)).toMatchObject({
    timeoutMs: { value: 7_200_000, origin: 'user' },
    limits: { retriesMs: { value: 90_000, origin: 'repository' } },
    agents: [{ name: 'mine', origin: 'repository', variables: ['KEY'] }],
  });
  expect(json + shown).not.toContain('s3cret');
});

test('a broken file is refused with its line and column; what needs no settings goes on working', async () => {
  await using world = makeWorld('broken');
  world.init();
  world.write('phasr.toml', '# settings\n\nagnet = "x"\njobs = 2\n');
  const { code, stdout, stderr } = await world.phasr(['config']);
  expect([code, stdout, stderr]).toEqual([
    2,
    '',
    'phasr: phasr.toml:3:1: unknown key "agnet" (and 1 more)\n  did you mean agent?\n',
  ]);
  expect(await world.json(['config'])).toMatchObject({
    code: 'settings-invalid',
    details: {
      file: join(world.repo, 'phasr.toml'),
      line: 3,
      column: 1,
      key: 'agnet',
      problems: [{ line: 3 }, { line: 4, key: 'jobs' }],
    },
  });
  for (const command of ['list', 'wait']) expect((await world.phasr([command])).code).toBe(0);
});

test('what an agent writes into its phasr.toml has no say, neither in its worktree nor outside, before it is merged', async () => {
  await using world = makeWorld('trust');
  world.init();
  const task = await world.task('printf \'agent = "evil"\\n\' > phasr.toml');
  const { files, agent } = await config(world, { cwd: task.worktree });
  expect(agent).toEqual({ value: null, origin: 'default' });
  expect(files.map(({ origin }) => origin)).toEqual(['user']);
  expect((await config(world))['agent']).toEqual({ value: null, origin: 'default' });
  await world.ok(['merge', '1']);
  expect((await config(world))['agent']).toEqual({ value: 'evil', origin: 'repository' });
});

test('no command loads a parser or a checker before there is a file to read', async () => {
  await using world = makeWorld('parts');
  world.init();
  const app = join(world.root, 'app');
  for (const file of ['cli.cjs', 'call.cjs', 'helper.cjs', 'background.cjs'])
    cpSync(join(PROJECT, 'dist', file), join(app, 'dist', file));
  symlinkSync(join(PROJECT, 'node_modules'), join(app, 'node_modules'));
  const run = (...args: readonly string[]): ReturnType<World['program']> =>
    world.program(process.execPath, [join(app, 'dist/cli.cjs'), ...args]);
  for (const command of ['list', 'config', 'agents', 'init'])
    expect((await run(command)).stderr, command).toBe('');
  // The file that init has written is one to read, and here is nothing to read it with.
  expect((await run('list')).code).toBe(0);
  expect((await run('config')).stderr).toContain("Cannot find module './settings-file.cjs'");
});

test('variables of a declared agent reach every run of it, also a resumed one, and are in no record, no output and no file afterwards', async () => {
  await using world = makeWorld('settings-secrets');
  world.init();
  mkdirSync(join(world.home, '.config/phasr'), { recursive: true });
  writeFileSync(
    join(world.home, '.config/phasr/config.toml'),
    '[agents.mine]\ncommand = ["sh", "-c", "printf %s \\"$TOKEN\\" | sha256sum > got-$(ls | wc -l)"]\nenv = { TOKEN = "s3cr3t-value" }\n',
  );
  await world.ok(['run', 'hi', '--agent', 'mine']);
  await world.ok(['resume', '1', 'again']);
  await waitFor('everybody to end', () => world.processes().length === 0);
  const { worktree } = await world.json(['show', '1']);
  const digest = createHash('sha256').update('s3cr3t-value').digest('hex');
  const got = readdirSync(worktree).filter((name) => name.startsWith('got-'));
  expect(got.map((name) => world.read(name, worktree).slice(0, 64))).toEqual([digest, digest]);
  for (const args of [
    ['show', '1', '--json'],
    ['list', '--json'],
    ['events', '--json'],
    ['config', '--json'],
    ['logs', '1'],
  ])
    expect((await world.phasr(args)).stdout, args.join(' ')).not.toContain('s3cr3t');
  const found = await world.program('grep', ['-rlF', 's3cr3t', world.repo, join(world.home, '.phasr')]);
  expect(found.stdout).toBe('');
});
