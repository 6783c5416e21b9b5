/** Starts an agent, follows it to its end, stops it; and finds it again when the process that started it has died. */

import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { MARKER_NAME, commandWithPrompt, taskVariables } from '../agent/command.ts';
import { allowVariables, secretValues } from '../agent/variables.ts';
import { asStorageFailure, PhasrError } from '../base/errors.ts';
import { agentGitEnvironment } from '../git/environment.ts';
import { keepGitFile } from '../git/task-links.ts';
import type { ProcessIdentity } from '../base/identity.ts';
import { readExitStatus, startAgent } from '../process/recorder.ts';
import { makeHole } from '../process/hole.ts';
import { awaitTheirEnd, type Belonging, findBelonging, stopBelonging } from '../process/stop.ts';
import { isAlive } from '../process/table.ts';
import { writeWhole } from '../store/files.ts';
import { redact, type Redactor } from '../store/redaction.ts';
import { promptPath, type RunPaths, runPaths } from '../store/paths.ts';
import { announceHole, emptyTranscript, isEmptied, planTrim } from '../store/transcript.ts';
import type { Confinement } from '../task/event.ts';
import { judgeEnd } from '../task/outcome.ts';
import { latestRun, type Task } from '../task/task.ts';
import { type Attendance, attendTo, type StopWish } from './attend.ts';
import { confine } from './sandbox.ts';
import { bringWhileWorking } from './sync.ts';
import { beginLookout, keepLookout, type Lookout } from './lookout.ts';
import { keepWhileWorking } from './snapshot.ts';
import { watchConsumption } from './consumption.ts';
import { type Context, dirsOf, recordFacts, requireTask } from './context.ts';
import { startWaiting } from './dispatch.ts';
import { settingsIfValid } from './settings.ts';

/** How often the supervisor looks: at the transcript's size, at requests to stop, at the time limit. */
const LOOK_EVERY_MS = 100;
/** How often it lets those start that were held by too little memory. */
const LINE_EVERY_MS = 5000;
/** From SIGTERM to SIGKILL. `phasr stop` is to be over within 10 seconds. */
const STOP_LIMITS = { graceMs: 4000, killMs: 4000 };
/** How long the kernel may take to end what was behind walls. */
const WALLS_FALL_MS = 2000;
/** What an agent leaves running gets less time: it has had the whole run. */
const LEFT_BEHIND_LIMITS = { graceMs: 2000, killMs: 4000 };

export type Following = {
  readonly task: Task;
  readonly exit: Promise<void> | null;
  /** What the run is compared with; taken by who has started it. */
  readonly begun?: Awaited<ReturnType<typeof beginLookout>>;
};

/** Starts the agent of the task's latest run in its worktree and records that. */
export async function startRun(context: Context, task: Task): Promise<Following> {
  const run = latestRun(task);
  if (run.marker === null) throw new Error('a run is started before it was prepared');
  const paths = runPaths(context.paths, task.id, run.run);
  const promptFile = promptPath(dirname(task.worktreePath), task.id, run.run);
  writeWhole(promptFile, run.prompt);
  mkdirSync(paths.directory, { recursive: true, mode: 0o700 });
  const {
    PWD: _pwd,
    OLDPWD: _oldPwd,
    ...userEnv
  } = agentGitEnvironment(context.env, dirname(task.worktreePath));
  // It must be there to be written from behind the walls.
  closeSync(openSync(paths.signals, 'a', 0o600));
  const { command, confinement } = await confine(context, task, {
    command: commandWithPrompt(run.command, run.prompt),
    reports: [paths.signals],
    runsIn: 'background',
  });
  const begun = await beginLookout(context, task, confinement);
  const agent = await startAgent({
    command,
    cwd: task.worktreePath,
    env: {
      ...(await allowedHere(context, { env: userEnv, agent: run.agent?.name ?? null, confinement })),
      // What a shell would say; opencode works where it says, wherever it was started.
      PWD: task.worktreePath,
      ...run.agent?.env,
      ...taskVariables({
        taskId: task.id,
        branch: task.branch,
        baseOid: task.base.oid,
        worktreePath: task.worktreePath,
        prompt: run.prompt,
        promptPath: promptFile,
        marker: run.marker,
      }),
    },
    inputPath: run.agent?.stdin === 'prompt' ? promptFile : null,
    outputPath: paths.output,
    // A warning in the middle of a line of JSON would make it unreadable.
    errorPath: run.agent === null || run.agent.reads === 'text' ? null : paths.errors,
    exitPath: paths.exit,
  });
  const { run: number } = run;
  const started = { type: 'run.started', run: number, process: agent.process, confinement } as const;
  return { task: recordFacts(context, task.id, () => [started]), exit: agent.exit, begun };
}

