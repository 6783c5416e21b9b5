/** Agents that stream what they do: their own word on their end is believed, and what they used is told. Played by a script, with the forms of Claude Code. */

import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { TaskJson } from './support/answer.ts';
import { waitFor } from './support/wait-for.ts';
import { makeWorld, type World } from './support/world.ts';

const PLAYER = fileURLToPath(new URL('agents/streams.sh', import.meta.url));

const line = (value: object): string => `${JSON.stringify(value)}\n`;
const INIT = line({ type: 'system', subtype: 'init', session_id: 's-1', model: 'm' });
const TEXT = line({ type: 'assistant', message: { content: [{ type: 'text', text: 'all\nis well' }] } });
const BASH = line({
  type: 'assistant',
  message: { content: [{ type: 'tool_use', id: 't1', name: 'Bash', input: { command: 'npm test' } }] },
});
const RETRY = line({
  type: 'system',
  subtype: 'api_retry',
  attempt: 1,
  error_status: 429,
  error: 'rate_limit',
});

function end(more: object = {}): string {
  return line({
    type: 'result',
    subtype: 'success',
    is_error: false,
    session_id: 's-1',
    total_cost_usd: 0.25,
    usage: { input_tokens: 10, output_tokens: 5, cache_read_input_tokens: 2, cache_creation_input_tokens: 1 },
    permission_denials: [],
    ...more,
  });
}

/** A world in whose PATH a player stands in for `claude`. */
class Stage {
  readonly world: World;
  readonly play: string;
  readonly env: Record<string, string>;

  constructor(name: string) {
    this.world = makeWorld(name);
    this.world.init();
    this.play = join(this.world.root, 'play');
    const bin = join(this.world.root, 'bin');
    for (const folder of [this.play, bin]) mkdirSync(folder);
    cpSync(PLAYER, join(bin, 'claude'));
    this.env = { PATH: `${bin}:${this.world.env['PATH'] ?? ''}`, PLAY_DIR: this.play };
  }

  script(run: number, ...lines: readonly string[]): void {
    writeFileSync(join(this.play, `stream-${run}`), lines.join(''));
  }

  /** Runs one task with these lines as the agent's stream. */
  async run(
    lines: readonly string[],
    more: { args?: readonly string[]; exit?: number } = {},
  ): Promise<TaskJson> {
    this.script(1, ...lines);
    const env = { ...this.env, PLAY_EXIT: String(more.exit ?? 0) };
    const args = ['run', 'do it', '--agent', 'claude', ...(more.args ?? [])];
    return (await this.world.json(args, { env })).tasks[0];
  }

  played(name: string): string {
    return readFileSync(join(this.play, name), 'utf8');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.world[Symbol.asyncDispose]();
  }
}

test('an agent is done when its own last word says so, and exit code 0 alone is no success', async () => {
  await using stage = new Stage('verdicts');
  const seen = async (lines: readonly string[], exit = 0): Promise<string> => {
    const task = await stage.run(lines, { exit });
    return `${task.state}: ${task.evidence}`;
  };
  expect(await seen([INIT, TEXT, end()])).toBe('done: its terminal event');
  expect(await seen([INIT, TEXT])).toBe(
    'interrupted: exit code 0, but no terminal event: it did not finish: a warning on standard error',
  );
  expect(await seen([INIT, TEXT, end().slice(0, -20)])).toMatch(/^interrupted: /);
  const failed = end({
    is_error: true,
    terminal_reason: 'api_error',
    api_error_status: 401,
    result: 'bad key',
  });
  expect(await seen([INIT, failed])).toBe('failed: its terminal event: authentication (bad key)');
  const aborted = end({
    is_error: true,
    subtype: 'error_during_execution',
    terminal_reason: 'aborted_tools',
  });
  expect(await seen([INIT, BASH, aborted])).toBe('interrupted: its terminal event: it was interrupted');
  const denied = end({ permission_denials: [{ tool_name: 'Bash', tool_use_id: 't1', tool_input: {} }] });
  expect(await seen([INIT, denied])).toBe('done: its terminal event; 1 action was refused');
  expect(await seen([INIT, RETRY], 1)).toBe('failed: exit code 1: rate limit (429 rate_limit)');
  // Whatever it said, what it left is committed.
  expect(stage.world.git(['show', 'phasr/task-2-do-it:work.txt'])).toBe('work of run 1');
});

