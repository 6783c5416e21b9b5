/**
 * Random lives of tasks against a model: whatever anybody does, every byte that lay in a worktree when something was removed or put back
 * is still there, and the user's own things change by a merge alone. `PHASR_SEQUENCES` says how many lives (2000 for the whole proof); a failure
 * prints its seed, and `PHASR_SEED` repeats it.
 */

import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { openPhasr, type Phasr } from '../src/index.ts';
import { asTaskId } from '../src/task/names.ts';
import { waitFor } from './support/wait-for.ts';
import { makeWorld, type World } from './support/world.ts';

const SEQUENCES = Number(process.env['PHASR_SEQUENCES'] ?? 6);
const SEED = Number(process.env['PHASR_SEED'] ?? Date.now() % 2 ** 31);

type Step =
  | { readonly kind: 'agent'; readonly task: number; readonly does: keyof typeof DEEDS }
  | { readonly kind: 'user'; readonly does: 'edit' | 'stage' | 'commit' | 'gc' }
  | { readonly kind: 'verb'; readonly task: number; readonly verb: (typeof VERBS)[number] }
  | { readonly kind: 'undo' }
  | {
      readonly kind: 'kill';
      readonly task: number;
      readonly verb: (typeof VERBS)[number];
      readonly afterMs: number;
    }
  | { readonly kind: 'at once'; readonly task: number; readonly verbs: readonly (typeof VERBS)[number][] };

/** What agents and people do in a worktree, each with new bytes: `$CONTENT`, in `$NAME`. What git refuses (in the middle of a merge, say) is no concern here. */
const DEEDS = {
  write: 'printf "%s\\n" "$CONTENT" > "$NAME"',
  change: 'printf "%s\\n" "$CONTENT" >> "$NAME"',
  delete: 'rm -f "$NAME"',
  stage: 'printf "%s\\n" "$CONTENT" > "$NAME"; git add -A',
  commit: 'printf "%s\\n" "$CONTENT" > "$NAME"; git add -A; git commit -qm "$CONTENT"',
  stash: 'printf "%s\\n" "$CONTENT" > "$NAME"; git stash -qu',
  detach: 'git checkout -q --detach',
  branch: 'git switch -qc "branch-$COUNT"',
  rebase: 'git rebase -q --onto HEAD~1 HEAD',
  ignored: 'mkdir -p local; printf "%s\\n" "$CONTENT" > "local/$NAME"',
  link: 'rm -f link; ln -s "$CONTENT" link',
  executable: 'printf "%s\\n" "$CONTENT" > run.sh; chmod 755 run.sh',
  'unfinished merge': 'git merge -q --no-commit --no-ff "stash@{0}"',
} as const;
const VERBS = [
  'merge',
  'squash',
  'rebase',
  'discard',
  'restore',
  'rewind',
  'resume',
  'diff',
  'show',
] as const;

const TASKS = 2;
const task = fc.integer({ min: 1, max: TASKS });
const verb = fc.constantFrom(...VERBS);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant('agent' as const),
      task,
      does: fc.constantFrom(...(Object.keys(DEEDS) as (keyof typeof DEEDS)[])),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('user' as const),
      does: fc.constantFrom('edit' as const, 'stage' as const, 'commit' as const, 'gc' as const),
    }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('verb' as const), task, verb }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('undo' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('kill' as const),
      task,
      verb,
      afterMs: fc.integer({ min: 60, max: 260 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('at once' as const),
      task,
      verbs: fc.array(verb, { minLength: 2, maxLength: 2 }),
    }),
  },
);

/** What must be findable, whatever happens: contents by the blob's name. */
class Life {
  readonly owed = new Map<string, string>();
  /** The user's own edits, by path. */
  readonly mine = new Map<string, string>();
  count = 0;

  constructor(
    readonly world: World,
    readonly phasr: Phasr,
  ) {}

  fresh(): string {
    return `content ${++this.count} ${'x'.repeat(this.count % 7)}\n`;
  }

  worktree(id: number): string | undefined {
    const found = this.phasr.find(asTaskId(id));
    return found.directory !== null && existsSync(found.worktreePath) ? found.worktreePath : undefined;
  }

