/**
 * Measures the built program against git and Node on this machine: `npm run bench`, with `-- --help` for the
 * options. Linux only (it reads `/proc`). The files go below the system's temporary directory; TMPDIR chooses
 * another one.
 */
import { execFileSync } from 'node:child_process';
import { statfsSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { crossCheck } from '../bench/cross-check.mjs';
import { discardName, measureDiscard } from '../bench/discard.mjs';
import {
  launchNames,
  lookNames,
  measureLaunch,
  measureLooks,
  measureWalls,
  WALLS,
} from '../bench/launch.mjs';
import {
  BRING_OVER,
  LOOKOUT,
  measureBringOver,
  measureLookout,
  measureQuiet,
  measureWorktree,
  QUIET,
  worktreeNames,
} from '../bench/isolation.mjs';
import { measureMemory, memoryNames } from '../bench/memory.mjs';
import { measureMerge, mergeName } from '../bench/merge.mjs';
import { judge, renderTable, renderVerdict } from '../bench/report.mjs';
import { copyReal, makeSynthetic, realLabel, syntheticLabel } from '../bench/repositories.mjs';
import {
  launchMany,
  LIST,
  measureList,
  measureRecover,
  measureVersion,
  RECOVER,
  VERSION,
} from '../bench/start-up.mjs';
import { measureSnapshots, snapshotNames } from '../bench/snapshot.mjs';
import { launchTask } from '../bench/tasks.mjs';
import { World } from '../bench/world.mjs';

/** @import { Bench } from '../bench/plan.mjs' */
/** @import { Count } from '../bench/cross-check.mjs' */
/** @import { Launches } from '../bench/launch.mjs' */
/** @import { Result } from '../bench/report.mjs' */
/** @import { Fixture } from '../bench/repositories.mjs' */
/** @import { LaunchedTask } from '../bench/tasks.mjs' */

const USAGE = `npm run bench -- [options]
  --sizes N,N,…   synthetic repositories of so many files (default: 1000,10000,50000)
  --repo PATH     a copy of this repository instead of synthetic ones, or beside those of --sizes
  --rounds N      rounds of each measurement (default: 7)
  --only NAME     only measurements with this in their name
  --json FILE     write the raw numbers there
Exit code 1: something is over its limit, or git processes are miscounted.`;

const DEFAULT_SIZES = '1000,10000,50000';
const SMALL_FILES = 1000;

/**
 * @typedef {object} Plan
 * @property {string} label
 * @property {() => Promise<Fixture>} make
 * @property {boolean} launches
 * @property {boolean} looks
 * @property {boolean} merges
 * @property {boolean} isolates
 */

/** @typedef {{ readonly plan: Plan, readonly fixture: Fixture }} Planned */

/**
 * @typedef {object} Prepared
 * @property {Fixture} fixture
 * @property {Launches | null} launches
 * @property {readonly LaunchedTask[]} toMerge
 */

const options = readOptions();
execFileSync(process.execPath, [fileURLToPath(new URL('build.mjs', import.meta.url)), '--no-types'], {
  stdio: 'inherit',
});
const world = new World();
for (const [signal, code] of /** @type {const} */ ([
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
])) {
  process.on(signal, () => {
    process.stderr.write('\ncleaning up …\n');
    world.dispose();
    process.exit(code);
  });
}
try {
  world.installProgram();
  process.exitCode = await main();
} finally {
  say('cleaning up …');
  world.dispose();
}

async function main() {
  /** @type {Result[]} */
  const results = [];
  /** @type {Bench} */
  const bench = {
    world,
    rounds: options.rounds,
    wants: (name) => name.includes(options.only),
    report: (measured) => {
      if (!bench.wants(measured.name)) return;
      const result = judge(measured);
      results.push(result);
      say(`${result.name}: ${renderVerdict(result)}`);
    },
  };
  await measureAll(bench, makePlans(bench.wants));
  if (results.length === 0) {
    say(`There is no measurement with "${options.only}" in its name.`);
    return 2;
  }
  const isCounted = results.some(({ git, unit }) => git.length > 0 || unit === 'git processes');
  const counts = isCounted ? await crossCheck(world, await makeSynthetic(world, SMALL_FILES)) : [];
  return conclude(results, counts);
}

/**
 * Tells everything once more, together, and gives the exit code.
 * @param {readonly Result[]} results
 * @param {readonly Count[]} counts
 */
function conclude(results, counts) {
  const machine = describeMachine();
  say(`\n${machine}\n\n${renderTable(results)}\n`);
  for (const { command, traced, started } of counts)
    say(`git processes of ${command}: ${traced} by the trace, ${started} by a counting git in PATH`);
  const isMiscounted = counts.some(({ traced, started }) => traced !== started);
  if (isMiscounted) say('The two counts differ: do not believe those of the trace.');
  const over = results.filter(({ verdict }) => verdict === 'OVER');
  say(over.length === 0 ? 'Nothing is over its limit.' : `OVER: ${over.map(({ name }) => name).join('; ')}`);
  if (options.json !== undefined)
    writeFileSync(options.json, `${JSON.stringify({ machine, options, results, counts }, null, 2)}\n`);
  return over.length > 0 || isMiscounted ? 1 : 0;
}

/**
 * Everything that creates many files comes before everything that deletes many (see `measureLaunch`).
 * @param {Bench} bench
 * @param {readonly Plan[]} plans
 */
async function measureAll(bench, plans) {
  if (bench.wants(VERSION)) await measureVersion(bench);
  if (bench.wants(LIST) || bench.wants(RECOVER)) {
    const fixture = await makeSynthetic(world, SMALL_FILES);
    await launchMany(bench, fixture);
    if (bench.wants(LIST)) await measureList(bench, fixture);
    if (bench.wants(RECOVER)) await measureRecover(bench, fixture, await makeSynthetic(world, SMALL_FILES));
  }
  if (bench.wants(WALLS)) await measureWalls(bench, await makeSynthetic(world, SMALL_FILES));
  if (bench.wants(BRING_OVER)) await measureBringOver(bench, await makeSynthetic(world, SMALL_FILES));
  if (Object.values(QUIET).some(bench.wants))
    await measureQuiet(bench, await makeSynthetic(world, SMALL_FILES));
  if (Object.values(memoryNames).some(bench.wants))
    await measureMemory(bench, await makeSynthetic(world, SMALL_FILES));
  /** @type {Planned[]} */
  const planned = [];
  for (const plan of plans) planned.push({ plan, fixture: await plan.make() });
  requireSpace(planned, bench.rounds);
  /** @type {Prepared[]} */
  const prepared = [];
  for (const { plan, fixture } of planned) prepared.push(await prepare(bench, plan, fixture));
  for (const { fixture, toMerge } of prepared)
    if (toMerge.length > 0) await measureMerge(bench, fixture, toMerge);
  for (const { fixture, launches } of prepared)
    if (launches !== null && bench.wants(discardName(fixture)))
      await measureDiscard(bench, fixture, launches);
}

/**
 * What is to be done on which repository; those that nothing is to be done on are left out.
 * @param {Bench['wants']} wants
 * @returns {readonly Plan[]}
 */
function makePlans(wants) {
  const { sizes, repo } = options;
  const repositories = [
    ...sizes.map((files) => ({ label: syntheticLabel(files), make: () => makeSynthetic(world, files) })),
    ...(repo === undefined ? [] : [{ label: realLabel(repo), make: () => copyReal(world, repo) }]),
  ];
  return repositories
    .map((repository) => ({
      ...repository,
      launches: [...Object.values(launchNames(repository)), discardName(repository)].some(wants),
      isolates: [...Object.values(worktreeNames(repository)), `${LOOKOUT}, ${repository.label}`].some(wants),
      looks: [...Object.values(lookNames(repository)), ...Object.values(snapshotNames(repository))].some(
        wants,
      ),
      merges: wants(mergeName(repository)),
    }))
    .filter(({ launches, looks, merges, isolates }) => launches || looks || merges || isolates);
}

/**
 * @param {Bench} bench
 * @param {Plan} plan
 * @param {Fixture} fixture
 * @returns {Promise<Prepared>}
 */
async function prepare(bench, { launches: wantsLaunches, looks, merges, isolates }, fixture) {
  if (isolates) {
    if (Object.values(worktreeNames(fixture)).some(bench.wants)) await measureWorktree(bench, fixture);
    if (bench.wants(`${LOOKOUT}, ${fixture.label}`)) await measureLookout(bench, fixture);
  }
  const launches = wantsLaunches ? await measureLaunch(bench, fixture) : null;
  /** @type {LaunchedTask[]} */
  const toMerge = [];
  for (let round = 0; merges && round < bench.rounds; round++) toMerge.push(await launchTask(world, fixture));
  if (looks) {
    const task = launches?.tasks[0] ?? toMerge[0] ?? (await launchTask(world, fixture));
    await measureLooks(bench, fixture, task);
    if (Object.values(snapshotNames(fixture)).some(bench.wants)) await measureSnapshots(bench, fixture, task);
  }
  return { fixture, launches, toMerge };
}

/**
 * Many worktrees exist at once; a full disk in the middle would be somebody's trouble.
 * @param {readonly Planned[]} planned
 * @param {number} rounds
 */
function requireSpace(planned, rounds) {
  const { bavail, bsize, ffree, files: inodes } = statfsSync(world.root);
  let bytes = 0;
  let files = 0;
  for (const { plan, fixture } of planned) {
    const { launches, looks, merges, isolates } = plan;
    const copies =
      (isolates ? 50 : 0) + (launches ? 2 * rounds : 0) + (merges ? rounds : 0) + (looks ? 2 : 0);
    bytes += copies * fixture.bytes;
    files += copies * fixture.files;
  }
  // Some file systems make inodes as they need them, and name none.
  if (bytes < bavail * bsize && (files < ffree || inodes === 0)) return;
  const gigabytes = (bytes / 1e9).toFixed(1);
  throw new Error(`${gigabytes} GB and ${files} files do not fit into ${world.root}; choose another TMPDIR`);
}

function describeMachine() {
  const [cpu] = cpus();
  return `Node ${process.version}, ${cpus().length} × ${cpu?.model ?? 'unknown processor'}, ${options.rounds} rounds`;
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        sizes: { type: 'string' },
        repo: { type: 'string' },
        rounds: { type: 'string', default: '7' },
        only: { type: 'string', default: '' },
        json: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) {
      say(USAGE);
      process.exit(0);
    }
    const sizes = values.sizes ?? (values.repo === undefined ? DEFAULT_SIZES : '');
    return {
      sizes: sizes
        .split(',')
        .filter((size) => size !== '')
        .map(wholeNumber),
      repo: values.repo,
      rounds: wholeNumber(values.rounds),
      only: values.only,
      json: values.json,
    };
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}\n`);
    process.exit(2);
  }
}

/** @param {string} text */
function wholeNumber(text) {
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw new Error(`${text} is no whole number from 1 on`);
}

/** @param {string} line */
function say(line) {
  process.stdout.write(`${line}\n`);
}
