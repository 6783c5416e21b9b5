/** Snapshots of few changed files, which are made without an index: each is what a capture would have made. */

import {
  appendFileSync,
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { waitFor } from './support/wait-for.ts';
import { makeWorld, type World } from './support/world.ts';

const FILES = {
  'README.md': '# Demo\n',
  'src/a.ts': 'a\n',
  'src/b.ts': 'b\n',
  'src/deep/er/c.ts': 'c\n',
  'src/deep/d.ts': 'd\n',
  'lib/only.ts': 'the only one here\n',
  'mixed.bat': 'crlf\n',
  '.gitignore': '.env\nlocal/\n',
  '.gitattributes': '*.bat text eol=crlf\n',
};
const TRACKED = Object.keys(FILES);

type Change = (at: (name: string) => string) => void;

/** Written through a path's bytes, so that a name need not be UTF-8. */
const write = (path: Buffer, text: string): void => writeFileSync(path, text);

/** What a capture alone can tell is among them. */
const CHANGES: Readonly<Record<string, Change>> = {
  append: (at) => {
    for (const name of TRACKED)
      if (existsSync(at(name)) && lstatSync(at(name)).isFile()) appendFileSync(at(name), 'more\n');
  },
  'append to one': (at) => existsSync(at('src/a.ts')) && appendFileSync(at('src/a.ts'), 'and more\n'),
  'the same bytes': (at) =>
    existsSync(at('src/a.ts')) && writeFileSync(at('src/a.ts'), readFileSync(at('src/a.ts'))),
  delete: (at) => rmSync(at('src/b.ts'), { force: true }),
  'empty a folder': (at) => rmSync(at('lib'), { recursive: true, force: true }),
  'a new file': (at) => writeFileSync(at('new.ts'), 'new\n'),
  'the same file changed': (at) => appendFileSync(at('new.ts'), 'more\n'),
  'new folders': (at) => {
    mkdirSync(at('fresh/deep'), { recursive: true });
    writeFileSync(at('fresh/deep/one.ts'), 'one\n');
    writeFileSync(at('fresh/.env'), 'ignored in a new folder\n');
  },
  'without the new file': (at) => rmSync(at('new.ts'), { force: true }),
  'for the owner alone': (at) => existsSync(at('src/a.ts')) && chmodSync(at('src/a.ts'), 0o600),
  executable: (at) => existsSync(at('src/a.ts')) && chmodSync(at('src/a.ts'), 0o755),
  'as it was': (at) => {
    writeFileSync(at('src/a.ts'), FILES['src/a.ts']);
    chmodSync(at('src/a.ts'), 0o644);
  },
  'other line endings': (at) => writeFileSync(at('mixed.bat'), 'crlf\r\nand lf\n'),
  'a link': (at) => existsSync(at('link')) || symlinkSync('README.md', at('link')),
  'a folder for a file': (at) => {
    rmSync(at('README.md'), { recursive: true, force: true });
    mkdirSync(at('README.md'));
    writeFileSync(at('README.md/inside'), 'inside\n');
  },
  'a file for a folder': (at) => {
    rmSync(at('src/deep'), { recursive: true, force: true });
    writeFileSync(at('src/deep'), 'a file now\n');
  },
  moved: (at) => existsSync(at('src/b.ts')) && renameSync(at('src/b.ts'), at('src/z.ts')),
  'odd names': (at) => {
    for (const name of ['__proto__', '"quoted"', 'a\nb', ' ', '-rf', ':(top)x', 'ünï', 'constructor'])
      writeFileSync(at(name), name);
    chmodSync(at('__proto__'), 0o664);
    write(Buffer.concat([Buffer.from(at('caf')), Buffer.from([0xe9])]), 'latin-1 name\n');
  },
  'ignored work': (at) => writeFileSync(at('.env'), `SECRET=${Math.random()}\n`),
  'a larger file': (at) => writeFileSync(at('large.bin'), Buffer.alloc(9 * 1024 * 1024, 'x')),
};

async function takeOne(world: World): Promise<{ readonly text: string; readonly isQuick: boolean }> {
  const trace = join(world.root, 'trace');
  rmSync(trace, { force: true });
  const { code, stdout } = await world.phasr(['snapshot', '1', '--json'], {
    env: { PHASR_TRACE: trace },
  });
  expect(code).toBe(0);
  const { outcome, number } = JSON.parse(stdout) as { readonly outcome: string; readonly number: number };
  return { text: `${outcome} ${number}`, isQuick: !readFileSync(trace, 'utf8').includes('"add"') };
}

/** Until what is there now is older than a clock's tick: before, a capture looks at it again. */
async function growOld(world: World): Promise<void> {
  const index = join(world.repo, '.git/phasr/tasks/1/git/worktrees/phasr-1/index');
  const { ctimeMs } = lstatSync(index);
  await waitFor('older files', () => Date.now() - ctimeMs > 200);
  expect((await takeOne(world)).text).toBe('unchanged 1');
}

test('a snapshot of few changed files is what a capture makes of them, whatever they are', async () => {
  const seed = Date.now() % 2 ** 31;
  console.log(`quick snapshots: seed ${seed}`);
  await using world = makeWorld('quick');
  world.init(FILES);
  const { worktree } = await world.task('echo one > one');
  await growOld(world);
  const at = (name: string): string => join(worktree, name);
  const seen = join(world.repo, '.git/phasr/tasks/1/clean/seen.json');
  // Each of them once, in any order, and some again.
  const names = Object.keys(CHANGES);
  const [order = []] = fc.sample(fc.shuffledSubarray([...names, ...names], { minLength: names.length }), {
    seed,
    numRuns: 1,
  });
  const done: string[] = [];
  for (const name of order) {
    CHANGES[name]?.(at);
    done.push(name);
    const taken = await takeOne(world);
    // Without what was written down with it, the next one takes a capture, and finds nothing else.
    rmSync(seen);
    const captured = await takeOne(world);
    expect(captured.isQuick).toBe(false);
    expect(captured.text, `${taken.text} after ${done.join(', ')} (seed ${seed})`).toBe(
      taken.text.replace('kept', 'unchanged'),
    );
  }
  expect(world.git(['fsck', '--full', '--strict'])).toBe('');
});

test.each(['sha1', 'sha256'])(
  'few changed files take no capture, and such snapshots hold one another up: with the older ones gone, and a clean-up, the latest is whole (%s)',
  async (format) => {
    await using world = makeWorld('quick-chain');
    mkdirSync(world.repo);
    world.git(['init', '-q', `--object-format=${format}`]);
    world.commit('base', FILES);
    const { worktree } = await world.task('echo one > one');
    await growOld(world);
    const at = (name: string): string => join(worktree, name);
    const steps: readonly (readonly [change: string, isQuick: boolean])[] = [
      // The commit that the run has left is all there is of the one before.
      ['a new file', false],
      ['the same file changed', true],
      ['append to one', true],
      ['for the owner alone', true],
      ['delete', true],
      ['without the new file', true],
      // No longer among what has changed: only an older snapshot may hold it.
      ['as it was', false],
      ['append to one', true],
      ['executable', true],
      ['empty a folder', true],
    ];
    for (const [step, [name, isQuick]] of steps.entries()) {
      CHANGES[name]?.(at);
      expect({ name, ...(await takeOne(world)) }).toEqual({ name, text: `kept ${step + 2}`, isQuick });
    }
    const seen = join(world.repo, '.git/phasr/tasks/1/clean/seen.json');
    rmSync(seen);
    expect((await takeOne(world)).text).toBe(`unchanged ${steps.length + 1}`);
    // It stays executable: git sees no change.
    chmodSync(at('src/a.ts'), 0o700);
    expect((await takeOne(world)).text).toBe(`kept ${steps.length + 2}`);
    const refs = world
      .git(['for-each-ref', '--sort=version:refname', '--format=%(refname)', 'refs/phasr/snapshots/1'])
      .split('\n');
    for (const ref of refs.slice(0, -1)) world.git(['update-ref', '-d', ref]);
    world.git(['reflog', 'expire', '--expire=now', '--all']);
    world.git(['gc', '-q', '--prune=now']);
    appendFileSync(at('src/deep/d.ts'), 'and on\n');
    expect(await takeOne(world)).toEqual({ text: `kept ${steps.length + 3}`, isQuick: true });
    expect(world.git(['fsck', '--full', '--strict'])).toBe('');
    const [first = '', second = ''] = world
      .git([
        'log',
        '--format=%an <%ae> %cn <%ce>',
        '-2',
        '--first-parent',
        `refs/phasr/snapshots/1/${steps.length + 3}`,
      ])
      .split('\n');
    expect(first).toBe(second);
    rmSync(seen);
    expect((await takeOne(world)).text).toBe(`unchanged ${steps.length + 3}`);
    // What git's filters change is kept as they leave it, and as it is.
    CHANGES['other line endings']?.(at);
    expect(await takeOne(world)).toEqual({ text: `kept ${steps.length + 4}`, isQuick: false });
  },
);
