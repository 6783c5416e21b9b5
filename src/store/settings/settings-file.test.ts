/** Settings files: what they mean together, and what is wrong with them and where. */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { PERMISSIONS as AGENT_PERMISSIONS } from '../../agent/agent.ts';
import { PhasrError } from '../../base/errors.ts';
import { readSettings, type Settings } from '../settings.ts';
import type { PlainProblem } from './invalid.ts';
import { renderSettingsTemplate } from './template.ts';
import { PERMISSIONS } from './values.ts';

const root = mkdtempSync(join(tmpdir(), 'settings-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let worlds = 0;

type Files = { readonly user?: string | Buffer; readonly repository?: string | Buffer };

function place({ user, repository }: Files): { home: string; userFile: string; worktreeRoot: string } {
  const home = join(root, String(++worlds));
  const userFile = join(home, 'config', 'config.toml');
  const worktreeRoot = join(home, 'repo');
  for (const directory of [dirname(userFile), worktreeRoot]) mkdirSync(directory, { recursive: true });
  if (user !== undefined) writeFileSync(userFile, user);
  if (repository !== undefined) writeFileSync(join(worktreeRoot, 'phasr.toml'), repository);
  return { home, userFile, worktreeRoot };
}

function read(files: Files): Promise<Settings> {
  return readSettings(place(files));
}

async function failure(reading: Promise<unknown>): Promise<PhasrError> {
  const error: unknown = await reading.catch((caught: unknown) => caught);
  if (!(error instanceof PhasrError)) throw new Error(`accepted: ${JSON.stringify(error)}`);
  expect([error.code, error.kind]).toEqual(['settings-invalid', 'usage']);
  return error;
}

async function problemsOf(files: Files): Promise<readonly string[]> {
  const { details } = await failure(read(files));
  return (details['problems'] as readonly PlainProblem[]).map(
    ({ line, column, message, hint }) => `${line}:${column} ${message} | ${hint}`,
  );
}

test('without files everything is the default', async () => {
  const settings = await read({});
  expect(settings).toEqual({
    agent: { value: null, origin: 'default' },
    model: { value: null, origin: 'default' },
    permission: { value: 'edit', origin: 'default' },
    snapshotEveryMs: { value: 60_000, origin: 'default' },
    trashDays: { value: 30, origin: 'default' },
    queue: {
      memoryFloorBytes: { value: 500_000_000, origin: 'default' },
      loadMax: { value: 0, origin: 'default' },
    },
    isolation: {
      sandbox: { value: 'auto', origin: 'default' },
      write: { value: [], origin: 'default' },
      hide: { value: null, origin: 'default' },
      network: { value: false, origin: 'default' },
      detection: { value: 'block', origin: 'default' },
      env: { value: null, origin: 'default' },
      secrets: { value: [], origin: 'default' },
    },
    jobs: { value: null, origin: 'default' },
    timeoutMs: { value: null, origin: 'default' },
    disk: { floorBytes: { value: 500_000_000, origin: 'default' } },
    limits: {
      noProgressMs: { value: 900_000, origin: 'default' },
      retriesMs: { value: 300_000, origin: 'default' },
      memoryBytes: { value: null, origin: 'default' },
      processes: { value: null, origin: 'default' },
      diskBytes: { value: null, origin: 'default' },
    },
    notify: {
      bell: { value: true, origin: 'default' },
      desktop: { value: true, origin: 'default' },
      command: { value: null, origin: 'default' },
    },
    open: { editor: { value: null, origin: 'default' } },
    agents: [],
    files: [
      { origin: 'user', path: expect.stringMatching(/config\.toml$/) as string, exists: false },
      { origin: 'repository', path: expect.stringMatching(/repo\/phasr\.toml$/) as string, exists: false },
    ],
  });
});

test("the repository's settings go before the user's, key by key, and each says where it comes from", async () => {
  const settings = await read({
    user: [
      'agent = "codex"\nmodel = "small"\njobs = 4\npermission = "ask"\n[limits]\nno_progress = "1m"\nretries = "2m"',
      '[notify]\nbell = false\ncommand = ["./notify.sh", "x"]\n[open]\neditor = ["code", "-n"]\n[agents.mine]\ncommand = ["mine"]',
    ].join('\n'),
    repository: 'agent = "claude"\ntimeout = "90"\nlimits.retries = "3h"\n[notify]\ndesktop = false',
  });
  expect(settings).toMatchObject({
    agent: { value: 'claude', origin: 'repository' },
    model: { value: 'small', origin: 'user' },
    permission: { value: 'ask', origin: 'user' },
    jobs: { value: 4, origin: 'user' },
    timeoutMs: { value: 90_000, origin: 'repository' },
    limits: {
      noProgressMs: { value: 60_000, origin: 'user' },
      retriesMs: { value: 3 * 3_600_000, origin: 'repository' },
    },
    notify: {
      bell: { value: false, origin: 'user' },
      desktop: { value: false, origin: 'repository' },
      command: { origin: 'user' },
    },
    open: { editor: { value: ['code', '-n'], origin: 'user' } },
    files: [{ exists: true }, { exists: true }],
  });
});

test('a declared agent has all its fields, its program stands where its file is, and the repository replaces it as a whole', async () => {
  const places = place({
    user: '[agents.one]\ncommand = ["./one"]\nenv = { SECRET = "s" }\n[agents.two]\ncommand = ["two", "{prompt}"]',
    repository: [
      '[agents.one]\ncommand = ["bin/one", "-x", "./y"]',
      '[agents.full]\ncommand = ["/opt/full"]\nprompt = "stdin"\nreads = "codex"\nresume = ["/opt/full", "{session}"]',
      'model_args = ["--model", "{model}"]\ninstall = "apt install full"\nenv.A = "1"\nenv.constructor = "2"',
    ].join('\n'),
  });
  const { agents } = await readSettings(places);
  const plain = { reads: 'text', resume: null, modelArgs: [], env: {}, install: null };
  expect(agents).toEqual([
    {
      ...plain,
      name: 'one',
      origin: 'repository',
      command: [join(places.worktreeRoot, 'bin/one'), '-x', './y'],
      prompt: 'file',
    },
    { ...plain, name: 'two', origin: 'user', command: ['two', '{prompt}'], prompt: 'argument' },
    {
      name: 'full',
      origin: 'repository',
      command: ['/opt/full'],
      prompt: 'stdin',
      reads: 'codex',
      resume: ['/opt/full', '{session}'],
      modelArgs: ['--model', '{model}'],
      install: 'apt install full',
      env: { A: '1', constructor: '2' },
    },
  ]);
});

test('each mistake is named with its line, its column and what was probably meant, all of them at once', async () => {
  const nothing = 'null';
  const table: readonly (readonly [string, readonly string[]])[] = [
    ['agnet = "x"', ['1:1 unknown key "agnet" | did you mean agent?']],
    ['Agent = "x"', ['1:1 unknown key "Agent" | did you mean agent?']],
    ['zzz = 1', [`1:1 unknown key "zzz" | ${nothing}`]],
    ['[limits]\nno-progress = "1m"', ['2:1 unknown key "no-progress" | did you mean no_progress?']],
    ['bell = true', ['1:1 unknown key "bell" | bell belongs below [notify].']],
    [
      '[limits]\nretries = "1m"\nmodel = "x"',
      ['3:1 unknown key "model" | model stands at the top of the file, above the first [table].'],
    ],
    [
      'agent = 5',
      [`1:9 agent takes the name of an agent: up to 40 letters, digits, ".", "_", "-", not 5 | ${nothing}`],
    ],
    [
      'agent = "rm -rf"',
      [
        `1:9 agent takes the name of an agent: up to 40 letters, digits, ".", "_", "-", not "rm -rf" | ${nothing}`,
      ],
    ],
    ['model = ""', [`1:9 model takes one line of text, not "" | ${nothing}`]],
    [
      'timeout = "2 hours"',
      [`1:11 timeout takes a duration such as "90s", "30m" or "2h", not "2 hours" | ${nothing}`],
    ],
    ['timeout = "0s"', [`1:11 timeout takes a duration such as "90s", "30m" or "2h", not "0s" | ${nothing}`]],
    ['timeout = 90', [`1:11 timeout takes a duration such as "90s", "30m" or "2h", not 90 | ${nothing}`]],
    [
      'disk.floor = 500',
      [`1:14 disk.floor takes an amount such as "500MB" or "2GB"; "0" is none, not 500 | ${nothing}`],
    ],
    [
      'disk.floor = "5 GB"',
      [`1:14 disk.floor takes an amount such as "500MB" or "2GB"; "0" is none, not "5 GB" | ${nothing}`],
    ],
    ['jobs = 0', [`1:8 jobs takes a whole number from 1 to 1000, not 0 | ${nothing}`]],
    ['jobs = 1.5', [`1:8 jobs takes a whole number from 1 to 1000, not 1.5 | ${nothing}`]],
    ['jobs = "4"', [`1:8 jobs takes a whole number from 1 to 1000, not "4" | ${nothing}`]],
    [
      'permission = "root"',
      [`1:14 permission takes "edit", "ask", "plan" or "yolo", not "root" | ${nothing}`],
    ],
    ['notify = true', [`1:10 notify takes a table, not true | ${nothing}`]],
    ['[notify]\nbell = "yes"', [`2:8 notify.bell takes true or false, not "yes" | ${nothing}`]],
    [
      '[open]\neditor = "code -n"',
      [
        `2:10 open.editor takes a program and its arguments, as in ["my-agent", "--prompt", "{prompt}"], not "code -n" | ${nothing}`,
      ],
    ],
    [
      '[open]\neditor = ["code", 1]',
      [`2:19 open.editor[1] takes text without NUL characters, not 1 | ${nothing}`],
    ],
    ['[agents]\nmine = "x"', [`2:8 agents.mine takes a table, not "x" | ${nothing}`]],
    ['[agents.mine]\nenv = {}', [`1:1 agents.mine.command is missing | ${nothing}`]],
    [
      '[agents."no name"]\ncommand = ["x"]',
      [`1:1 "no name" is no name for an agent: letters, digits, ".", "_", "-" | ${nothing}`],
    ],
    ['[agents.mine]\ncommand = ["x"]\npromt = "stdin"', ['3:1 unknown key "promt" | did you mean prompt?']],
    [
      '[agents.mine]\ncommand = ["x"]\nprompt = "argument"',
      [
        '3:1 agents.mine.prompt is "argument", but its command has no {prompt} | Put "{prompt}" where the prompt belongs, or set prompt to "stdin" or "file".',
      ],
    ],
    [
      '[agents.mine]\ncommand = ["x"]\nmodel_args = ["-m"]',
      ['3:1 agents.mine.model_args has no {model} | As in: model_args = ["--model", "{model}"]'],
    ],
    [
      '[agents.mine]\ncommand = ["x"]\nresume = ["y", "{session}"]',
      [
        '3:1 agents.mine.resume is for another program than its command | Begin it with "x", as the command does.',
      ],
    ],
    [
      '[agents.mine]\ncommand = ["x"]\n[agents.mine.env]\nPHASR_RUN = "1"',
      [
        `4:1 "PHASR_RUN" is no name for a variable: letters, digits and "_", not beginning with PHASR_ | ${nothing}`,
      ],
    ],
    ['__proto__ = { agent = "x" }', [`1:1 unknown key "__proto__" | ${nothing}`]],
    ['[agents.__proto__]\ncommand = ["x"]', [`1:1 unknown key "__proto__" | ${nothing}`]],
    [
      '[agents.constructor]\ncommand = 1',
      [
        `2:11 agents.constructor.command takes a program and its arguments, as in ["my-agent", "--prompt", "{prompt}"], not 1 | ${nothing}`,
      ],
    ],
    [
      'toString = 1\nconstructor = 2',
      [`1:1 unknown key "toString" | ${nothing}`, `2:1 unknown key "constructor" | ${nothing}`],
    ],
    [
      'agent = "a"\nagent = "b"',
      [`2:1 not valid TOML: trying to redefine an already defined table or value | ${nothing}`],
    ],
    ['agent = ', [`1:9 not valid TOML: invalid value | ${nothing}`]],
    ['agent: claude', [`1:6 not valid TOML: illegal character in key | ${nothing}`]],
    ['\r\n\r\nagnet = "x"\r\n', ['3:1 unknown key "agnet" | did you mean agent?']],
    ['\uFEFFagnet = "x"', ['1:1 unknown key "agnet" | did you mean agent?']],
    [
      'agnet = "x"\nmodle = "y"\n[limits]\nretries = 5',
      [
        '1:1 unknown key "agnet" | did you mean agent?',
        '2:1 unknown key "modle" | did you mean model?',
        `4:11 limits.retries takes a duration such as "90s", "30m" or "2h", not 5 | ${nothing}`,
      ],
    ],
  ];
  for (const [text, problems] of table) expect(await problemsOf({ user: text }), text).toEqual(problems);
});

test('the message is one line: the first problem with its place, and how many more there are', async () => {
  const places = place({ repository: '\n\n\n\n\n\n  agnet = "x"\n  b = 1\n  c = 2\n' });
  const error = await failure(readSettings(places));
  expect(error.message).toBe('phasr.toml:7:3: unknown key "agnet" (and 2 more)');
  expect(error.hint).toBe('did you mean agent?');
  expect(error.details).toMatchObject({
    file: join(places.worktreeRoot, 'phasr.toml'),
    line: 7,
    column: 3,
    key: 'agnet',
    problems: [{ line: 7 }, { line: 8 }, { line: 9 }],
  });
  expect((await failure(read({ user: 'a = 1' }))).message).toBe('~/config/config.toml:1:1: unknown key "a"');
});

test("a repository has no say in what Phasr starts by itself on the user's machine, nor in how much it runs at once", async () => {
  const text = 'jobs = 9\n[notify]\ncommand = ["x"]\n[open]\neditor = ["x"]';
  const hint = 'Set it in your own settings: ~/config/config.toml';
  expect(await problemsOf({ repository: text })).toEqual([
    `1:1 jobs may not be set by a repository | ${hint}`,
    `3:1 notify.command may not be set by a repository | ${hint}`,
    `5:1 open.editor may not be set by a repository | ${hint}`,
  ]);
  expect(await read({ user: text })).toMatchObject({ jobs: { value: 9 } });
});

test('what is no readable text file is refused by name and never waited for', async () => {
  const whole = async (bytes: string | Buffer): Promise<string> =>
    (await failure(read({ repository: bytes }))).message;
  expect(await whole(Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 1]))).toBe(
    'phasr.toml: this is no text: it has NUL bytes',
  );
  expect(await whole(Buffer.from([0x61, 0xff]))).toBe('phasr.toml: this is not UTF-8 text');
  expect(await whole(Buffer.from([0xff, 0xfe, 0x61, 0]))).toBe('phasr.toml: this is UTF-16, not UTF-8');
  expect(await whole('#'.repeat(256 * 1024 + 1))).toBe('phasr.toml: it is larger than 256 KiB');
  const directory = place({});
  mkdirSync(join(directory.worktreeRoot, 'phasr.toml'));
  expect((await failure(readSettings(directory))).message).toBe('phasr.toml: it is a directory');
  expect((await failure(readSettings({ ...directory, userFile: '/dev/zero' }))).message).toBe(
    '/dev/zero: it is no regular file',
  );
  expect((await readSettings({ ...place({}), userFile: '/dev/null' })).files[0]?.exists).toBe(false);
});

