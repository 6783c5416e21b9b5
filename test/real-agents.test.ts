/**
 * The real Claude Code and the real Codex, through Phasr's own commands, with a scripted model and without a network: what Phasr says of them
 * is what they did. Skipped by name where a program is missing (`scripts/install-agents.sh`).
 */

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import type { TaskJson } from './support/answer.ts';
import { configureAgents, findProgram, INSTALLED, REAL_WORLDS } from './support/agent-programs.ts';
import { hasSandbox } from './support/escapes.ts';
import { type ModelServer, startModelServer, TOKENS_OF_CALL } from './support/model-server.ts';
import { canBeNobody, makeNobodys } from './support/ordinary-user.ts';
import { waitFor } from './support/wait-for.ts';
import { makeWorld, type World } from './support/world.ts';

const AGENTS = [
  { name: 'claude', title: 'Claude Code', refusing: '--ask', commitsItself: true },
  { name: 'codex', title: 'Codex', refusing: '--plan', commitsItself: false },
] as const;

type Place = AsyncDisposable & {
  readonly world: World;
  readonly server: ModelServer;
  readonly env: Record<string, string>;
};

async function makePlace(name: string, host?: string): Promise<Place> {
  const server = await startModelServer(host);
  const world = makeWorld(`real-${name}`, REAL_WORLDS);
  world.init();
  return {
    world,
    server,
    env: configureAgents(world, server.url),
    [Symbol.asyncDispose]: async () => {
      await world[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** One task for each script, at once, each ended within a minute or stopped. */
async function run(
  { world, env }: Place,
  name: string,
  { scripts, args = [] }: { readonly scripts: readonly string[]; readonly args?: readonly string[] },
): Promise<readonly TaskJson[]> {
  const prompts = scripts.map((script) => `SCRIPT:${script}`);
  const answer = await world.json(['run', ...prompts, '--agent', name, '--timeout', '60s', ...args], { env });
  if (answer.tasks === undefined) throw new Error(JSON.stringify(answer));
  return answer.tasks;
}

async function runOne(place: Place, name: string, ...args: readonly string[]): Promise<TaskJson> {
  const [script = '', ...rest] = args;
  const [task] = await run(place, name, { scripts: [script], args: rest });
  if (task === undefined) throw new Error('no task was made');
  return task;
}

/** What so many calls of the model come to. */
function tokens(calls: number): object {
  const { input, output, cacheRead } = TOKENS_OF_CALL;
  return { input: input * calls, output: output * calls, cacheRead: cacheRead * calls, cacheWrite: 0 };
}

for (const { name, title, refusing, commitsItself } of AGENTS) {
  const isMissing = findProgram(name) === undefined;

  test.skipIf(isMissing)(
    `${title} writes and is asked to commit: the work lands; session, tokens and evidence are its own`,
    async () => {
      await using place = await makePlace(name);
      const { world, server } = place;
      const task = await runOne(
        place,
        name,
        'write notes/hello.txt hello ;; shell git add -A && git commit -qm "by the agent"',
        '--title',
        'by Phasr',
      );
      expect(task).toMatchObject({ state: 'done', evidence: 'its terminal event', notes: [], trouble: null });
      expect(task.run).toMatchObject({
        exitCode: 0,
        leftBehind: 0,
        session: expect.stringMatching(/^[0-9a-f-]{36}$/),
      });
      expect(task.run.report.usage?.tokens).toEqual(tokens(3));
      const cost = task.run.report.usage?.costUsd ?? null;
      expect(cost === null ? null : cost > 0).toBe(name === 'claude' ? true : null);
      // Codex is kept from the repository by its sandbox.
      const subjects = world.git(['log', '--format=%s', `main..${task.branch}`]);
      expect(subjects).toBe(commitsItself ? 'by the agent' : 'by Phasr');
      const merged = await world.json(['merge', '1']);
      expect(merged.merges[0].outcome).toBe('merged');
      expect(world.read('notes/hello.txt')).toBe('hello\n');
      expect([...server.calls.values()]).toEqual([3]);
    },
  );

  test.skipIf(isMissing)(
    `${title} is refused what it may not do: nothing is written, and Phasr says so`,
    async () => {
      await using place = await makePlace(name);
      const { world } = place;
      const outside = join(world.root, 'outside.txt');
      const asked = await runOne(place, name, 'write hello.txt hello', refusing);
      const away = await runOne(place, name, `outside ${outside}`);
      for (const task of [asked, away]) {
        expect(task).toMatchObject({
          state: 'done',
          evidence: 'its terminal event; 1 action was refused',
          changes: { files: 0 },
          run: { report: { refused: 1 } },
        });
      }
      expect(existsSync(join(asked.worktree, 'hello.txt'))).toBe(false);
      expect(existsSync(outside)).toBe(false);
    },
  );

  test.skipIf(isMissing)(`${title} may do everything with --yolo, also as the superuser`, async () => {
    await using place = await makePlace(name);
    const outside = join(place.world.root, 'outside.txt');
    const task = await runOne(place, name, `outside ${outside}`, '--yolo');
    expect(task).toMatchObject({ state: 'done', evidence: 'its terminal event' });
    expect(existsSync(outside)).toBe(true);
  });

  test.skipIf(isMissing)(`${title} fails with the kind of trouble that its model's server has`, async () => {
    await using place = await makePlace(name);
    const tasks = await run(place, name, { scripts: ['fail 400', 'fail 401', 'fail 500', 'fail 429'] });
    expect(tasks.map(({ state, evidence }) => `${state}: ${evidence.replace(/ \(.*/s, '')}`)).toEqual([
      'failed: its terminal event: request',
      'failed: its terminal event: authentication',
      'failed: its terminal event: server',
      'failed: its terminal event: rate limit',
    ]);
  });

  test.skipIf(isMissing)(
    `${title} names the network when nobody answers at its model's address`,
    async () => {
      await using place = await makePlace(name);
      await place.server[Symbol.asyncDispose]();
      // Claude Code gives up by itself; Codex waits for the network for ever.
      const limit = name === 'codex' ? '8s' : '60s';
      const task = await runOne(place, name, 'say nothing', '--timeout', limit);
      const ended =
        name === 'codex' ? 'stopped: stopped at its time limit' : 'failed: its terminal event: network';
      expect(`${task.state}: ${task.evidence}`.startsWith(ended), task.evidence).toBe(true);
      expect(task.run.report.trouble?.kind).toBe('network');
    },
  );

  test.skipIf(isMissing)(`${title} asks again after a 429, and its task is done`, async () => {
    await using place = await makePlace(name);
    const task = await runOne(place, name, 'fail 429 1 ;; say it is done');
    expect(task).toMatchObject({
      state: 'done',
      evidence: 'its terminal event',
      run: { report: { retries: 1, trouble: null, said: 'it is done' } },
    });
  });

  test.skipIf(isMissing)(
    `${title} is stopped while a tool of its runs that clings to life: nothing of it lives on or works on`,
    async () => {
      await using place = await makePlace(name);
      const { world, env } = place;
      const gate = join(world.root, 'gate');
      const wait = `perl -e '$SIG{$_} = "IGNORE" for qw(TERM HUP INT); until (-e shift) { select(undef, undef, undef, 0.05) }' ${gate}`;
      const script = `SCRIPT:write early.txt early ;; shell touch begun.txt; ${wait}; touch late.txt`;
      // In the agent's own sandbox, which may end its tools for it, and without.
      await world.ok(['run', script, '--agent', name, '--detach', '--jobs', '2'], { env });
      await world.ok(['run', script, '--agent', name, '--detach', '--yolo'], { env });
      const running = (id: number): number[] => world.processes(`PHASR_TASK=${id}\0`);
      const begun = (id: number): Promise<TaskJson> =>
        waitFor(`the tool of task ${id} to run`, async () => {
          const task = await world.json(['show', String(id)]);
          return task.worktree !== null && existsSync(join(task.worktree, 'begun.txt')) && task;
        });
      const tasks = [await begun(1), await begun(2)];
      const isTool = (pid: number): boolean => world.commandLine(pid).includes(gate);
      for (const { id } of tasks) expect(running(id).filter(isTool).length, `${id}`).toBeGreaterThan(0);
      const stopped = (await world.json(['stop', '1-2'])).tasks;
      for (const { id, state, evidence, head, run: last } of stopped) {
        expect({ state, evidence }).toEqual({ state: 'stopped', evidence: 'stopped on request' });
        expect(running(id)).toEqual([]);
        expect(world.git(['ls-tree', '--name-only', head]).split('\n')).toContain('early.txt');
        expect(last.session).not.toBe(null);
      }
      writeFileSync(gate, '');
      for (const { worktree } of tasks) expect(existsSync(join(worktree, 'late.txt'))).toBe(false);
    },
  );

  test.skipIf(isMissing)(`${title} is stopped while its model does not answer`, async () => {
    await using place = await makePlace(name);
    const { world, server, env } = place;
    await world.ok(['run', 'SCRIPT:hang', '--agent', name, '--detach'], { env });
    await waitFor('the model to be asked', () => server.calls.has('hang'));
    const [stopped] = (await world.json(['stop', '1'])).tasks;
    expect(stopped).toMatchObject({ state: 'stopped', evidence: 'stopped on request' });
    expect(world.processes('PHASR_TASK=1\0')).toEqual([]);
  });

  test.skipIf(isMissing)(`${title} may answer with 2 MB`, async () => {
    await using place = await makePlace(name);
    const task = await runOne(place, name, 'flood 2048');
    expect(task).toMatchObject({ state: 'done', evidence: 'its terminal event' });
    expect(task.run.report.said.endsWith('the end of the flood')).toBe(true);
    expect((await place.world.json(['show', '1'])).transcriptBytes).toBeGreaterThan(2 * 1024 * 1024);
  });

  test.skipIf(isMissing)(
    `${title} is sent a second prompt: it remembers the first, in the same session and worktree; what it uses is counted apart`,
    async () => {
      await using place = await makePlace(name);
      const { world, env } = place;
      const first = await runOne(place, name, 'write first.txt one ;; say written');
      const sent = await world.json(['send', '1', 'SCRIPT:recall'], { env });
      expect(sent).toMatchObject({ state: 'done', evidence: 'its terminal event', worktree: first.worktree });
      expect(sent.run).toMatchObject({ run: 2, session: first.run.session });
      expect(sent.run.report.said).toBe('you have said: write first.txt one ;; say written | recall');
      expect(first.run.report.usage?.tokens).toEqual(tokens(2));
      expect(sent.run.report.usage?.tokens).toEqual(tokens(1));
      const [before, after] = [first, sent].map((task) => task.run.report.usage?.costUsd ?? null);
      expect(after).toEqual(name === 'claude' ? expect.closeTo((before ?? 0) / 2, 6) : null);
    },
  );

  test.skipIf(isMissing || !hasSandbox)(
    `${title} works in a strict sandbox that lets it reach its model's host alone, and write its own folder`,
    async () => {
      // Where programs ask no proxy for this machine, it is not 127.0.0.2.
      await using place = await makePlace(`strict-${name}`, '127.0.0.2');
      const { world, server, env } = place;
      mkdirSync(join(world.home, '.claude'), { recursive: true });
      const network = JSON.stringify([new URL(server.url).host]);
      // The program may lie below /tmp, of which it has one of its own.
      const write = JSON.stringify(['~/.claude', '~/.codex', dirname(dirname(INSTALLED))]);
      const settings = `[isolation]\nsandbox = "strict"\nnetwork = ${network}\nwrite = ${write}\nenv = ["SCRIPTED_KEY"]\n`;
      world.write('.config/phasr/config.toml', settings, world.home);
      const strict = { ...place, env: { ...env, PHASR_SANDBOX: '' } };
      const task = await runOne(
        strict,
        name,
        'write hello.txt hello ;; shell echo evil > "$HOME/evil"; git log --oneline > log.txt ;; say written',
        '--yolo',
      );
      expect(task).toMatchObject({
        state: 'done',
        evidence: 'its terminal event',
        changes: { files: 2 },
        run: { sandbox: { level: 'strict' }, report: { said: 'written' } },
      });
      expect(existsSync(join(world.home, 'evil'))).toBe(false);
      expect([...server.calls.values()]).toEqual([3]);
    },
  );

  test.skipIf(isMissing || !canBeNobody(name))(
    `${title} works for an ordinary user as for the superuser`,
    async () => {
      await using place = await makePlace(`user-${name}`);
      const { world, env } = place;
      const nobody = makeNobodys(world, env);
      const task = await nobody(['run', 'SCRIPT:write hello.txt hello', '--agent', name]);
      expect(task).toMatchObject({ state: 'done', evidence: 'its terminal event', changes: { files: 1 } });
      const outside = join(world.home, 'outside.txt');
      const yolo = await nobody(['run', `SCRIPT:outside ${outside}`, '--agent', name, '--yolo']);
      expect(yolo).toMatchObject({ state: 'done', evidence: 'its terminal event' });
      expect(existsSync(outside)).toBe(true);
    },
  );
}

test.skipIf(findProgram('codex') === undefined)(
  'an agent that does not even begin says why, in its own words',
  async () => {
    await using place = await makePlace('broken');
    writeFileSync(join(place.world.home, '.codex/config.toml'), 'model = [\n');
    const task = await runOne(place, 'codex', 'say nothing');
    expect(task.state).toBe('failed');
    expect(task.evidence).toMatch(/^exit code 1: Error loading config\.toml: .* unclosed array/);
  },
);

test.skipIf(AGENTS.some(({ name }) => findProgram(name) === undefined))(
  'four of Claude Code and four of Codex at once, in one repository with one home, are all done with their own files',
  async () => {
    await using place = await makePlace('eight');
    const { world, env } = place;
    for (const { name } of AGENTS) {
      const prompts = [1, 2, 3, 4].map(
        (number) => `SCRIPT:write ${name}-${number}.txt mine ;; shell git log --oneline`,
      );
      await world.ok(['run', ...prompts, '--agent', name, '--detach', '--jobs', '8'], { env });
    }
    const { tasks } = await world.json(['wait', '1-8']);
    // Codex says of one of eight now and then that an action was refused (3 of 40 times here, why is not known); its file is there all the same.
    expect(tasks.map(({ state, evidence }) => `${state}: ${evidence}`)).toEqual(
      Array.from({ length: 8 }, () =>
        expect.stringMatching(/^done: its terminal event(?:; 1 action was refused)?$/),
      ),
    );
    const files = tasks.map(({ head }) => world.git(['diff', '--name-only', 'main', head]));
    expect(files).toEqual(
      AGENTS.flatMap(({ name }) => [1, 2, 3, 4].map((number) => `${name}-${number}.txt`)),
    );
    expect(new Set(tasks.map((task) => task.run.session)).size).toBe(8);
    expect(world.git(['fsck', '--full', '--strict'])).toBe('');
  },
);
