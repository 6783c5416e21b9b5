/**
 * Nothing is lost by a kill at any moment: every operation is killed (SIGKILL) before, while and after each step that somebody outside can see, in a world of
 * its own. Usually a sample, drawn by a printed seed; `PHASR_CRASH=all` tries all, `squash` one operation, `squash#17` or `squash#update-ref` some of its steps.
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { crash, FAST, observe, type Operation, perform, type Work } from './support/crash/matrix.ts';
import { AGENT_ENDED, AGENT_STARTS } from './support/crash/oracle.ts';
import { makeWorld, type World } from './support/world.ts';

/** A work's content names it; none occurs twice. */
const WORK: Work = Object.fromEntries(
  [
    'committed.txt',
    'src/b.ts',
    'added.txt',
    'untracked.txt',
    'run.sh',
    'stashed.txt',
    'side.txt',
    '.env.local',
  ].map((name) => [name, `the agent's ${name}\n`]),
);
const write = (name: string): string => `mkdir -p "$(dirname ${name})"; echo "the agent's ${name}" > ${name}`;

/** Commits, stashes, leaves a branch of its own, staged, untracked and ignored files, and a deletion. */
const AGENT = [
  `printf x >> "$HOME/${AGENT_STARTS}"`,
  `${write('committed.txt')}; ${write('src/b.ts')}; git add .; git commit -qm "the agent's own"`,
  `${write('stashed.txt')}; git add .; git stash -q`,
  `git switch -qc side; ${write('side.txt')}; git add .; git commit -qm side; git switch -q -`,
  `${write('added.txt')}; git add .`,
  `${write('untracked.txt')}; ${write('run.sh')}; chmod +x run.sh; ln -s run.sh link`,
  `echo more >> README.md; git rm -q gone.txt; ${write('.env.local')}; mkdir -p build; echo made > build/out`,
  // As `git worktree repair` in the person's repository does.
  'echo "gitdir: elsewhere" > .git',
  `echo >> "$HOME/${AGENT_ENDED}"`,
].join('\n');
const BRINGS = [
  ...['committed.txt', 'src/b.ts', 'added.txt', 'untracked.txt', 'run.sh', 'link', 'README.md', 'gone.txt'],
  ...['.gitattributes', 'later.txt'],
];

/** The target has gone on since the base, so that a merge has to make a commit. */
const run = (script = AGENT): readonly string[] => ['run', 'do it', '--base', 'v1', '--', 'sh', '-c', script];
const launched = async (world: World): Promise<void> => void (await world.ok(run()));

/** What a person does in the worktree after the run: a file, and one staged and changed again. */
async function editedLater(world: World): Promise<void> {
  await world.ok(run());
  const { worktree } = await world.json(['show', '1']);
  writeFileSync(join(worktree, 'later.txt'), 'staged later\n');
  world.git(['add', 'later.txt'], worktree);
  writeFileSync(join(worktree, 'later.txt'), 'changed again later\n');
}
const LATER: Work = { ...WORK, 'later.txt, changed': 'changed again later\n' };
const LATER_STAGED: Work = { ...LATER, 'later.txt, staged': 'staged later\n' };

const standElsewhere = (world: World): unknown => world.git(['symbolic-ref', 'HEAD', 'refs/heads/other']);

function merging(
  name: string,
  args: readonly string[],
  more: Partial<Pick<Operation, 'prepare' | 'args' | 'work'>> = {},
): Operation {
  const command = ['merge', '1', '--into', 'main', ...args];
  return {
    name,
    in: 'cli',
    prepare: launched,
    args: command,
    finished: 'merged',
    again: () => command,
    work: WORK,
    brings: name.includes('elsewhere') ? [] : BRINGS,
    ...more,
  };
}

const strategies = ['merge', 'squash', 'rebase'].flatMap((strategy) => [
  merging(strategy, ['--strategy', strategy]),
  merging(`${strategy}, the person elsewhere`, ['--strategy', strategy], {
    prepare: async (world) => {
      await launched(world);
      standElsewhere(world);
    },
  }),
]);

