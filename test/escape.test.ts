/** An agent that reaches out of its place is held back, or noticed and named, and nothing of it is merged before its person has looked (user pains P7, P12, P13). */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { TaskJson } from './support/answer.ts';
import { ESCAPES, hasSandbox, makeNeighbours, type Outcome } from './support/escapes.ts';
import { listFiles } from './support/files.ts';
import { waitFor } from './support/wait-for.ts';
import { makeWorld, type World } from './support/world.ts';

const OWN =
  /phasr\/tasks\/2\/|\/2-escape\/|worktrees\/phasr-2\/|\.prompts\/2\.|phasr\/task-2-escape(?![^\n]*refs\/tags)|refs\/phasr\/\w+\/2\b/;
const BOOKS =
  /\.git\/phasr\/(?:phasr\.db|mutex|places|code)|\.phasr\/(?:places|code)|\.git\/phasr\/trash|\.git\/index$/;

/** All that is not the task's own: without what Phasr itself writes about its run. New objects change nothing. */
function stateOf(world: World): object {
  const files = Object.entries(listFiles(world.root)).filter(
    ([path]) => !BOOKS.test(path) && (!OWN.test(path) || path.includes('refs/tags')),
  );
  const isLasting = ([path]: readonly [string, string]): boolean => !/\.git\/objects\/(?!info\/)/.test(path);
  return {
    files: Object.fromEntries(files.filter(isLasting)),
    refs: world
      .git(['for-each-ref', '--format=%(objectname) %(refname)'])
      .split('\n')
      .filter((line) => !/refs\/(?:heads\/phasr\/task-2-escape|phasr\/(?:base|snapshots)\/2)/.test(line)),
    status: world.git(['-c', 'core.fsmonitor=false', 'status', '--porcelain', '--ignored']),
    unreferenced: world.git(['cat-file', '-t', world.git(['hash-object', 'by-hand'])]),
    fsck: world.git(['-c', 'core.fsmonitor=false', 'fsck', '--no-dangling']),
    database: existsSync(join(world.repo, '.git/phasr/phasr.db')),
  };
}

function look(world: World): object | string {
  try {
    return stateOf(world);
  } catch (error) {
    return String(error);
  }
}

async function launch(world: World, sandbox: string, script: string): Promise<TaskJson | undefined> {
  const { root, repo } = world;
  const other = await world.json(['show', '1']);
  const places = `R=${repo} G=${repo}/.git O=${other.worktree} M=${root}/mine X=${root}/remote; export R G O M X; cd "$PHASR_WORKTREE"`;
  const whole = `exec 2>/dev/null; ${places}; ${script}; cd "$PHASR_WORKTREE"; echo honest > honest`;
  const env = { PHASR_SANDBOX: sandbox };
  const ran = await world.phasr(['run', 'escape', '--json', '--', 'sh', '-c', whole], { env });
  await waitFor('background processes to end', () => world.processes().length === 0);
  try {
    return (JSON.parse(ran.stdout) as { readonly tasks: readonly TaskJson[] }).tasks[0];
  } catch {
    // The repository is gone.
    return undefined;
  }
}

async function findOutcome(world: World, before: object): Promise<Outcome> {
  const isAsBefore = JSON.stringify(look(world)) === JSON.stringify(before);
  const shown = await world.phasr(['show', '2', '--json']);
  const ran = await world.phasr(['merge', '2', '--json']);
  if (ran.code === 0) return isAsBefore ? 'prevented' : 'open';
  const refusal = /"code":"([\w-]+)"/.exec(ran.stdout)?.[1];
  if (refusal !== 'escaped') return 'wrecked';
  const { escape } = JSON.parse(shown.stdout) as TaskJson;
  expect(escape).toMatchObject({ run: 1, isVictim: false, blocks: true });
  expect(escape?.changes.length).toBeGreaterThan(0);
  return 'blocked';
}

async function tryRow(sandbox: string, script: string, outcome: Outcome): Promise<void> {
  await using world = makeWorld('escape');
  await makeNeighbours(world);
  const before = stateOf(world);
  await launch(world, sandbox, script);
  expect(await findOutcome(world, before)).toBe(outcome);
  // Nothing that it has planted was run by what looks at it.
  expect(existsSync(join(world.repo, 'pwned'))).toBe(false);
  if (outcome === 'prevented') expect(world.read('honest')).toBe('honest\n');
  else if (outcome !== 'open') expect(existsSync(join(world.repo, 'honest'))).toBe(false);
}

test.skipIf(!hasSandbox).each(ESCAPES)(
  'behind walls, of an agent that $what ($row) comes: $walls',
  async ({ script, walls }) => tryRow('auto', script, walls),
);

test.each(ESCAPES)('without walls, of an agent that $what ($row) comes: $off', async ({ script, off }) =>
  tryRow('off', script, off),
);
