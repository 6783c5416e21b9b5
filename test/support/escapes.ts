/**
 * Agents that reach out of their place: one script for each way, by the rows of a list of git hazards that were tried one by one. They are run behind walls and without. `$R` is the
 * checkout, `$G` its git dir, `$O` the worktree of another task at rest, `$M` the person's second worktree on the branch `mine`, `$X` the folder of a remote. What an agent finds out it writes into `leak`.
 * `$VICTIM`, `$PORT`, `$SOCKET`, `$NOTE`: see {@link startServices}. Each tries, and goes on when it may not.
 */

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TaskJson } from './answer.ts';
import { waitFor } from './wait-for.ts';
import type { World } from './world.ts';

/** Whether walls can be put up here. */
export const hasSandbox =
  spawnSync('bwrap', ['--dev-bind', '/', '/', '--proc', '/proc', '--unshare-pid', 'true']).status === 0;

export type Outcome =
  /** Nothing outside is another one. */
  | 'prevented'
  /** What changed is named, and the task is not merged before somebody has looked. */
  | 'blocked'
  /** So much is gone that no command of Phasr's can go on: nothing is merged. */
  | 'wrecked'
  /** It is done, and nobody says so. */
  | 'open';

export type EscapeRow = {
  readonly row: string;
  readonly what: string;
  readonly script: string;
  readonly walls: Outcome;
  /** Null: not tried, since the light walls prevent it, and these are the same and more. */
  readonly strict: Outcome | null;
  readonly off: Outcome;
};

type Written = readonly [row: string, what: string, script: string, off?: Outcome, walls?: Outcome];