/** Whatever changes a repository, and is to be finished after a kill, has a row here: its command, where it begins, and where it ends. */
const OPERATIONS: readonly Operation[] = [
  {
    name: 'launch',
    in: 'cli',
    prepare: async () => undefined,
    args: ['run', '-d', ...run().slice(1)],
    finished: 'done',
    again: (state) => (state === undefined ? run() : ['wait', '1']),
    work: WORK,
    brings: [],
  },
  {
    name: 'launch with changes',
    in: 'cli',
    prepare: async () => undefined,
    args: ['run', '-d', '--with-changes', 'do it', '--', 'sh', '-c', AGENT],
    finished: 'done',
    again: (state) =>
      state === undefined ? ['run', '--with-changes', 'do it', '--', 'sh', '-c', AGENT] : ['wait', '1'],
    work: WORK,
    brings: [],
  },
  {
    name: 'launch that fails',
    in: 'supervise',
    // A checkout of README.md cannot succeed.
    prepare: async (world) => {
      world.write('.git/info/attributes', 'README.md filter=broken\n');
      world.git(['config', 'filter.broken.clean', 'cat']);
      world.git(['config', 'filter.broken.smudge', 'false']);
      world.git(['config', 'filter.broken.required', 'true']);
    },
    args: ['run', '-d', ...run().slice(1)],
    finished: 'failed',
    again: () => ['wait', '1'],
    work: {},
    brings: [],
  },
  {
    name: 'run and commit',
    in: 'supervise',
    prepare: async () => undefined,
    args: run(),
    finished: 'done',
    again: () => ['wait', '1'],
    work: WORK,
    brings: [],
  },
  ...strategies,
  merging('fast-forward', [], {
    prepare: async (world) => {
      await world.ok(run().filter((arg) => arg !== '--base' && arg !== 'v1'));
    },
  }),
  merging('merge of whole trees', [], {
    prepare: async (world) => {
      await world.ok(run(`echo '*.bin -text' > .gitattributes; ${AGENT}`));
    },
  }),
  merging('merge with later edits', [], { prepare: editedLater, work: LATER }),
  merging('going on with a merge that was cut off', [], {
    prepare: async (world) => {
      await launched(world);
      const cut = { name: 'cut off', in: 'cli', args: ['merge', '1'] } as const;
      const { died } = await perform(cut, world, { at: 'after git update-ref' });
      expect(died).toContain('update-ref');
    },
    args: ['list'],
  }),
  {
    name: 'discard',
    in: 'cli',
    prepare: editedLater,
    args: ['discard', '1'],
    finished: 'discarded',
    again: () => ['discard', '1'],
    work: LATER_STAGED,
    brings: [],
  },
  {
    name: 'sweep',
    in: 'sweep',
    prepare: editedLater,
    args: ['discard', '1'],
    finished: 'discarded',
    again: () => ['list'],
    work: LATER_STAGED,
    brings: [],
  },
  {
    name: 'snapshot',
    repeats: true,
    in: 'cli',
    prepare: editedLater,
    args: ['snapshot', '1'],
    finished: 'done',
    again: () => ['snapshot', '1'],
    work: LATER_STAGED,
    brings: [],
  },
  {
    name: 'rewind',
    repeats: true,
    in: 'cli',
    prepare: editedLater,
    args: ['rewind', '1', '1'],
    finished: 'done',
    again: () => ['rewind', '1', '1'],
    work: LATER_STAGED,
    brings: [],
  },
  {
    name: 'restore',
    in: 'cli',
    prepare: async (world) => {
      await editedLater(world);
      await world.ok(['discard', '1']);
    },
    args: ['restore', '1'],
    finished: 'done',
    again: () => ['restore', '1'],
    work: LATER_STAGED,
    brings: [],
  },
  {
    name: 'restore from the disk',
    in: 'cli',
    // No ref can hold a repository of its own, so its files stay where they are.
    prepare: async (world) => {
      await editedLater(world);
      const { worktree } = await world.json(['show', '1']);
      world.git(['init', '-q', 'nested'], worktree);
      world.commit('nested', { own: 'own\n' }, join(worktree, 'nested'));
      await world.ok(['discard', '1']);
    },
    args: ['restore', '1'],
    finished: 'done',
    again: () => ['restore', '1'],
    work: LATER_STAGED,
    brings: [],
  },
  ...['merge', 'squash'].map((strategy): Operation => {
    return {
      name: `undo of a ${strategy}`,
      in: 'cli',
      prepare: async (world) => {
        await launched(world);
        await world.ok(['merge', '1', '--strategy', strategy]);
      },
      args: ['undo'],
      finished: 'done',
      again: (state) => (state === 'merged' ? ['undo'] : ['restore', '1']),
      work: WORK,
      brings: BRINGS,
    };
  }),
  {
    name: 'cleanup',
    in: 'cli',
    // Somebody has put its work into the target as one commit, and stands elsewhere.
    prepare: async (world) => {
      standElsewhere(world);
      const script = `printf x >> "$HOME/${AGENT_STARTS}"; ${write('committed.txt')}; echo >> "$HOME/${AGENT_ENDED}"`;
      await world.ok(['run', 'do it', '--base', 'main', '--', 'sh', '-c', script]);
      const { branch } = await world.json(['show', '1']);
      const squashed = world.git(['commit-tree', '-p', 'main', '-m', 'squashed', `${branch}^{tree}`]);
      world.git(['update-ref', 'refs/heads/main', squashed]);
    },
    args: ['cleanup'],
    finished: 'merged',
    again: () => ['cleanup'],
    work: { 'committed.txt': WORK['committed.txt'] ?? '' },
    brings: [],
  },
];