test("the user's file may be a link; the repository's may not: it could lead into a task's worktree, or anywhere", async () => {
  const elsewhere = join(root, 'elsewhere.toml');
  writeFileSync(elsewhere, 'agent = "linked"');
  const mine = place({});
  symlinkSync(elsewhere, mine.userFile);
  expect((await readSettings(mine)).agent).toEqual({ value: 'linked', origin: 'user' });
  symlinkSync(elsewhere, join(mine.worktreeRoot, 'phasr.toml'));
  expect((await failure(readSettings(mine))).message).toBe('phasr.toml: it is a symbolic link');
});

test('without a worktree of the user only his own file is read', async () => {
  const places = place({ user: 'model = "a"', repository: 'agent = "b"\nnonsense' });
  const settings = await readSettings({ ...places, worktreeRoot: null });
  expect(settings).toMatchObject({ agent: { origin: 'default' }, model: { value: 'a' } });
  expect(settings.files).toHaveLength(1);
});

test('the template is valid as it is, and with every comment made a line it shows the defaults', async () => {
  for (const origin of ['user', 'repository'] as const) {
    expect((await read({ [origin]: renderSettingsTemplate({ origin, agent: null }) })).agent.origin).toBe(
      'default',
    );
    const text = renderSettingsTemplate({ origin, agent: 'codex' });
    expect((await read({ [origin]: text })).agent).toEqual({ value: 'codex', origin });
    const uncommented = text.replaceAll(/^# (?=\[|\w+ = )/gm, '');
    const settings = await read({ [origin]: uncommented });
    const defaults = await read({});
    for (const readOne of [
      ({ permission }: Settings) => permission,
      ...(origin === 'user' ? [({ disk }: Settings) => disk.floorBytes] : []),
      ({ limits }: Settings) => limits.noProgressMs,
      ({ limits }: Settings) => limits.retriesMs,
      ({ notify }: Settings) => notify.bell,
      ({ notify }: Settings) => notify.desktop,
    ])
      expect(readOne(settings)).toEqual({ value: readOne(defaults).value, origin });
    expect(settings.agents.map(({ name, prompt }) => [name, prompt])).toEqual([['mine', 'argument']]);
    expect(settings.open.editor.value).toEqual(origin === 'user' ? ['code', '-n'] : null);
  }
});

test('the permissions are those that agents know', () => {
  expect(PERMISSIONS).toEqual(AGENT_PERMISSIONS);
});

test('every key of the settings is in their document, and its example is valid', async () => {
  const document = readFileSync(new URL('../../../docs/settings.md', import.meta.url), 'utf8');
  const template = renderSettingsTemplate({ origin: 'user', agent: 'claude' });
  for (const [, key] of template.matchAll(/^(?:# )?(\w+) = /gm))
    expect(document, key).toContain(`\`${key}\``);
  const examples = [...document.matchAll(/^```toml\n(.*?)^```$/gms)].map(([, text = '']) => text);
  expect(examples.length).toBeGreaterThan(0);
  for (const example of examples) await read({ user: example });
});
