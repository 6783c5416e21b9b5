/**
 * `npm start`: installs, builds, and shows Phasr's main job on a clone of this repository: five agents at
 * once, their diffs, a merge, a discard.
 *
 * But for `node_modules` and `dist` everything it makes is in one new directory, which it names. When it
 * ends, no process of its own goes on.
 */
import { execFileSync, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import { build, ensureInstalled, Failure, root, run } from './install.mjs';

const CLI = join(root, 'dist', 'cli.cjs');

const PROMPTS = [
  'tidy the imports',
  'add a table of the modules with their sizes',
  'add a changelog entry',
  'write an index of the decision records',
  'put a licence line on top of every source file',
];

/** States in which a task's agent works or will. */
const LIVE = new Set(['queued', 'setting up', 'running', 'committing']);

const { stdout } = process;
const hasColors =
  stdout.isTTY === true && (process.env['NO_COLOR'] ?? '') === '' && process.env['TERM'] !== 'dumb';
const bold = (/** @type {string} */ text) => (hasColors ? `\u001B[1m${text}\u001B[22m` : text);
// A reader that has seen enough (`| head`) is no reason to leave tasks behind.
stdout.on('error', () => undefined);

/**
 * @typedef {object} Demo
 * @property {string} directory Holds everything else.
 * @property {string} repository
 * @property {string} command A small program that calls phasr as the demo does, for the person to go on with.
 * @property {Record<string, string | undefined>} env
 */

/** What came from outside, and the program that is being waited for. */
const now = {
  /** @type {string | null} */
  signal: null,
  /** @type {{ kill: (signal: 'SIGINT') => boolean } | null} */
  child: null,
};

/** Thrown when the person has pressed Ctrl-C. */
class Interruption extends Error {}

process.exitCode = await main();

async function main() {
  const startedAt = Date.now();
  watchSignals();
  /** @type {Demo | null} */
  let demo = null;
  try {
    console.log('Phasr at work on a clone of its own repository, with five small agents that');
    console.log('need no account and no network (examples/demo-agent.mjs).');
    await prepareProgram();
    demo = makeDemo();
    await prepareClone(demo);
    await showRun(demo);
    await showReview(demo);
    await showDecision(demo);
    await waitForProcesses(demo);
    await tellNext(demo, startedAt);
    return 0;
  } catch (error) {
    return endEarly(demo, error);
  }
}

/**
 * The first Ctrl-C ends the demo; further ones do not disturb its cleaning up (npm passes on what the
 * terminal has sent already).
 */
function watchSignals() {
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) {
    process.on(signal, () => {
      if (now.signal !== null) return;
      now.signal = signal;
      const { child } = now;
      // npm takes seconds to undo an unfinished installation.
      if (child === null) console.log('\nEnding what is under way …');
      // From a terminal the child has got it too, and ends. It is told only if it has not: a second one
      // would cut it short.
      setTimeout(() => child?.kill('SIGINT'), 1500).unref();
    });
  }
}

async function prepareProgram() {
  if (!existsSync(join(root, '.git')))
    throw new Failure(`${root} is no git repository, so it cannot be cloned; get it with git clone`, 1);
  announce('1. Install and build', 'In this folder: node_modules/ and dist/. Nothing else here is touched.');
  await ensureInstalled();
  stopIfInterrupted();
  command('node scripts/build.mjs');
  await build();
  stopIfInterrupted();
}

/** @returns {Demo} */
function makeDemo() {
  const directory = mkdtempSync(join(realpathSync(tmpdir()), 'phasr-demo-'));
  const home = join(directory, 'phasr-home');
  mkdirSync(home);
  const program = join(directory, 'phasr');
  const words = [process.execPath, CLI].map(quote).join(' ');
  writeFileSync(program, `#!/bin/sh\nPHASR_HOME=${quote(home)} exec ${words} "$@"\n`, { mode: 0o755 });
  // Variables of a git that called us would send our commands to its repository.
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('GIT_'));
  return {
    directory,
    repository: join(directory, 'repository'),
    command: program,
    // The second one marks every process of the demo, so that they can be found at the end.
    env: { ...Object.fromEntries(inherited), PHASR_HOME: home, PHASR_DEMO: directory },
  };
}