type Asked = {
  readonly env: Readonly<Record<string, string>>;
  readonly agent: string | null;
  readonly confinement: Confinement;
};

/** The person's variables as far as his settings let an agent have them. */
async function allowedHere(
  context: Context,
  { env, agent, confinement }: Asked,
): Promise<Record<string, string>> {
  const wanted = (await settingsIfValid(context))?.isolation.env.value ?? null;
  if (wanted === 'all' || (wanted === null && confinement.level !== 'strict')) return { ...env };
  return allowVariables(env, { agent, more: wanted ?? [] });
}

function recordStart(context: Context, task: Task, process: ProcessIdentity): Task {
  const { run } = latestRun(task);
  return recordFacts(context, task.id, () => [{ type: 'run.started', run, process }]);
}

/**
 * The agent of a prepared run that was started by a supervisor which died before it could say so: found by its marker, or by its
 * exit file. Undefined when it was never started; starting it then is not starting it twice.
 */
export async function findStartedRun(context: Context, task: Task): Promise<Following | undefined> {
  const run = latestRun(task);
  if (run.marker === null) return undefined;
  const nobody = { pid: 0, startedAt: 'unknown' };
  const living = await findBelonging({ variable: `${MARKER_NAME}=${run.marker}`, recorder: nobody });
  const recorder = living.find((row) => row.pid === row.sessionId) ?? living[0];
  if (recorder !== undefined) return { task: recordStart(context, task, recorder), exit: null };
  const status = readExitStatus(runPaths(context.paths, task.id, run.run).exit);
  return status === undefined ? undefined : { task: recordStart(context, task, nobody), exit: null };
}

/** Follows the task's running agent to its end, ends what it leaves behind, and records the outcome. */
export async function followRun(context: Context, following: Following): Promise<Task> {
  let { task } = following;
  const paths = runPaths(context.paths, task.id, latestRun(task).run);
  const redactor = await redactorOf(context, task, paths);
  redactor.look();
  const attendance = attendTo(context, task, { paths, redactor });
  const keeper = await keepWhileWorking(context);
  const over = new AbortController();
  void following.exit?.then(() => over.abort());
  const dirs = dirsOf(context, task);
  const bringer = bringWhileWorking(context);
  const consumption = await watchConsumption(context, belongingTo(task), [
    dirs.worktreePath,
    dirs.privateDir,
  ]);
  const lookout = keepLookout(context, task, { begun: following.begun, belonging: belongingTo(task) });
  let lastEvent = -1;
  let lookedAtLineMs = context.clock.nowMs();
  for (;;) {
    const eventId = context.store.lastEventId();
    if (eventId !== lastEvent) task = requireTask(context, task.id);
    lastEvent = eventId;
    // Everything is read before the middle of it may be given back.
    redactor.look();
    const wish = attendance.look(task) ?? overTime(context, task) ?? (await consumption.look());
    await boundOutput(paths);
    keeper.look(task);
    keepGitFile(dirs);
    await bringer.look(task);
    await lookout.look();
    if (context.clock.nowMs() - lookedAtLineMs >= LINE_EVERY_MS) {
      lookedAtLineMs = context.clock.nowMs();
      await startWaiting(context);
    }
    const run = latestRun(task);
    if (run.stop !== null || run.process === null || !(await isAlive(run.process))) break;
    if (wish !== undefined) {
      task = recordFacts(context, task.id, () => [
        { type: 'stop.requested', run: run.run, ...redactor.clean(wish) },
      ]);
      break;
    }
    await context.clock.sleep(LOOK_EVERY_MS, over.signal);
  }
  await keeper.end();
  return endRun(context, requireTask(context, task.id), { paths, attendance, lookout, redactor });
}

