/** Supervision: agents outlive whoever started them, nothing is lost when processes die, and stopping ends everything of a run and nothing else. */

import { cpSync, existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { spawn } from 'node:child_process';
import { expect, test } from 'vitest';
import type { Answer } from './support/answer.ts';
import { waitFor } from './support/wait-for.ts';
import { makeWorld, type World } from './support/world.ts';

const agent = (name: string): string => fileURLToPath(new URL(`agents/${name}.sh`, import.meta.url));

/** An agent that works until a file appears. */
const gated = (gate: string): string =>
  `echo begun > begun; while ! test -e "${gate}"; do sleep 0.02; done; echo ended > ended`;

function supervisors(world: World, task = ''): number[] {
  return world
    .processes()
    .filter((pid) => world.commandLine(pid).includes(`helper.cjs supervise ${world.repo}/.git ${task}`));
}

async function running(world: World, id: number): Promise<Answer> {
  return waitFor(`task ${id} to run`, async () => {
    const task = await world.json(['show', String(id)]);
    return (
      task.state === 'running' && task.run.pid !== null && existsSync(join(task.worktree, 'begun')) && task
    );
  });
}

test('when the supervisor is killed the agent works on, the next command adopts it, and the task ends committed', async () => {
  await using world = makeWorld('adopt');
  world.init();
  const gate = join(world.root, 'gate');
  await world.ok(['run', 'x', '--detach', '--', 'sh', '-c', gated(gate)]);
  const before = await running(world, 1);
  for (const pid of supervisors(world)) process.kill(pid, 'SIGKILL');
  await waitFor('the supervisor to be gone', () => supervisors(world).length === 0);
  const listed = (await world.json(['list'])).tasks[0];
  expect(listed).toMatchObject({ state: 'running', run: { pid: before.run.pid } });
  await waitFor('a new supervisor', () => supervisors(world).length === 1);
  writeFileSync(gate, '');
  const [task] = (await world.json(['wait', '1'])).tasks;
  expect(task).toMatchObject({
    state: 'done',
    run: { run: 1, exitCode: 0, evidence: 'exit code 0' },
  });
  expect(world.git(['ls-tree', '--name-only', task.head]).split('\n')).toEqual([
    'README.md',
    'begun',
    'ended',
    'src',
  ]);
});

test('when the supervisor is killed and the agent ends meanwhile, the next command records its true end', async () => {
  await using world = makeWorld('late');
  world.init();
  const gate = join(world.root, 'gate');
  await world.ok(['run', 'x', '--detach', '--', 'sh', '-c', `${gated(gate)}; exit 7`]);
  await running(world, 1);
  for (const pid of supervisors(world)) process.kill(pid, 'SIGKILL');
  writeFileSync(gate, '');
  await waitFor('everything to end', () => world.processes().length === 0);
  const task = (await world.json(['list'])).tasks[0];
  expect(task).toMatchObject({ state: 'failed', evidence: 'exit code 7', run: { exitCode: 7 } });
  expect(world.git(['show', `${task.head}:ended`])).toBe('ended');
});

test('when supervisor and agent are killed the task is interrupted, nothing is lost, and resume goes on in the same worktree', async () => {
  await using world = makeWorld('both');
  world.init();
  await world.ok([
    'run',
    'x',
    '--detach',
    '--',
    'sh',
    '-c',
    'if test -e begun; then echo again >> begun; else echo first > begun; sleep 1000; fi',
  ]);
  const before = await running(world, 1);
  // Everything at once, as a reboot does.
  world.killAll();
  await waitFor('everything to end', () => world.processes().length === 0);
  const task = await world.json(['show', '1']);
  expect(task).toMatchObject({
    state: 'interrupted',
    evidence: `no exit code was recorded, and process ${before.run.pid} is gone`,
    worktree: before.worktree,
  });
  expect(world.git(['show', `${task.head}:begun`])).toBe('first');
  const resumed = await world.json(['resume', '1']);
  expect(resumed).toMatchObject({
    state: 'done',
    worktree: before.worktree,
    branch: before.branch,
    run: { run: 2, prompt: 'x' },
  });
  expect(world.git(['show', `${resumed.head}:begun`])).toBe('first\nagain');
  expect(
    world.git([
      'log',
      '--format=%s|%(trailers:key=Phasr-Run,valueonly,separator=%x2C)',
      `main..${task.branch}`,
    ]),
  ).toBe('x|2\nx|1');
});

test('killed at any moment between launch and commit, a task is never lost, never run twice, and always ends in a named state', async () => {
  await using world = makeWorld('moments');
  world.init();
  // The agent counts its starts outside the worktree, where nothing is rolled back.
  const script = `echo start >> "${world.root}/starts-$PHASR_TASK-$PHASR_RUN"; echo work > work; sleep 0.05`;
  for (let round = 0; round < 12; round++) {
    const id = (await world.json(['run', `round ${round}`, '--detach', '--', 'sh', '-c', script])).tasks[0]
      .id;
    // Spread over the 200 or so milliseconds that a run takes; where exactly is left to the machine.
    await new Promise((resolve) => setTimeout(resolve, round * 20));
    for (const pid of supervisors(world)) process.kill(pid, 'SIGKILL');
    const waited = (await world.json(['wait', String(id)])).tasks[0];
    expect(`${waited.state} ${waited.trouble}`).toBe('done null');
    expect(world.git(['show', `${waited.head}:work`])).toBe('work');
    const starts = world
      .json(['show', String(id)])
      .then((task) => task.events.filter((event) => event.type === 'run.started').length);
    expect(await starts).toBe(1);
    const { readdirSync } = await import('node:fs');
    const counted = readdirSync(world.root).filter((name) => name.startsWith(`starts-${id}-`));
    expect(counted.map((name) => readFileSync(join(world.root, name), 'utf8'))).toEqual(['start\n']);
  }
});

test('10 s after stop nothing of a run lives that ignores SIGTERM and leaves a double-forked child, a setsid child and a server; a sibling is untouched', async () => {
  await using world = makeWorld('stop');
  world.init();
  const env = { PORT_FILE: join(world.root, 'port') };
  await world.ok(['run', 'one', 'two', '--detach', '--jobs', '2', '--', agent('clings-to-life')], { env });
  const [one, two] = await Promise.all(
    [1, 2].map((id) =>
      waitFor(
        `the server of ${id}`,
        () => existsSync(`${env.PORT_FILE}-${id}`) && Number(readFileSync(`${env.PORT_FILE}-${id}`, 'utf8')),
      ),
    ),
  );
  const processesOf = (id: number): number[] => world.processes(`PHASR_TASK=${id}\0`);
  const [mine, sibling] = [processesOf(1), processesOf(2)];
  expect(mine.length).toBeGreaterThanOrEqual(5);
  expect(await connection(two!)).toBe('connected');
  const bystander = spawn('sleep', ['1000'], { env: { ...world.env, PHASR_RUN: 'somebody-elses' } });
  const started = Date.now();
  const stopped = await world.json(['stop', '1']);
  expect(Date.now() - started).toBeLessThan(10_000);
  expect(stopped.tasks[0]).toMatchObject({
    outcome: 'stopped',
    state: 'stopped',
    evidence: 'stopped on request',
  });
  expect(processesOf(1)).toEqual([]);
  expect(await connection(one!)).toBe('ECONNREFUSED');
  expect(processesOf(2)).toEqual(sibling);
  expect(await connection(two!)).toBe('connected');
  expect(bystander.exitCode === null && bystander.signalCode === null).toBe(true);
  bystander.kill('SIGKILL');
  expect(world.git(['show', `${stopped.tasks[0].head}:work.txt`])).toBe('work of 1');
  await world.ok(['stop', '2']);
});

/** `connected`, or the system's word for why not. */
function connection(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => {
      socket.destroy();
      resolve('connected');
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(String(error.code)));
  });
}