const WRITTEN: readonly Written[] = [
  ['a01', "clears the person's stash", 'git -C $R stash clear; rm -f $G/refs/stash $G/logs/refs/stash'],
  ['a02', "pops the person's stash", 'git -C $M stash pop -q'],
  [
    'a03',
    'makes and deletes refs',
    'git -C $R tag evil; git -C $R branch evil; git -C $R branch -D -q spare',
  ],
  ['a04', 'renames a branch that is checked out', 'git -C $R branch -m mine theirs'],
  [
    'a05',
    'resets a branch of that name',
    'git checkout -q -B mine; git commit -q --allow-empty -m own; git checkout -q "$PHASR_BRANCH"',
    'prevented',
  ],
  [
    'a06',
    "moves another worktree's branch",
    'git --git-dir=$G update-ref refs/heads/mine $(git --git-dir=$G commit-tree -m evil main^{tree})',
  ],
  [
    'a07',
    "deletes another task's branch",
    'git --git-dir=$G update-ref -d refs/heads/phasr/task-1-the-other',
  ],
  [
    'a08',
    "moves the person's branch",
    'git --git-dir=$G update-ref refs/heads/main $(git --git-dir=$G commit-tree -m evil main^{tree})',
  ],
  ['a08', 'moves a remote-tracking branch', 'git --git-dir=$G update-ref refs/remotes/origin/main main~1'],
  ['a09', 'switches the checkout', 'git -C $R checkout -q -b evil'],
  [
    'a10',
    'makes a branch that blocks those of tasks',
    'git --git-dir=$G update-ref refs/heads/phasr/task-3-x/y main',
  ],
  ['a11', "makes a tag of its branch's name", 'git --git-dir=$G tag phasr/task-2-escape main~1'],
  ['a12', "sets the person's name", 'git -C $R config user.name evil'],
  ['a13', 'sets core.bare', 'git -C $R config core.bare true'],
  ['a14', 'sets core.worktree', 'git -C $R config core.worktree /tmp'],
  ['a15', 'sets where pushes go', 'git -C $R config url./tmp/evil.pushInsteadOf origin'],
  ['a16', 'breaks the settings', 'echo "[broken" >> $G/config', 'wrecked'],
  [
    'a17',
    'says that the repository is of another format',
    'git -C $R config core.repositoryFormatVersion 9',
    'wrecked',
  ],
  ['a18', 'writes exclude', 'echo "*" > $G/info/exclude'],
  ['a19', 'writes attributes', 'echo "* -diff" > $G/info/attributes'],
  ['a20', 'writes alternates', 'echo /tmp > $G/objects/info/alternates'],
  ['a21', 'prunes', 'git --git-dir=$G prune --expire=now; git --git-dir=$G gc -q --prune=now'],
  ['a22', 'expires reflogs', 'git --git-dir=$G reflog expire --expire=now --all'],
  ['a23', 'switches rerere on', 'mkdir $G/rr-cache'],
  ['a24', 'replaces a commit', 'git -C $R replace main main~1'],
  ['a25', 'cuts the history', 'git -C $R rev-parse main > $G/shallow'],
  [
    'a26',
    'removes other worktrees',
    'git -C $R worktree remove -f -f $O; git -C $R worktree remove -f -f $M; rm -rf $M',
  ],
  ['a27', 'prunes worktrees', 'git -C $R worktree prune', 'prevented'],
  ['a28', 'moves another worktree', 'git -C $R worktree move $M $M.moved'],
  [
    'a29',
    'edits the entries of worktrees',
    'echo "ref: refs/heads/main" > $G/worktrees/mine/HEAD; echo /x > $G/worktrees/phasr-1/gitdir',
  ],
  ['a30', 'puts two worktrees on one branch', 'git -C $M symbolic-ref HEAD refs/heads/main'],
  ['a31', 'leaves the lock of the index', 'touch $G/index.lock'],
  ['a32', 'leaves other locks', 'touch $G/config.lock $G/packed-refs.lock $G/HEAD.lock'],
  ['a33', 'deletes objects', 'rm -rf $G/objects/??', 'wrecked'],
  ['a34', 'forges an object', 'f=$(find $G/objects/?? -type f | head -1); chmod u+w $f; echo junk > $f'],
  ['a35', 'empties packed-refs', 'truncate -s 0 $G/packed-refs'],
  [
    'a36',
    'points its .git file to the checkout',
    'echo evil > evil; echo "gitdir: $G" > .git; git add -A; git commit -qm evil; mv .git gone; rm -f .git',
  ],
  [
    'a37',
    "points its .git file to another task's",
    'echo "gitdir: $G/worktrees/phasr-1" > .git; git add -A; git commit -qm evil',
  ],
  ['a38', 'resets and cleans the checkout', 'git -C $R reset -q --hard; git -C $R clean -qffdx'],
  ['a38', 'commits there by GIT_DIR', 'GIT_DIR=$G GIT_WORK_TREE=$R git commit -qam evil --allow-empty'],
  [
    'a38',
    'commits there with a clean environment',
    'env -i PATH="$PATH" HOME="$HOME" setsid git -C $R commit -qam evil --allow-empty',
  ],
  ['a39', 'writes notes', 'git -C $R notes add -m evil main'],
  ['a40', 'pushes to the real remote', 'git push -q --force $X HEAD:refs/heads/main', 'open', 'open'],
  ['a41', 'cleans the checkout of everything', 'git -C $R clean -qffdx'],
  ['a42', 'registers for maintenance', 'git -C $R maintenance register'],
  [
    'a43',
    'sets a hooks path for all repositories',
    'git config --global core.hooksPath /tmp',
    'blocked',
    'blocked',
  ],
  [
    'a44',
    'makes its worktree sparse',
    'git sparse-checkout set --cone src; git sparse-checkout disable',
    'prevented',
  ],
  ['a45', 'hides untracked files', 'git -C $R config status.showUntrackedFiles no'],
  ['a46', 'deletes its .git file and commits', 'rm -f .git; git add -A; git commit -qm evil', 'prevented'],
  ['a47', 'makes an entry unreadable', 'truncate -s 0 $G/worktrees/mine/commondir'],
  ['a48', 'redirects a submodule', 'git -C $R config submodule.lib.url /tmp/evil'],
  ['d01', 'writes into the checkout', 'echo evil > $R/src/a.ts; echo evil > $R/new; echo evil > $M/new'],
  ['d01', 'writes over uncommitted work', 'echo evil > $R/by-hand'],
  ['d01', 'changes and deletes what git ignores', 'echo evil > $R/.env; rm -f $R/data.sqlite'],
  ['d02', "writes into another task's worktree", 'echo evil > $O/other; echo evil > $O/new'],
  ['d02', "deletes another task's files", 'rm -rf $O/*; mv $O $O.away'],
  ['d03', 'writes beside its worktree', 'echo evil > ../evil; mkdir ../evil.d'],
  ['d04', 'writes through a link of its own', 'ln -s $R link; echo evil > link/src/a.ts; rm link'],
  [
    'd05',
    'writes what a shell of the person runs',
    'echo "touch $R/pwned" >> $HOME/.bashrc; mkdir -p $HOME/.ssh; echo evil >> $HOME/.ssh/authorized_keys',
    'blocked',
    'blocked',
  ],
  [
    'd05',
    "writes Phasr's settings",
    'mkdir -p $HOME/.config/phasr; echo "jobs = 1" >> $HOME/.config/phasr/config.toml',
    'blocked',
    'blocked',
  ],
  [
    'd32',
    'writes through a hard link that it makes',
    'ln $R/src/a.ts linked && echo evil > linked; rm -f linked',
  ],
  ['d05', 'writes elsewhere in the home', 'echo evil > $HOME/some-file', 'open', 'open'],
  ['d06', 'reads a key in the home', 'cat $HOME/.ssh/id_ed25519 > leak', 'open', 'open'],
  [
    'd07',
    "reads another process's variables",
    'tr "\\0" "\\n" < /proc/$VICTIM/environ | grep CANARY > leak',
    'open',
  ],
  ['d08', 'ends another process', 'kill -9 $VICTIM && echo reached > leak', 'open'],
  [
    'd18',
    'puts a link to the checkout in the place of its worktree',
    'cd /; rm -rf "$PHASR_WORKTREE"; ln -s $R "$PHASR_WORKTREE"; test -L "$PHASR_WORKTREE" && exit 0',
    'wrecked',
  ],
  [
    'd26',
    "makes a branch with a shell's words",
    'git --git-dir=$G update-ref "refs/heads/phasr/task-9-\\$(id)" main',
  ],
  [
    'd29',
    "writes Phasr's records",
    'rm -rf $G/phasr; echo evil > $G/phasr/phasr.db; rm -rf $HOME/.phasr',
    'wrecked',
  ],
  [
    'd29',
    'puts another database in the place',
    'cp $G/phasr/phasr.db $G/phasr/x; mv $G/phasr/x $G/phasr/phasr.db',
  ],
  ['d29', "deletes another task's git dirs", 'rm -rf $G/phasr/tasks/1/git $G/phasr/tasks/1/clean'],
  ['d29', 'deletes all git dirs of tasks', 'rm -rf $G/phasr/tasks/1; rm -rf $G/phasr/tasks/2', 'wrecked'],
  [
    'd28',
    'talks to a server',
    `node -e 'http.get({ host: "127.0.0.1", port: process.env.PORT }, (a) => a.pipe(process.stdout))' > leak`,
    'open',
    'open',
  ],
  [
    'd31',
    'writes into the installed packages of the checkout, through a link',
    'ln -s $R/node_modules node_modules; echo evil > node_modules/lib/index.js; rm node_modules',
  ],
  [
    'd33',
    'finds the port taken that its tests want',
    `node -e 'net.createServer().listen(process.env.PORT, "127.0.0.1").on("error", (e) => console.log(e.code)).on("listening", () => process.exit())' > leak`,
    'open',
    'open',
  ],
  ['d34', 'reads what others have in /tmp', 'cat $NOTE > leak', 'open', 'open'],
  [
    'd35',
    'talks to a service by its socket',
    `node -e 'net.connect(process.env.SOCKET).pipe(process.stdout)' > leak`,
    'open',
    'open',
  ],
  ['e01', 'sets a program for git status', 'git -C $R config core.fsmonitor "touch $R/pwned"'],
  [
    'e02',
    'plants a hook',
    'printf "#!/bin/sh\\ntouch $R/pwned\\n" > $G/hooks/post-checkout; chmod +x $G/hooks/*',
  ],
  [
    'e07',
    'sets a filter for the checkout',
    'git -C $R config filter.evil.clean "touch $R/pwned; cat"; echo "* filter=evil" > $G/info/attributes; touch $R/src/a.ts; echo x >> $R/src/a.ts',
  ],
  [
    'e12',
    'writes settings of one worktree',
    'git -C $R config extensions.worktreeConfig true; echo "[core] fsmonitor = touch $R/pwned" > $G/config.worktree',
  ],
  ['-', 'deletes the repository', 'rm -rf $R', 'wrecked'],
  ['-', 'renames the folders around', 'mv $R $R.away; mv $G $G.away; mv $HOME/.phasr $HOME/evil', 'wrecked'],
];