async function boundOutput(paths: RunPaths): Promise<void> {
  await boundTranscript(paths.output);
  await boundTranscript(paths.errors);
}

/** Keeps the transcript within its limits; two file sizes are read when it is. */
async function boundTranscript(output: string): Promise<void> {
  const trim = planTrim(output);
  if (trim === undefined) return;
  if (!isEmptied(output)) {
    const takeBack = announceHole(output, trim);
    if (await makeHole(output, trim)) return;
    takeBack();
  }
  emptyTranscript(output);
}

function overTime(context: Context, task: Task): StopWish | undefined {
  const { timeoutMs, startedAtMs } = latestRun(task);
  const isOver =
    timeoutMs !== null && startedAtMs !== null && context.clock.nowMs() - startedAtMs >= timeoutMs;
  return isOver ? { by: 'time limit', detail: '' } : undefined;
}

type Ending = {
  readonly paths: RunPaths;
  readonly attendance: Attendance;
  readonly lookout: Lookout;
  readonly redactor: Redactor;
};

async function endRun(
  context: Context,
  task: Task,
  { paths, attendance, lookout, redactor }: Ending,
): Promise<Task> {
  const run = latestRun(task);
  const isWalled = (run.confinement?.level ?? 'off') !== 'off';
  // What the walls end was not left behind.
  if (run.stop === null && isWalled) await awaitTheirEnd(belongingTo(task), WALLS_FALL_MS);
  const stopped = await stopBelonging(
    belongingTo(task),
    run.stop === null ? LEFT_BEHIND_LIMITS : STOP_LIMITS,
  );
  redactor.look();
  attendance.look(task);
  await lookout.end();
  await boundOutput(paths);
  const status = readExitStatus(paths.exit);
  const said = attendance.follower.finish(typeof status === 'number' ? status : null);
  const end = judgeEnd(run, status, said);
  const survivors = stopped.survivors.map(({ pid }) => pid);
  const evidence =
    survivors.length === 0 ? end.evidence : `${end.evidence}; could not end process ${survivors.join(', ')}`;
  const leftBehind = run.stop === null ? stopped.ended : 0;
  const ended = {
    type: 'run.ended',
    run: run.run,
    ...end,
    evidence,
    leftBehind,
    report: said.report,
  } as const;
  return recordFacts(context, task.id, () => [redactor.clean(ended)]);
}

/** What of the system's processes is the task's latest run. */
function belongingTo(task: Task): Belonging {
  const { run, marker, process } = latestRun(task);
  if (marker === null) throw new Error(`run ${run} of task ${task.id} has no marker`);
  return { variable: `${MARKER_NAME}=${marker}`, recorder: process ?? { pid: 0, startedAt: 'unknown' } };
}

/** What is taken out of the run's transcript and records. A supervisor that goes on for a dead one knows the variables of its own environment alone. */
async function redactorOf(
  context: Context,
  task: Task,
  { output, errors, signals }: RunPaths,
): Promise<Redactor> {
  const patterns = (await settingsIfValid(context))?.isolation.secrets.value ?? [];
  const env = { ...context.env, ...latestRun(task).agent?.env };
  return redact([output, errors, signals], secretValues(env, patterns));
}

/** Why an agent could not be started, for the task's record. */
export function describeFailure(thrown: unknown): string {
  const error = asStorageFailure(thrown);
  if (error instanceof PhasrError) return error.message;
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