  /** What an operation takes away from the worktrees is owed from then on, until one has given it back: then it is its agent's again, who may write over it. */
  async during(operation: () => Promise<unknown>): Promise<void> {
    const before = this.lying();
    await operation();
    const after = this.lying();
    for (const [key, bytes] of after)
      if (before.get(key)?.equals(bytes) !== true) this.owed.delete(blobName(bytes));
    for (const [key, bytes] of before)
      if (after.get(key)?.equals(bytes) !== true)
        this.owed.set(blobName(bytes), `${key}: ${bytes.toString()}`);
  }

  private lying(): Map<string, Buffer> {
    const found = new Map<string, Buffer>();
    for (let id = 1; id <= TASKS; id++) {
      const root = this.worktree(id);
      if (root === undefined) continue;
      for (const path of filesBelow(root)) found.set(`task ${id}, ${path}`, readFileSync(join(root, path)));
    }
    return found;
  }
}

function filesBelow(root: string, folder = ''): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (path === '.git' || entry.isSymbolicLink()) return [];
    return entry.isDirectory() ? filesBelow(root, path) : [path];
  });
}

function blobName(bytes: Buffer): string {
  return createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
}

/** Behind the walls of the task, when worlds have any (`PHASR_TEST_SANDBOX`). */
async function act(life: Life, { task: id, does }: Extract<Step, { kind: 'agent' }>): Promise<void> {
  const cwd = life.worktree(id);
  if (cwd === undefined) return;
  const { world } = life;
  const NAME = `file-${life.count % 5}`;
  const env = { NAME, CONTENT: life.fresh().trim(), COUNT: String(life.count) };
  const deed = ['-c', `exec 2>/dev/null; ${DEEDS[does]}`];
  if (world.env['PHASR_SANDBOX'] === 'off') await world.program('sh', deed, { cwd, env });
  else expect((await world.phasr(['exec', String(id), '--', 'sh', ...deed], { env })).stderr).toBe('');
}

function actAsUser(life: Life, does: Extract<Step, { kind: 'user' }>['does']): void {
  const { world } = life;
  const path = 'mine.txt';
  if (does === 'gc') {
    world.git(['gc', '-q', '--prune=now']);
    return;
  }
  const content = life.fresh();
  appendFileSync(join(world.repo, path), content);
  if (does === 'stage') world.git(['add', path]);
  if (does === 'commit') {
    world.git(['add', path]);
    world.git(['commit', '-qm', content]);
  }
  life.mine.set(path, readFileSync(join(world.repo, path), 'utf8'));
}

/** Outcomes and refusals are all right; anything that is thrown is looked at by the caller. */
async function call(life: Life, id: number, what: (typeof VERBS)[number]): Promise<void> {
  const { phasr } = life;
  const of = asTaskId(id);
  const snapshots = phasr.find(of).snapshots ?? [];
  switch (what) {
    case 'merge':
    case 'squash':
    case 'rebase':
      await phasr.merge(of, { strategy: what, into: null });
      return;
    case 'discard':
      await phasr.discard(of);
      return;
    case 'restore':
      await phasr.restore(of);
      return;
    case 'rewind':
      await phasr.rewind(of, snapshots[0]?.number ?? 1);
      return;
    case 'resume': {
      const request = { prompt: null, timeoutMs: null, session: 'last', terminal: null } as const;
      const resumed = await phasr.resume(of, request).catch(ignoreExpected);
      if (resumed?.kind === 'resumed')
        await phasr.wait([of], { limitMs: 60_000, signal: null, onLook: null });
      return;
    }
    case 'diff':
      await phasr.diff(of, { withCarried: false, from: null, to: null });
      return;
    case 'show':
      await phasr.show(of);
  }
}

/** Operating failures are named, and change nothing; bugs are not. */
function ignoreExpected(error: unknown): undefined {
  if (error instanceof Error && error.name === 'PhasrError') return undefined;
  throw error;
}

const CLI_WORDS: Record<(typeof VERBS)[number], (id: number) => string[]> = {
  merge: (id) => ['merge', String(id)],
  squash: (id) => ['merge', String(id), '--strategy', 'squash'],
  rebase: (id) => ['merge', String(id), '--strategy', 'rebase'],
  discard: (id) => ['discard', String(id)],
  restore: (id) => ['restore', String(id)],
  rewind: (id) => ['rewind', String(id), '1'],
  resume: (id) => ['resume', String(id), '--detach'],
  diff: (id) => ['diff', String(id)],
  show: (id) => ['show', String(id)],
};

