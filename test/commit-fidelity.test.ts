/** For honest work, what Phasr commits is what the user's own `git add -A` would have staged: tree ids are compared. */

import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeWorld, type World } from './support/world.ts';

type Case = {
  readonly name: string;
  readonly setUp: (world: World) => void;
  /** The agent's work; runs in the task's worktree and in a plain one. */
  readonly work: string;
  readonly needs?: string;
};

const HONEST_WORK = [
  'printf "changed\\n" >> README.md',
  'mkdir -p new/deep && printf "new\\n" > new/deep/file.txt',
  'rm -f src/gone.ts',
  'test ! -e src/old.ts || mv src/old.ts src/renamed.ts',
  'printf "#!/bin/sh\\n" > tool.sh && chmod +x tool.sh',
  'ln -sfn README.md link',
].join('\n');

function installDriver(world: World, name: string, script: string): string {
  const path = join(world.home, name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

const BASE = { 'README.md': '# Demo\n', 'src/gone.ts': 'gone\n', 'src/old.ts': 'old\n'.repeat(20) };

const CASES: readonly Case[] = [
  { name: 'a plain repository', setUp: (world) => world.init(BASE), work: HONEST_WORK },
  {
    name: 'text=auto, with CRLF files made and changed',
    setUp: (world) => world.init({ ...BASE, '.gitattributes': '* text=auto\n', 'dos.txt': 'one\ntwo\n' }),
    work: `${HONEST_WORK}\nprintf 'a\\r\\nb\\r\\n' > crlf.txt; printf 'x\\r\\ny\\r\\n' > dos.txt`,
  },
  {
    name: 'eol=crlf, whose files are CRLF in the worktree',
    setUp: (world) =>
      world.init({
        ...BASE,
        '.gitattributes': '*.bat text eol=crlf\n',
        'run.bat': 'echo one\r\necho two\r\n',
      }),
    work: `${HONEST_WORK}\nprintf 'echo three\\r\\n' >> run.bat; printf 'echo\\n' > new.bat`,
  },
  {
    name: 'core.autocrlf=input',
    setUp: (world) => {
      world.init(BASE);
      world.git(['config', 'core.autocrlf', 'input']);
    },
    work: `${HONEST_WORK}\nprintf 'a\\r\\nb\\r\\n' > crlf.txt`,
  },
  {
    name: 'core.safecrlf=true, which refuses what a capture must keep',
    setUp: (world) => {
      world.init({ ...BASE, '.gitattributes': '*.txt text\n' });
      world.git(['config', 'core.safecrlf', 'warn']);
    },
    work: `${HONEST_WORK}\nprintf 'a\\r\\nb\\n' > mixed.txt`,
  },
  {
    name: "a clean and smudge filter of the user's",
    setUp: (world) => {
      const clean = installDriver(world, 'clean', "tr 'a-z' 'A-Z'");
      const smudge = installDriver(world, 'smudge', "tr 'A-Z' 'a-z'");
      world.init(BASE);
      world.git(['config', 'filter.case.clean', clean]);
      world.git(['config', '--global', 'filter.case.smudge', smudge]);
      world.git(['config', 'filter.case.required', 'true']);
      world.commit('filtered', { '.gitattributes': '*.case filter=case\n', 'a.case': 'hello\n' });
    },
    work: `${HONEST_WORK}\ngrep -q hello a.case && printf 'world\\n' >> a.case; printf 'new\\n' > b.case`,
  },
  {
    name: 'Git LFS',
    needs: 'git-lfs',
    setUp: (world) => {
      world.init(BASE);
      world.git(['lfs', 'install', '--skip-repo']);
      world.commit('lfs', {
        '.gitattributes': '*.bin filter=lfs diff=lfs merge=lfs -text\n',
        'a.bin': Buffer.alloc(5000, 7),
      });
    },
    work: `${HONEST_WORK}\ntest "$(wc -c < a.bin)" -eq 5000 || exit 9; printf 'more' >> a.bin; head -c 3000 /dev/zero > b.bin`,
  },
  {
    name: 'core.fileMode=false',
    setUp: (world) => {
      world.init(BASE);
      world.git(['config', 'core.fileMode', 'false']);
    },
    work: `${HONEST_WORK}\nchmod +x README.md`,
  },
  {
    name: 'nested .gitattributes and .gitignore, changed by the agent too',
    setUp: (world) =>
      world.init({
        ...BASE,
        '.gitignore': 'node_modules/\n*.log\n',
        'sub/.gitignore': '!keep.log\nlocal\n',
        'sub/.gitattributes': '*.dat binary\n*.txt text eol=lf\n',
        'sub/a.txt': 'a\n',
      }),
    work: [
      HONEST_WORK,
      'mkdir -p node_modules/x sub/deep; echo 1 > node_modules/x/i.js; echo 1 > a.log; echo 1 > sub/keep.log; echo 1 > sub/local',
      "printf 'a\\r\\n' > sub/b.txt; printf 'dist/\\n' >> .gitignore; mkdir dist; echo 1 > dist/out; printf '*.md text eol=crlf\\n' > .gitattributes",
    ].join('\n'),
  },
  {
    name: "the user's info/exclude and global excludes",
    setUp: (world) => {
      world.init(BASE);
      world.write('.git/info/exclude', 'private/\n');
      world.write('.config/git/ignore', '*.swp\n', world.home);
    },
    work: `${HONEST_WORK}\nmkdir private; echo 1 > private/a; echo 1 > b.swp; echo 1 > c.txt`,
  },
  {
    name: 'a submodule that is not initialised',
    setUp: (world) => addSubmodule(world),
    work: HONEST_WORK,
  },
  {
    name: 'a submodule with a new commit of the agent inside',
    setUp: (world) => addSubmodule(world),
    work: `${HONEST_WORK}\ngit submodule update -q --init && cd lib && echo 2 >> lib.txt && export GIT_AUTHOR_DATE=@1700000000 GIT_COMMITTER_DATE=@1700000000 && git -c user.name=x -c user.email=x@x commit -qam two`,
  },
  {
    name: 'a removed submodule',
    setUp: (world) => addSubmodule(world),
    work: `${HONEST_WORK}\ngit rm -q lib`,
  },
  {
    name: 'sparse checkout',
    setUp: (world) => {
      world.init({ ...BASE, 'in/a.txt': 'a\n', 'out/b.txt': 'b\n', 'out/deep/c.txt': 'c\n' });
      world.git(['sparse-checkout', 'set', 'in', 'src']);
    },
    work: `test ! -e out || exit 9\n${HONEST_WORK.replaceAll('new/deep', 'in/deep')}\nprintf 'more\\n' >> in/a.txt`,
  },
  {
    name: 'names that are not UTF-8, and names that look like options or pathspecs',
    setUp: (world) => world.init(BASE),
    work: [
      HONEST_WORK,
      `printf 1 > "$(printf 'bad\\377name')"; mkdir "$(printf 'd\\376')"; printf 2 > "$(printf 'd\\376/x')"`,
      `printf 3 > "$(printf 'new\\nline')"; printf 4 > ./-rf; printf 5 > ':(top)x'; printf 6 > 'a b'; printf 7 > '*'; printf 8 > 'tab\there'`,
    ].join('\n'),
  },
  {
    name: 'work that the agent committed, staged and left lying about',
    setUp: (world) => world.init(BASE),
    work: [
      'echo one > one && git add one && git -c user.name=x -c user.email=x@x commit -qm one',
      'echo two > two && git add two; echo "two again" >> two; echo three > three',
      'git rm -q --cached README.md; git mv src/old.ts src/moved.ts',
      HONEST_WORK.replace('test ! -e src/old.ts || mv src/old.ts src/renamed.ts\n', ''),
    ].join('\n'),
  },
  {
    name: 'files flagged assume-unchanged and intent-to-add',
    setUp: (world) => world.init(BASE),
    work: 'echo new > added; git add -N added; printf "x\\n" >> README.md',
  },
  {
    name: 'ignored files that the agent tracks by force, and tracked ones that it stops tracking',
    setUp: (world) =>
      world.init({ ...BASE, '.gitignore': '*.env\n', 'built/a.js': 'a\n', 'built/b.js': 'b\n' }),
    work: [
      'echo 1 > committed.env; git add -f committed.env; git -c user.name=x -c user.email=x@x commit -qm env',
      'echo 2 > staged.env; git add -f staged.env; echo 3 > ignored.env',
      'echo built/ >> .gitignore; git rm -rq --cached built',
    ].join('\n'),
  },
  {
    name: 'a file become a folder, and a folder become a link',
    setUp: (world) => world.init({ ...BASE, thing: 'file\n', 'dir/a': 'a\n', 'dir/b': 'b\n' }),
    work: 'rm thing && mkdir thing && echo x > thing/inside; rm -r dir && ln -s src dir',
  },
];

function addSubmodule(world: World): void {
  const library = join(world.root, 'library');
  mkdirSync(library);
  world.init({ 'lib.txt': '1\n' }, library);
  world.init(BASE);
  world.git(['submodule', '--quiet', 'add', library, 'lib']);
  world.commit('with a submodule', {});
}

function isInstalled(program: string): boolean {
  return spawnSync(program, ['--version']).status === 0;
}

for (const { name, setUp, work, needs } of CASES) {
  const hasNeeds = needs === undefined || isInstalled(needs);
  test.skipIf(!hasNeeds)(
    `the committed tree equals git add -A: ${name}${needs === undefined ? '' : ` (needs ${needs})`}`,
    async () => {
      await using world = makeWorld('fidelity');
      setUp(world);
      const task = await world.task(work);
      expect(task).toMatchObject({ state: 'done', trouble: null });

      const plain = join(world.root, 'plain');
      world.git(['worktree', 'add', '-q', '--detach', plain, task.base.oid]);
      const worked = spawnSync('sh', ['-c', work], { cwd: plain, env: world.env });
      expect(worked.status, worked.stderr.toString()).toBe(0);
      world.git(['add', '-A'], plain);
      const expected = world.git(['write-tree'], plain);

      const listing = (tree: string): string => world.git(['ls-tree', '-r', tree]);
      expect(listing(`${task.head}^{tree}`)).toBe(listing(expected));
      expect(world.git(['rev-parse', `${task.head}^{tree}`])).toBe(expected);
      // What diff shows is what merge lands.
      const diff = await world.json(['diff', String(task.id)]);
      expect(diff.tree).toBe(expected);
      await world.ok(['merge', String(task.id)]);
      expect(world.git(['rev-parse', 'main^{tree}'])).toBe(expected);
      // git itself leaves the folder of a removed submodule behind.
      expect(world.git(['status', '--porcelain', '--ignore-submodules=all']).replace('?? lib/', '')).toBe('');
    },
  );
}