export const ESCAPES: readonly EscapeRow[] = WRITTEN.map(
  ([row, what, script, off = 'blocked', walls = 'prevented']) => ({
    row,
    what,
    script,
    walls,
    strict: walls === 'prevented' ? null : 'prevented',
    off,
  }),
);

/** Another task with work, the person's second worktree, uncommitted work, a stash, a hook and a remote of his. */
export async function makeNeighbours(world: World): Promise<TaskJson> {
  world.init({
    'README.md': '# Demo\n',
    'src/a.ts': 'a\n',
    '.gitignore': 'ignored\n.env\n*.sqlite\nnode_modules\n',
  });
  world.write('.env', 'KEY=1\n');
  world.write('data.sqlite', 'rows\n');
  world.write('node_modules/lib/index.js', 'lib\n');
  world.write('.ssh/id_ed25519', 'canary\n', world.home);
  world.commit('second', { 'second.txt': 'second\n' });
  world.write('README.md', 'stashed\n');
  world.git(['stash', '-q']);
  world.git(['worktree', 'add', '-q', '-b', 'mine', join(world.root, 'mine')]);
  world.git(['branch', 'spare']);
  world.git(['init', '-q', '--bare', join(world.root, 'remote')]);
  world.git(['push', '-q', join(world.root, 'remote'), 'main~1:refs/heads/main']);
  world.git(['pack-refs', '--all']);
  world.write('.git/hooks/pre-commit', '#!/bin/sh\nexit 0\n');
  chmodSync(join(world.repo, '.git/hooks/pre-commit'), 0o755);
  world.write('by-hand', 'not committed\n');
  // In no commit and no index: git keeps it for two weeks.
  world.git(['hash-object', '-w', 'by-hand']);
  const other = await world.task('echo other > other; git add other; echo more >> other', {
    prompt: 'the other',
    env: { PHASR_SANDBOX: 'off' },
  });
  await waitFor('the other to be done', () => world.processes().length === 0);
  return other;
}

/** Of somebody else on the machine: a process with a secret among its variables, a server, a socket, and a file among the temporary ones. */
export type Services = { readonly variables: Readonly<Record<string, string>>; readonly end: () => void };

const SERVICES = `
const say = (socket) => socket.end('canary');
require('net').createServer(say).listen(process.argv[1]);
const server = require('http').createServer((_, answer) => answer.end('canary'));
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
`;

/** Starts them, outside of every world. */
export async function startServices(): Promise<Services> {
  // A strict sandbox has a /tmp of its own; what is elsewhere it sees.
  const folder = mkdtempSync('/tmp/phasr-services-');
  const [socket, note] = [join(folder, 'socket'), join(folder, 'note')];
  writeFileSync(note, 'canary\n');
  const child = spawn(process.execPath, ['-e', SERVICES, socket], {
    env: { CANARY: 'canary' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [port] = (await once(child.stdout, 'data')) as [Buffer];
  return {
    variables: { VICTIM: String(child.pid), PORT: String(port).trim(), SOCKET: socket, NOTE: note },
    end: () => {
      child.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
