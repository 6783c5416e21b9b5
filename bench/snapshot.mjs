/** A snapshot of a worktree, unchanged and with some changed files, beside `git status` there. */

import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { LARGE_FILES } from './plan.mjs';
import { interleave } from './timing.mjs';

/** @import { Bench } from './plan.mjs' */
/** @import { Fixture } from './repositories.mjs' */
/** @import { LaunchedTask } from './tasks.mjs' */

const UNCHANGED_RATIO_MAX = 1.5;
const CHANGED_RATIO_MAX = 2;
const CHANGED_FILES = 20;

/** @param {{ readonly label: string }} fixture */
export function snapshotNames({ label }) {
  return { unchanged: `snapshot, unchanged, ${label}`, changed: `snapshot, 20 files changed, ${label}` };
}

/** Takes a snapshot through the library, so that the start of a program is not in the time: a supervisor has been started long before. */
const TAKE = `
  const [library, directory, id] = process.argv.slice(1);
  const { openPhasr } = await import(library);
  const phasr = await openPhasr({ directory });
  const startMs = performance.now();
  const { kind } = await phasr.snapshot(Number(id));
  const ms = performance.now() - startMs;
  phasr.close();
  console.log(JSON.stringify({ ms, kind }));
`;

/**
 * @param {Bench} bench
 * @param {Fixture} fixture
 * @param {LaunchedTask} task
 */
export async function measureSnapshots({ world, rounds, wants, report }, fixture, { id }) {
  const { repo, files } = fixture;
  const names = snapshotNames(fixture);
  const worktree = (await world.phasr(['path', String(id)], { cwd: repo })).stdout.trim();
  const library = pathToFileURL(world.path('program', 'dist', 'index.js')).href;
  /** @param {string} expected */
  const take = async (expected) => {
    const args = ['--input-type=module', '-e', TAKE, library, repo, String(id)];
    const { ms, kind } = JSON.parse((await world.ok(process.execPath, args, { cwd: world.root })).stdout);
    if (kind !== expected) throw new Error(`the snapshot was ${kind}, not ${expected}`);
    return ms;
  };
  const status = async () => (await world.ok('git', ['status', '--porcelain'], { cwd: worktree })).ms;
  const limit = (/** @type {number} */ value) =>
    files >= LARGE_FILES
      ? /** @type {const} */ ({ of: 'ratio', by: 'median', side: 'at most', value })
      : null;
  const common = /** @type {const} */ ({ unit: 'ms', ratio: 'subject/baseline', git: [] });
  const tracked = (await world.git(['ls-files', '-z'], worktree)).split('\0').slice(0, -1);
  const change = async () => {
    // Files of many folders, as an agent's work would have them.
    const every = Math.max(1, Math.floor(tracked.length / CHANGED_FILES));
    for (const [index, path] of tracked.entries())
      if (index % every === 0 && index / every < CHANGED_FILES)
        appendFileSync(join(worktree, path), 'more\n');
    await world.nextSecond();
  };
  await change();
  await take('kept');
  await world.settle();
  if (wants(names.unchanged)) {
    const pairs = await interleave({
      rounds,
      warmUp: true,
      baseline: status,
      subject: () => take('unchanged'),
    });
    report({
      ...common,
      name: names.unchanged,
      baseline: { label: 'git status', values: pairs.baseline },
      subject: { label: 'snapshot', values: pairs.subject },
      limit: limit(UNCHANGED_RATIO_MAX),
    });
  }
  if (!wants(names.changed)) return;
  const pairs = await interleave({
    rounds,
    warmUp: true,
    baseline: async () => {
      await change();
      return status();
    },
    subject: async () => {
      await change();
      return take('kept');
    },
  });
  report({
    ...common,
    name: names.changed,
    baseline: { label: 'git status', values: pairs.baseline },
    subject: { label: 'snapshot', values: pairs.subject },
    limit: limit(CHANGED_RATIO_MAX),
  });
}