test('the prompt comes on standard input, whatever is in it, and permissions and model become options', async () => {
  await using stage = new Stage('command');
  await stage.run([INIT, end()], { args: ['--model', 'big', '--plan'] });
  expect(stage.played('prompt-1-1')).toBe('do it');
  const args = stage.played('args-1-1').split('\n');
  expect(args).toEqual(expect.arrayContaining(['--model', 'big', '--permission-mode', 'plan']));
  stage.script(1, INIT, end());
  const hostile = '--version $(touch /tmp/x) {prompt}\nsecond line';
  await stage.world.json(['run', '-p', hostile, '--agent', 'claude'], { env: stage.env });
  expect(stage.played('prompt-2-1')).toBe(hostile);
  expect(stage.played('args-2-1')).not.toContain('touch');
});

test('phasr send goes on in the same session and worktree, and tokens and cost are those of each run', async () => {
  await using stage = new Stage('send');
  const first = await stage.run([INIT, TEXT, end()]);
  stage.script(2, INIT, TEXT, end({ total_cost_usd: 0.75 }));
  const sent = await stage.world.json(['send', '1', 'and more'], { env: stage.env });
  expect(sent).toMatchObject({
    state: 'done',
    worktree: first.worktree,
    run: { run: 2, prompt: 'and more' },
  });
  const args = stage.played('args-1-2').split('\n');
  expect(args.slice(args.indexOf('--resume'))).toEqual(['--resume', 's-1', '']);
  const { runs } = await stage.world.json(['show', '1']);
  expect(runs.map(({ report }) => report?.usage)).toEqual([
    { tokens: { input: 10, output: 5, cacheRead: 2, cacheWrite: 1 }, costUsd: 0.25 },
    { tokens: { input: 10, output: 5, cacheRead: 2, cacheWrite: 1 }, costUsd: 0.5 },
  ]);
  stage.script(3, INIT, end());
  await stage.world.json(['resume', '1', '--new-session'], { env: stage.env });
  expect(stage.played('args-1-3')).not.toContain('--resume');
});

test('a killed agent can be gone on with: its session is recorded as soon as it is named', async () => {
  await using stage = new Stage('killed-session');
  stage.script(1, INIT, TEXT);
  writeFileSync(join(stage.play, 'hold'), '');
  await stage.world.ok(['run', 'do it', '--agent', 'claude', '--detach'], { env: stage.env });
  await waitFor('the session', async () => (await stage.world.json(['show', '1'])).run.session === 's-1');
  stage.world.killAll();
  await waitFor('everything to end', () => stage.world.processes().length === 0);
  expect((await stage.world.json(['show', '1'])).state).toBe('interrupted');
  rmSync(join(stage.play, 'hold'));
  stage.script(2, INIT, end());
  expect((await stage.world.json(['resume', '1'], { env: stage.env })).state).toBe('done');
  expect(stage.played('args-1-2')).toContain('--resume\ns-1');
});

test('logs tell what an agent said and did, in text or JSON; its own stream stays readable as it is', async () => {
  await using stage = new Stage('stream-logs');
  const garbage = 'not JSON \u001B[2J\n';
  await stage.run([INIT, garbage, BASH, TEXT, RETRY, end()]);
  expect((await stage.world.ok(['logs', '1'])).split('\n')).toEqual([
    'session s-1, m',
    'not JSON \\e[2J',
    '● Bash npm test',
    'all',
    'is well',
    '↻ retry 1: rate-limit (429 rate_limit)',
    '✓ done',
    'a warning on standard error',
    '',
  ]);
  expect(await stage.world.ok(['logs', '1', '--raw'])).toBe(stage.played('stream-1'));
  const kinds = (await stage.world.ok(['logs', '1', '--json']))
    .trimEnd()
    .split('\n')
    .map((text) => (JSON.parse(text) as { kind: string }).kind);
  expect(kinds).toEqual(['session', 'output', 'tool.started', 'text', 'retry', 'usage', 'end', 'output']);
  expect(await stage.world.ok(['logs', '1', '--since', '1h'])).toContain('all\nis well');
});