async function take(life: Life, one: Step): Promise<void> {
  switch (one.kind) {
    case 'agent':
      return act(life, one);
    case 'user':
      return actAsUser(life, one.does);
    case 'verb':
      return life.during(() => call(life, one.task, one.verb).catch(ignoreExpected));
    case 'undo':
      return life.during(() => life.phasr.undo({ operation: null, dryRun: false }).catch(ignoreExpected));
    case 'kill':
      return life.during(async () => {
        await life.world.kill(['phasr', ...CLI_WORDS[one.verb](one.task)], one.afterMs);
        await life.phasr.recover().catch(ignoreExpected);
        await ended(life, one.task);
      });
    case 'at once':
      return life.during(async () => {
        await Promise.all(one.verbs.map((what) => life.world.phasr(CLI_WORDS[what](one.task))));
        await ended(life, one.task);
      });
  }
}

/** A run that was asked for has ended; what reads files in motion would see them vanish. */
async function ended({ phasr }: Life, id: number): Promise<void> {
  await phasr.wait([asTaskId(id)], { limitMs: 60_000, signal: null, onLook: null });
}

/** All that git can reach in the repository, and all that lies in worktrees and in the trash. */
function findable(life: Life): Set<string> {
  const { world } = life;
  const reachable = world.git(['rev-list', '--objects', '--no-object-names', '--all']).split('\n');
  const places = [join(world.home, '.phasr/worktrees'), world.repo];
  const lying = places
    .filter((place) => existsSync(place))
    .flatMap((place) => filesBelow(place).map((path) => blobName(readFileSync(join(place, path)))));
  return new Set([...reachable, ...lying]);
}

function check(life: Life, before: { readonly stash: string; readonly config: string }): void {
  const { world, phasr } = life;
  const found = findable(life);
  const lost = [...life.owed].filter(([name]) => !found.has(name)).map(([, what]) => what);
  expect(lost, 'bytes that are nowhere any more').toEqual([]);
  for (const [path, content] of life.mine)
    expect(readFileSync(join(world.repo, path), 'utf8'), `the user's ${path}`).toBe(content);
  expect(world.git(['stash', 'list'])).toBe(before.stash);
  expect(readFileSync(join(world.repo, '.git/config'), 'utf8')).toBe(before.config);
  expect(world.git(['fsck', '--full', '--no-dangling'])).toBe('');
  const locks = readdirSync(join(world.repo, '.git')).filter((name) => name.endsWith('.lock'));
  expect(locks, 'locks').toEqual([]);
  for (let id = 1; id <= TASKS; id++) {
    const { phase } = phasr.find(asTaskId(id));
    expect(['idle', 'merged', 'discarded'], `task ${id}`).toContain(phase.kind);
  }
}

async function live(steps: readonly Step[]): Promise<void> {
  await using world = makeWorld('model');
  world.init({ 'README.md': '# Demo\n', '.gitignore': 'local/\n', 'mine.txt': 'mine\n' });
  writeFileSync(join(world.repo, 'stashed'), 'stashed\n');
  world.git(['stash', '-qu']);
  const before = {
    stash: world.git(['stash', 'list']),
    config: readFileSync(join(world.repo, '.git/config'), 'utf8'),
  };
  const prompts = Array.from({ length: TASKS }, (_, index) => `task ${index + 1}`);
  await world.ok(['run', ...prompts, '--', 'sh', '-c', 'echo "agent $$" > agent-$PHASR_TASK']);
  const phasr = await openPhasr({ directory: world.repo, env: world.env });
  try {
    const life = new Life(world, phasr);
    for (const one of steps) await take(life, one);
    await waitFor('background processes to end', () => world.processes().length === 0);
    await phasr.recover();
    await waitFor('background processes to end', () => world.processes().length === 0);
    check(life, before);
    // And after the strictest clean-up of the user's.
    actAsUser(life, 'gc');
    check(life, before);
  } finally {
    phasr.close();
  }
}

test(
  `whatever happens in ${SEQUENCES} random lives (seed ${SEED}), no byte is lost and the user's things change by a merge alone`,
  async () => {
    await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 14, size: 'max' }), live), {
      numRuns: SEQUENCES,
      seed: SEED,
      endOnFailure: process.env['PHASR_SHRINK'] === undefined,
    });
  },
  SEQUENCES * 60_000,
);