test('a stop is carried out although the supervisor was killed before it', async () => {
  await using world = makeWorld('stop-orphan');
  world.init();
  const env = { PORT_FILE: join(world.root, 'port') };
  await world.ok(['run', 'one', '--detach', '--', agent('clings-to-life')], { env });
  await waitFor('the server', () => existsSync(`${env.PORT_FILE}-1`));
  for (const pid of supervisors(world)) process.kill(pid, 'SIGKILL');
  const stopped = await world.json(['stop', '1']);
  expect(stopped.tasks[0]).toMatchObject({ state: 'stopped' });
  expect(world.processes('PHASR_TASK=1\0')).toEqual([]);
});

test('what an agent leaves running is ended with its run, and said', async () => {
  await using world = makeWorld('left');
  world.init();
  // Behind walls nothing is left: the kernel ends it with the agent.
  const env = { PHASR_SANDBOX: 'off' };
  const task = (await world.json(['run', 'x', '--', agent('leaves-a-server')], { env })).tasks[0];
  expect(task).toMatchObject({ state: 'done', run: { leftBehind: 2 } });
  expect(world.processes('PHASR_TASK=1\0')).toEqual([]);
  expect(await world.ok(['show', '1'])).toContain('it left 2 processes running, which were ended');
});

test('a time limit stops a run, keeps its work and says so', async () => {
  await using world = makeWorld('timeout');
  world.init();
  const task = await world.task('echo partial > partial; sleep 1000', { args: ['--timeout', '1s'] });
  expect(task).toMatchObject({ state: 'stopped', evidence: 'stopped at its time limit of 1s' });
  expect(world.git(['show', `${task.head}:partial`])).toBe('partial');
});

