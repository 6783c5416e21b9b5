/**
 * The crash matrix: an operation is killed at one of its steps, then any command is run, then one command finishes it. What is looked at in between, and
 * at the end, is in `oracle.ts`.
 */

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { waitFor } from '../wait-for.ts';
import { makeWorld, type World } from '../world.ts';
import { expectKept, expectNothingLeft, expectUserUntouched, listOwn, seeUser } from './oracle.ts';

const GLOSSARY = fileURLToPath(new URL('../../../GLOSSARY.md', import.meta.url));
const PRELOAD = fileURLToPath(new URL('./preload.cjs', import.meta.url));

/** Worlds in memory, where the system has such a place: hundreds of them are flushed to it again and again. */
export const FAST = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** What must be somewhere from a moment on: a name for people and the content of a file. */
export type Work = Readonly<Record<string, string>>;

/** One row of the matrix. */
export type Operation = {
  readonly name: string;
  /** The kind of process that is killed: `cli`, or the helper's verb. */
  readonly in: 'cli' | 'supervise' | 'sweep';
  /** Brings a world to where the operation begins. */
  readonly prepare: (world: World) => Promise<void>;
  readonly args: readonly string[];
  /** Where the task is when the operation is finished, or reversed. */
  readonly finished: string;
  /** The one command that gets it there from a state; undefined where there is no task. */
  readonly again: (state: string | undefined) => readonly string[];
  /** All that the agent, and a person after it, have made. */
  readonly work: Work;
  /** True where the task is in the same state before and after: then it is done once more in any case. */
  readonly repeats?: true;
  /** Paths that a merge brings to the person's worktree. */
  readonly brings: readonly string[];
};

/** States that a person is told the meaning of. */
const STATES: ReadonlySet<string> = new Set(
  [...readFileSync(GLOSSARY, 'utf8').matchAll(/^\| `([^`]+)` \|/gm)].map(([, state]) => state ?? ''),
);

/** What an operation does when nobody kills it. */
export type Reference = {
  /** Every step by its name, in order. */
  readonly steps: readonly string[];
  /** What of Phasr's and git's is there in the end. */
  readonly listing: ReadonlySet<string>;
};

/** The step to die at: its number or the beginning of its name; empty for none. */
type Killing = { readonly at: string };

/** Runs an operation without killing it: its steps, and what the end looks like. */
export async function observe(operation: Operation, base: World): Promise<Reference> {
  await using world = await begin(operation, base);
  const user = seeUser(world, operation);
  const { steps } = await perform(operation, world, { at: '' });
  await finish(operation, world, await stateOf(world));
  expectUserUntouched(world, operation, user);
  const listing = new Set(listOwn(world));
  expectNothingLeft(world, listing);
  return { steps, listing };
}

/** Runs an operation in a world of its own, kills it at a step, and sees that all holds. Gives the step's name; undefined when there was no such step. */
export async function crash(
  operation: Operation,
  base: World,
  { at, reference }: { readonly at: number; readonly reference: Reference },
): Promise<string | undefined> {
  await using world = await begin(operation, base);
  const user = seeUser(world, operation);
  const { died } = await perform(operation, world, { at: String(at) });
  if (died === undefined) return undefined;
  try {
    // While a program that the dead process has started is still at work, the next command comes at once.
    if (!died.startsWith('while')) await quiet(world);
    expectKept(world, operation.work, 'right after the kill');
    expectUserUntouched(world, operation, user);
    // A person may clean up before he ever comes back.
    if (at % 2 === 1) world.git(['gc', '-q', '--prune=now']);
    const state = await stateOf(world);
    await quiet(world);
    expectKept(world, operation.work, 'after the next command');
    await finish(operation, world, state);
    expectUserUntouched(world, operation, user);
    expectNothingLeft(world, reference.listing);
  } catch (error) {
    throw new Error(`${operation.name}#${at}, ${died}: ${String(error)}`, { cause: error });
  }
  return died;
}

async function begin(operation: Operation, base: World): Promise<World> {
  const world = makeWorld('crash', FAST);
  execFileSync('cp', ['-a', base.repo, world.repo]);
  // The copies have other inodes than the index remembers.
  world.git(['status', '--porcelain']);
  await operation.prepare(world);
  await quiet(world);
  return world;
}

/** Runs an operation to its end, or to the step it is to die at. */
export async function perform(
  operation: Pick<Operation, 'name' | 'in' | 'args'>,
  world: World,
  { at }: Killing,
): Promise<{ readonly steps: readonly string[]; readonly died: string | undefined }> {
  const log = join(world.root, 'steps');
  const env = {
    NODE_OPTIONS: `--require=${PRELOAD}`,
    PHASR_CRASH_IN: operation.in,
    PHASR_CRASH_LOG: log,
    PHASR_CRASH_AT: at,
  };
  const ran = await world.phasr(operation.args, { env });
  const read = (path: string): string | undefined =>
    existsSync(path) ? readFileSync(path, 'utf8') : undefined;
  const dies = operation.in === 'cli' && ran.code === null;
  if (!dies && ran.code !== 0) throw new Error(`${operation.name}: ${ran.code}\n${ran.stdout}${ran.stderr}`);
  if (operation.in !== 'cli') await quiet(world);
  const seen = { steps: (read(log) ?? '').split('\n').slice(0, -1), died: read(`${log}.died`) };
  for (const path of [log, `${log}.died`]) rmSync(path, { force: true });
  return seen;
}

/** One command at most, then nobody is at work any more. */
async function finish(operation: Operation, world: World, before: string | undefined): Promise<void> {
  const isFinished = before === operation.finished && operation.repeats !== true;
  const ran = isFinished ? undefined : await world.phasr(operation.again(before));
  const after = await stateOf(world);
  if (after !== operation.finished)
    throw new Error(`it is ${after}, not ${operation.finished}: ${ran?.stdout ?? ''}${ran?.stderr ?? ''}`);
  await quiet(world);
  world.git(['gc', '-q', '--prune=now']);
  expectKept(world, operation.work, 'in the end');
}

async function stateOf(world: World): Promise<string | undefined> {
  const { tasks } = await world.json(['list', '--all']);
  const states = tasks.map(({ state }) => state);
  if (states.length > 1) throw new Error(`one task was launched, there are ${states.length}`);
  const [state] = states;
  if (state !== undefined && !STATES.has(state)) throw new Error(`${state} is no state`);
  return state;
}

/** Helpers of the world end by themselves: the agents of these worlds do. */
async function quiet(world: World): Promise<void> {
  await waitFor('the processes of the world to end', () => world.processes().length === 0);
}