/** @param {Demo} demo */
async function prepareClone(demo) {
  const { directory, repository } = demo;
  announce('2. A clone to play with', `Everything from here on is in ${directory}`);
  const clone = ['-c', 'advice.detachedHead=false', 'clone', '--quiet', '--no-hardlinks'];
  await call(demo, { words: ['git', ...clone, root.replace(/\/$/, ''), repository], cwd: root });
  // On a detached HEAD there is no branch to merge into; and an agent finds no way from here to this
  // repository.
  const settings = [
    ['checkout', '--quiet', '-B', 'main'],
    ['remote', 'remove', 'origin'],
    ['config', 'user.name', 'Phasr Demo'],
    ['config', 'user.email', 'demo@example.invalid'],
    // Nobody is asked for a key's passphrase.
    ['config', 'commit.gpgSign', 'false'],
  ];
  for (const args of settings) await call(demo, { words: ['git', ...args], cwd: repository, isSilent: true });
}

/** @param {Demo} demo */
async function showRun(demo) {
  announce(
    '3. Five agents at once',
    'Each has a worktree and a branch of its own.',
    'Ctrl-C ends the demo; what the agents have done until then is kept.',
  );
  const agent = ['node', join(demo.repository, 'examples', 'demo-agent.mjs')];
  const words = ['phasr', 'run', '--jobs', '5', ...PROMPTS, '--', ...agent];
  const lines = ['phasr run --jobs 5', ...PROMPTS.map(quote), `-- ${agent.map(quote).join(' ')}`];
  await call(demo, { words, cwd: demo.repository, shown: lines.join(' \\\n    ') });
}

/** @param {Demo} demo */
async function showReview(demo) {
  announce(
    '4. What have they done?',
    'Their work is committed to their branches; your files are as they were.',
  );
  await phasr(demo, ['list']);
  await phasr(demo, ['diff', '1', '--stat']);
  await phasr(demo, ['diff', '2', '--stat']);
  await phasr(demo, ['diff', '3', '--no-pager']);
}

/** @param {Demo} demo */
async function showDecision(demo) {
  announce(
    '5. You decide',
    'Tidy imports and the table of modules are welcome.',
    'A new line in every single file is not: that task is given up.',
  );
  await phasr(demo, ['merge', '1', '2']);
  await phasr(demo, ['discard', '5']);
  // Git does not know NO_COLOR.
  const colors = hasColors ? [] : ['--no-color'];
  const words = ['git', '--no-pager', 'log', '--oneline', '-5', '--graph', ...colors];
  await call(demo, { words, cwd: demo.repository });
}

/**
 * @param {Demo} demo
 * @param {number} startedAt
 */
async function tellNext(demo, startedAt) {
  const open = (await listTasks(demo)).filter(({ state }) => state === 'done');
  const seconds = Math.round((Date.now() - startedAt) / 1000);
  announce('6. Your turn', `That took ${seconds} s. ${describeOpen(open)}`);
  tellCommands(entry(demo));
  const id = open.find(({ changes }) => (changes?.files ?? 0) > 0)?.id;
  if (id !== undefined) tellCommands([`phasr diff ${id}`, `phasr merge ${id}`]);
  console.log('\nWith an agent of your own:');
  tellCommands(['phasr agents', 'phasr run --help']);
  tellRemoval(demo);
}

/**
 * How the person gets to where the demo was.
 * @param {Demo} demo
 */
function entry({ repository, command: program }) {
  // An alias is read twice: when it is made and when it is used.
  return [`cd ${quote(repository)}`, `alias phasr=${quote(quote(program))}`, 'phasr list'];
}

/** @param {readonly ListedTask[]} open */
function describeOpen(open) {
  if (open.length === 0) return 'No task is left to decide on. Go on with:';
  const names = open.map(({ id }) => id).join(' and ');
  return `${open.length === 1 ? `Task ${names} waits` : `Tasks ${names} wait`} for your decision:`;
}

/** @param {readonly string[]} lines */
function tellCommands(lines) {
  console.log(`\n${lines.map((line) => `  ${bold(line)}`).join('\n')}`);
}

/** @param {Demo} demo */
function tellRemoval({ directory }) {
  console.log('\nThis removes everything that the demo has made:');
  tellCommands([`rm -rf ${quote(directory)}`]);
}

/**
 * After Ctrl-C, or when a step has failed: ends what still runs, keeps the directory, and says so.
 * @param {Demo | null} demo
 * @param {unknown} error
 */