test('a waiting task is stopped without having been started, and can be resumed', async () => {
  await using world = makeWorld('stop-queued');
  world.init();
  const gate = join(world.root, 'gate');
  await world.ok(['run', 'one', 'two', '--detach', '--jobs', '1', '--', 'sh', '-c', gated(gate)]);
  const stopped = await world.json(['stop', '2']);
  expect(stopped.tasks[0]).toMatchObject({
    state: 'stopped',
    evidence: 'stopped before it was started',
    worktree: null,
  });
  writeFileSync(gate, '');
  await world.ok(['wait', '1']);
  expect(await world.json(['resume', '2'])).toMatchObject({ state: 'done', run: { run: 2 } });
});

test('an agent ended by a signal from outside is interrupted, one that cannot be found or fails has failed', async () => {
  await using world = makeWorld('ends');
  world.init();
  expect(await world.task('kill -9 $$')).toMatchObject({
    state: 'interrupted',
    evidence: 'exit code 137 (ended by SIGKILL from outside)',
  });
  expect(await world.task('kill -15 $$')).toMatchObject({ state: 'interrupted' });
  expect(await world.task('exit 3')).toMatchObject({ state: 'failed', evidence: 'exit code 3' });
  expect(await world.task('exec no-such-program')).toMatchObject({
    state: 'failed',
    evidence: 'exit code 127 (it was not found)',
  });
});

test('a run whose supervisor cannot be started has failed and says why; nobody waits for it for ever', async () => {
  await using world = makeWorld('no-supervisor');
  world.init();
  const program = join(world.root, 'program');
  const project = fileURLToPath(new URL('..', import.meta.url));
  cpSync(join(project, 'dist'), join(program, 'dist'), { recursive: true });
  symlinkSync(join(project, 'node_modules'), join(program, 'node_modules'));
  writeFileSync(join(program, 'dist/helper.cjs'), "console.error('the disk is full'); process.exit(1);\n");
  const phasr = (args: readonly string[]) =>
    world.program(process.execPath, [join(program, 'dist/cli.cjs'), ...args]);
  const ran = await phasr(['run', 'x', '--json', '--', 'true']);
  const [task] = (JSON.parse(ran.stdout) as Answer).tasks;
  expect(task).toMatchObject({
    state: 'failed',
    evidence: 'its supervisor could not be started: the disk is full',
  });
  // With a program that is whole again the task goes on.
  expect(await world.json(['resume', '1'])).toMatchObject({ state: 'done' });
});

test('the agent finds a closed standard input, its worktree as directory, and no way out of it for git', async () => {
  await using world = makeWorld('stdin');
  world.init();
  const ran = await world.phasr(
    [
      'run',
      'x',
      '--json',
      '--',
      'sh',
      '-c',
      'cat > input; pwd > directory; test -t 0 || echo no terminal > terminal; mv .git ../saved; git rev-parse --git-dir > git-dir 2>&1; mv ../saved .git',
    ],
    // Behind walls the .git file cannot be moved.
    { stdin: 'not for the agent', env: { PHASR_SANDBOX: 'off' } },
  );
  const task = JSON.parse(ran.stdout).tasks[0];
  const show = (name: string): string => world.git(['show', `${task.head}:${name}`]);
  expect([show('input'), show('directory'), show('terminal')]).toEqual(['', task.worktree, 'no terminal']);
  expect(show('git-dir')).toContain('not a git repository');
});

test('Ctrl-C while watching leaves the tasks running and says how to come back', async () => {
  await using world = makeWorld('ctrl-c');
  world.init();
  const gate = join(world.root, 'gate');
  const watching = spawn(
    process.execPath,
    [fileURLToPath(new URL('../dist/cli.cjs', import.meta.url)), 'run', 'x', '--', 'sh', '-c', gated(gate)],
    { cwd: world.repo, env: world.env },
  );
  let said = '';
  watching.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await running(world, 1);
  watching.kill('SIGINT');
  const code = await new Promise((resolve) => watching.on('close', resolve));
  expect(code).toBe(130);
  expect(said).toContain('1 task goes on without you.');
  expect(said).toContain('phasr logs 1 -f');
  expect((await world.json(['show', '1'])).state).toBe('running');
  writeFileSync(gate, '');
  expect((await world.json(['wait', '1'])).tasks[0].state).toBe('done');
});