/** Of how many points one is tried in the sample. */
const SAMPLE = 101;
const CHOICE = process.env['PHASR_CRASH'] ?? '';
const SEED = Number(process.env['PHASR_CRASH_SEED'] ?? Math.floor(Math.random() * SAMPLE));

function choosePoints(operation: Operation, steps: readonly string[]): readonly number[] {
  const all = steps.map((_, index) => index + 1);
  if (CHOICE === 'all') return all;
  if (CHOICE === '') return all.filter((point) => (point + SEED) % SAMPLE === 0);
  const [name, step = ''] = CHOICE.split('#');
  if (name !== operation.name) return [];
  return all.filter((at) => (/^\d+$/.test(step) ? at === Number(step) : steps[at - 1]?.includes(step)));
}

let base: World;
const tried = { points: 0, of: 0 };

beforeAll(() => {
  base = makeWorld('crash-base', FAST);
  base.init({
    'README.md': 'demo\n',
    'gone.txt': 'gone\n',
    'dirty.txt': 'clean\n',
    '.gitignore': '.env*\nbuild/\n',
  });
  base.git(['tag', 'v1']);
  base.commit('the target goes on', { 'theirs.txt': 'theirs\n' });
  base.git(['branch', 'other']);
  base.write('dirty.txt', 'stashed by the person\n');
  base.git(['stash', '-q']);
  base.git(['config', 'branch.main.description', 'mine']);
  base.write('dirty.txt', 'dirty\n');
  base.write('staged.txt', 'staged\n');
  base.git(['add', 'staged.txt']);
  base.write('staged.txt', 'and changed again\n');
  base.write('scratch.txt', 'untracked\n');
  base.write('.env', 'ignored\n');
});

afterAll(async () => {
  await base[Symbol.asyncDispose]();
  console.log(
    `crash matrix: ${tried.points} of ${tried.of} points in ${OPERATIONS.length} operations, seed ${SEED}`,
  );
});

describe('killed at any step nothing is lost, nothing of the person is touched, and one command finishes it', () => {
  test.each(OPERATIONS)(
    '$name',
    async (operation) => {
      const reference = await observe(operation, base);
      const points = choosePoints(operation, reference.steps);
      tried.points += points.length;
      tried.of += reference.steps.length;
      const startMs = Date.now();
      const failures: string[] = [];
      const left = [...points];
      const work = async (): Promise<void> => {
        for (let at = left.shift(); at !== undefined; at = left.shift()) {
          await crash(operation, base, { at, reference }).catch((error: unknown) => {
            failures.push(String(error));
            // The whole matrix takes an hour: nobody should have to wait for its end.
            console.log(String(error));
          });
        }
      };
      await Promise.all([work(), work()]);
      if (CHOICE !== '')
        console.log(
          `${operation.name}: ${points.length - failures.length} of ${points.length} points hold, ${Math.round((Date.now() - startMs) / 1000)} s`,
        );
      expect(failures.sort()).toEqual([]);
    },
    3_600_000,
  );
});