async function endEarly(demo, error) {
  const isExpected = error instanceof Failure || error instanceof Interruption;
  const why =
    now.signal === null ? `npm start failed: ${isExpected ? error.message : String(error)}` : 'Interrupted.';
  console.log(`\n${bold(why)}`);
  if (!isExpected) console.error(error);
  if (demo !== null) {
    if (existsSync(join(demo.repository, '.git')))
      await stopTasks(demo).catch((failure) => console.log(`Tasks could not be stopped: ${failure.message}`));
    await waitForProcesses(demo).catch((failure) => console.log(failure.message));
    console.log(`\nWhat there is so far is in ${demo.directory}`);
    if (existsSync(demo.repository)) tellCommands(entry(demo));
    tellRemoval(demo);
  }
  if (now.signal !== null) return now.signal === 'SIGINT' ? 130 : 143;
  return error instanceof Failure ? error.code : 1;
}

/** @param {Demo} demo */
async function stopTasks(demo) {
  const live = (await listTasks(demo)).filter(({ state }) => LIVE.has(state));
  if (live.length === 0) return;
  const args = ['stop', ...live.map(({ id }) => String(id))];
  command(['phasr', ...args].join(' '));
  // In a group of its own: another Ctrl-C is not for this one.
  await run(process.execPath, [CLI, ...args], { cwd: demo.repository, env: demo.env, detached: true });
}

/**
 * @typedef {{ id: number, state: string, changes: { files: number } | null }} ListedTask
 * @param {Demo} demo
 * @returns {Promise<readonly ListedTask[]>}
 */
async function listTasks({ repository, env }) {
  // In a group of its own for the same reason.
  const child = spawn(process.execPath, [CLI, 'list', '--json'], {
    cwd: repository,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return JSON.parse(await readAll(child.stdout)).tasks;
}

/**
 * Phasr deletes worktrees in the background; the demo ends when that has.
 * @param {Demo} demo
 */
async function waitForProcesses(demo) {
  const waitMsMax = 30_000;
  const lookMs = 100;
  for (let waitedMs = 0; findProcesses(demo).length > 0; waitedMs += lookMs) {
    if (waitedMs >= waitMsMax)
      throw new Failure(`these processes of the demo still live: ${findProcesses(demo).join(' ')}`, 1);
    await new Promise((resolve) => setTimeout(resolve, lookMs));
  }
}

/**
 * Living processes of the demo: by their environment on Linux; elsewhere by their arguments, where Phasr's
 * own have the repository's path.
 * @param {Demo} demo
 * @returns {readonly number[]}
 */
function findProcesses({ directory }) {
  if (process.platform !== 'linux') {
    const lines = execFileSync('ps', ['-axww', '-o', 'pid=,args='], { encoding: 'utf8' }).split('\n');
    return lines.filter((line) => line.includes(directory)).map((line) => Number.parseInt(line, 10));
  }
  const isOurs = (/** @type {number} */ pid) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(`PHASR_DEMO=${directory}`);
    } catch {
      // Safe to ignore: it has ended, or it is somebody else's.
      return false;
    }
  };
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter(isOurs);
}

/**
 * @param {Demo} demo
 * @param {readonly string[]} args
 */
function phasr(demo, args) {
  return call(demo, { words: ['phasr', ...args], cwd: demo.repository });
}

/**
 * Shows a command as one would type it, and runs it. Throws when it fails or the person has had enough.
 * @param {Demo} demo
 * @param {object} what
 * @param {readonly string[]} what.words
 * @param {string} what.cwd
 * @param {string} [what.shown] The words as a person would write them, if not in one line.
 * @param {boolean} [what.isSilent] It will print nothing, so that it can stand close to the one before.
 */
async function call({ env }, { words, cwd, shown = words.map(quote).join(' '), isSilent = false }) {
  command(shown, isSilent);
  const [name = '', ...args] = words;
  const [file, first] = name === 'phasr' ? [process.execPath, [CLI]] : [name, []];
  const code = await run(file, [...first, ...args], { cwd, env, onStart: (child) => (now.child = child) });
  now.child = null;
  stopIfInterrupted();
  if (code !== 0) throw new Failure(`the last command ended with exit code ${code}`, code);
}

function stopIfInterrupted() {
  if (now.signal !== null) throw new Interruption('interrupted');
}

/**
 * @param {string} title
 * @param {string[]} lines
 */
function announce(title, ...lines) {
  console.log(`\n${bold(title)}\n${lines.join('\n')}`);
}

/**
 * @param {string} line
 * @param {boolean} [isClose]
 */
function command(line, isClose = false) {
  console.log(`${isClose ? '' : '\n'}${bold(`$ ${line}`)}`);
}

/**
 * A word as a shell reads it back.
 * @param {string} word
 */
function quote(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