test('an agent that Phasr does not know, or that is not installed, is refused with what to do and nothing created', async () => {
  await using stage = new Stage('no-agent');
  const unknown = await stage.world.json(['run', 'x', '--agent', 'clade']);
  expect(unknown).toMatchObject({ code: 'agent-not-found' });
  expect(unknown.hint).toContain('claude');
  const missing = await stage.world.json(['run', 'x', '--agent', 'codex'], {
    env: { PATH: '/usr/bin:/bin' },
  });
  expect(missing).toMatchObject({ code: 'agent-not-found', hint: 'npm install -g @openai/codex' });
  const both = await stage.world.phasr(['run', 'x', '--agent', 'claude', '--', 'true']);
  expect(both.code).toBe(2);
  expect(existsSync(join(stage.world.repo, '.git/phasr/phasr.db'))).toBe(false);
});

test('a script says of itself that it waits for input or how far it has come; nobody else can speak for it', async () => {
  await using stage = new Stage('signal');
  const { world } = stage;
  const gate = join(world.root, 'gate');
  const cli = fileURLToPath(new URL('../dist/cli.cjs', import.meta.url));
  const phasr = `"${process.execPath}" "${cli}"`;
  const hold = (n: number): string => `while ! test -e "${gate}-${n}"; do sleep 0.02; done`;
  const script = [
    'env > env.txt',
    `cd / && ${phasr} signal needs-input "which  database?"`,
    hold(1),
    `${phasr} signal progress "3 of 10"`,
    hold(2),
  ].join('\n');
  await world.ok(['run', 'x', '--detach', '--', 'sh', '-c', script]);
  const state = async (): Promise<string> => {
    const task = await world.json(['show', '1']);
    return `${task.state}: ${task.evidence}`;
  };
  await waitFor('the task to wait', async () => (await state()) === 'waiting: for you: which database?');
  const outside = await world.json(['signal', 'done', 'x', '--json']);
  expect(outside).toMatchObject({ code: 'not-in-a-run' });
  const forged = await world.json(['signal', 'done', 'x'], {
    env: { PHASR_TASK: '1', PHASR_RUN: '1.1.guess' },
  });
  expect(forged).toMatchObject({ code: 'not-in-a-run' });
  writeFileSync(`${gate}-1`, '');
  await waitFor('the task to work', async () => (await state()).startsWith('running: '));
  await waitFor('its progress', async () => (await world.json(['show', '1'])).progress?.action === '3 of 10');
  writeFileSync(`${gate}-2`, '');
  await world.ok(['wait', '1']);
  const { events } = await world.json(['show', '1']);
  expect(events.filter(({ type }) => type === 'run.attention')).toHaveLength(2);
});

test('git in a task asks nobody: no editor, no password, and commits carry the name of the person', async () => {
  await using stage = new Stage('asks-nobody');
  const script = [
    'echo 1 > a; git add a',
    'git commit > commit.txt 2>&1; echo $? >> commit.txt',
    'GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 git commit -q -m mine',
    'GIT_ASKPASS= SSH_ASKPASS= git fetch -q https://127.0.0.1:9/x > fetch.txt 2>&1; echo $? >> fetch.txt',
    'git rebase -i HEAD~1 > rebase.txt 2>&1; echo $? >> rebase.txt',
  ].join('\n');
  const task = await stage.world.task(script);
  const show = (name: string): string => stage.world.git(['show', `${task.head}:${name}`]);
  expect(show('commit.txt')).toMatch(/empty commit message[^]*\n1$/);
  expect(show('fetch.txt')).toMatch(/\n128$/);
  expect(show('rebase.txt')).toMatch(/\n0$/);
  expect(stage.world.git(['log', '--format=%an <%ae>', `main..${task.branch}`])).toBe(
    'Ada Tester <ada@example.com>\nAda Tester <ada@example.com>',
  );
});

/** The person's own settings. */
function configure(world: World, toml: string): void {
  mkdirSync(join(world.home, '.config/phasr'), { recursive: true });
  writeFileSync(join(world.home, '.config/phasr/config.toml'), toml);
}

test('a run whose model does not answer, or that prints nothing more, is stopped, keeps its work, and says why', async () => {
  await using stage = new Stage('limits');
  configure(stage.world, '[limits]\nno_progress = "1s"\nretries = "1s"\n');
  writeFileSync(join(stage.play, 'hold'), '');
  const silent = await stage.run([INIT, TEXT]);
  expect(silent).toMatchObject({
    state: 'stopped',
    evidence: 'stopped, having printed nothing for 1s: is well',
  });
  expect(stage.world.git(['show', `${silent.head}:work.txt`])).toBe('work of run 1');
  const refused = await stage.run([INIT, RETRY]);
  expect(refused).toMatchObject({
    state: 'stopped',
    evidence: 'stopped, its model not answering: rate limit for 1s (429 rate_limit)',
  });
});

test('an agent that says it works elsewhere than in its worktree is stopped at once', async () => {
  await using stage = new Stage('elsewhere');
  writeFileSync(join(stage.play, 'hold'), '');
  const task = await stage.run([
    line({ type: 'system', subtype: 'init', session_id: 's-1', cwd: stage.world.repo }),
  ]);
  expect(task).toMatchObject({
    state: 'stopped',
    evidence: `stopped, working outside its worktree: ${stage.world.repo}`,
  });
});

test('a tool that works in silence is given more time than an agent that does nothing', async () => {
  await using stage = new Stage('patience');
  configure(stage.world, '[limits]\nno_progress = "1s"\n');
  writeFileSync(join(stage.play, 'hold'), '');
  const started = Date.now();
  const task = await stage.run([INIT, BASH]);
  expect(task.evidence).toBe('stopped, having printed nothing for 1s: Bash npm test');
  expect(Date.now() - started).toBeGreaterThan(4000);
});

test('each time a task begins to wait, is done or fails the person is told once, and not while he is watching', async () => {
  await using stage = new Stage('notify');
  const { world } = stage;
  const told = join(world.root, 'told');
  const script = `echo "$PHASR_TASK $PHASR_STATE: $PHASR_REASON" >> "${told}"`;
  configure(world, `[notify]\ncommand = ["sh", "-c", ${JSON.stringify(script)}]\n`);
  const cli = `"${process.execPath}" "${fileURLToPath(new URL('../dist/cli.cjs', import.meta.url))}"`;
  const gate = (n: number): string => `while ! test -e "${world.root}/gate-${n}"; do sleep 0.02; done`;
  const asking = [
    `${cli} signal needs-input "which one?"`,
    gate(1),
    `${cli} signal progress "going on"`,
    `${cli} signal needs-input "and now?"`,
    gate(2),
  ].join('\n');
  await world.ok(['run', 'asks', '--detach', '--', 'sh', '-c', asking]);
  const lines = (): readonly string[] =>
    existsSync(told) ? readFileSync(told, 'utf8').trimEnd().split('\n') : [];
  await waitFor('the first question', () => lines().length === 1);
  writeFileSync(join(world.root, 'gate-1'), '');
  await waitFor('the second question', () => lines().length === 2);
  writeFileSync(join(world.root, 'gate-2'), '');
  await waitFor('its end', () => lines().length === 3);
  await world.ok(['run', 'fails', '--detach', '--', 'false']);
  await waitFor('the failure', () => lines().length === 4);
  // Watched from its beginning to its end.
  await world.ok(['run', 'watched', '--', 'true']);
  await waitFor('everything to end', () => world.processes().length === 0);
  expect(lines()).toEqual([
    '1 waiting: for you: which one?',
    '1 waiting: for you: and now?',
    '1 done: exit code 0',
    '2 failed: exit code 1',
  ]);
});

test('whatever an agent prints, its run ends and every command works: a tool call nested deeper than the stack', async () => {
  await using stage = new Stage('deep');
  const input = `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`;
  const call = BASH.replace('{"command":"npm test"}', () => input);
  const task = await stage.run([INIT, call, end()]);
  expect(`${task.state}: ${task.evidence}`).toBe('done: its terminal event');
  expect((await stage.world.json(['list'], { env: stage.env })).tasks).toHaveLength(1);
});
