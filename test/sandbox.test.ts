/** The sandbox: an agent reaches nothing of the repository and of other tasks, and hardly notices (user pains P7, P12, P17). */

import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Answer, TaskJson } from './support/answer.ts';
import { listFiles } from './support/files.ts';
import { asNobody, canBecomeNobody } from './support/ordinary-user.ts';
import { waitFor } from './support/wait-for.ts';
import { CLI, makeWorld, type World } from './support/world.ts';

const probe = spawnSync('bwrap', ['--dev-bind', '/', '/', '--proc', '/proc', '--unshare-pid', 'true']);
const walled = test.skipIf(probe.status !== 0);

const AUTO = { env: { PHASR_SANDBOX: 'auto' } };
const STRICT = { env: { PHASR_SANDBOX: 'strict' } };

/** Another task with work, the person's second worktree, a stash, and a hook of his. */
async function makeNeighbours(world: World): Promise<TaskJson> {
  world.init({ 'README.md': '# Demo\n', 'src/a.ts': 'a\n', '.gitignore': 'ignored\n' });
  world.write('README.md', 'stashed\n');
  world.git(['stash', '-q']);
  world.git(['worktree', 'add', '-q', '-b', 'mine', join(world.root, 'mine')]);
  world.write('.git/hooks/pre-commit', '#!/bin/sh\nexit 0\n');
  chmodSync(join(world.repo, '.git/hooks/pre-commit'), 0o755);
  world.write('by-hand', 'not committed\n');
  const other = await world.task('echo other > other; git add other; echo more >> other', {
    prompt: 'the other',
    ...AUTO,
  });
  await waitFor('the other to be done', () => world.processes().length === 0);
  return other;
}

/** All that is not the task's own: without what Phasr itself writes about its run. */
function stateOf(world: World, own: RegExp): object {
  const books =
    /\.git\/phasr\/(?:phasr\.db|mutex|places|code)|\.phasr\/(?:places|code)|\.git\/phasr\/trash|\.git\/index$/;
  const files = Object.entries(listFiles(world.root)).filter(
    ([path]) => !books.test(path) && !own.test(path),
  );
  return {
    files: Object.fromEntries(files),
    refs: world
      .git(['for-each-ref', '--format=%(objectname) %(refname)'])
      .split('\n')
      .filter((line) => !/phasr\/(?:task-2|base\/2|snapshots\/2)/.test(line)),
    status: world.git(['status', '--porcelain', '--ignored']),
  };
}

/** `$R` the checkout, `$G` its git dir, `$O` the other task's worktree, `$M` the person's second one. Each tries, and goes on when it may not. */
const ESCAPES: readonly (readonly [row: string, what: string, script: string])[] = [
  ['d01', 'writes into the checkout', 'echo evil > $R/src/a.ts; echo evil > $R/new; echo evil > $M/new'],
  ['d02', "writes into another task's worktree", 'echo evil > $O/other; rm -rf $O/*; mv $O $O.away'],
  ['d03', 'writes beside its worktree', 'echo evil > ../evil; mkdir ../evil.d; rm -rf ../2-*; mv . ../x'],
  [
    'd04',
    'writes through a link of its own',
    'ln -s $R link; echo evil > link/src/a.ts; rm -rf link/; rm link',
  ],
  [
    'a09',
    'switches the checkout',
    'git -C $R checkout -q -b evil; git -C $R symbolic-ref HEAD refs/heads/mine',
  ],
  ['a38', 'resets and cleans the checkout', 'git -C $R reset -q --hard; git -C $R clean -qffdx; rm -rf $R'],
  ['a38', 'commits there by GIT_DIR', 'GIT_DIR=$G GIT_WORK_TREE=$R git commit -qam evil --allow-empty'],
  [
    'a26',
    'removes other worktrees',
    'git -C $R worktree remove -f -f $O; git -C $R worktree remove -f -f $M',
  ],
  ['a28', 'moves another worktree', 'git -C $R worktree move $M $M.moved; git -C $R worktree prune'],
  [
    'a01',
    "clears the person's stash",
    'git -C $R stash clear; git -C $R stash drop; rm -f $G/refs/stash $G/logs/refs/stash',
  ],
  [
    'a03',
    'makes and deletes refs',
    'git -C $R tag evil; git -C $R branch evil; git -C $R branch -D mine; rm $G/packed-refs',
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
  [
    'a12',
    "sets the person's settings",
    'git -C $R config user.name evil; git -C $R config core.bare true; echo bad > $G/config',
  ],
  ['a18', 'writes exclude and attributes', 'echo "*" > $G/info/exclude; echo "* -diff" > $G/info/attributes'],
  ['a20', 'writes alternates', 'echo /tmp > $G/objects/info/alternates'],
  ['a21', 'prunes', 'git --git-dir=$G reflog expire --expire=now --all; git --git-dir=$G gc -q --prune=now'],
  ['a31', 'leaves locks', 'touch $G/index.lock $G/config.lock $G/packed-refs.lock $G/HEAD.lock'],
  ['a33', 'deletes objects', 'rm -rf $G/objects/??; chmod 000 $G/objects; rm -rf $G/objects'],
  [
    'a36',
    'points its .git file to the checkout',
    'echo "gitdir: $G" > .git; git add -A; git commit -qm evil; mv .git gone; rm -f .git',
  ],
  [
    'e01',
    'plants a hook',
    'printf "#!/bin/sh\\ntouch $R/pwned\\n" > $G/hooks/post-checkout; chmod +x $G/hooks/*',
  ],
  ['-', "writes Phasr's records", 'rm -rf $G/phasr; echo evil > $G/phasr/phasr.db; rm -rf $HOME/.phasr'],
  ['-', "deletes other git dirs of Phasr's", 'rm -rf $G/phasr/tasks/1; rm -rf $G/phasr/tasks/2'],
  ['-', 'renames the folders around', 'mv $R $R.away; mv $G $G.away; mv $HOME/.phasr $HOME/evil'],
];

walled.each(ESCAPES)(
  'behind walls an agent that %s %s changes nothing but its own',
  async (_row, _what, script) => {
    await using world = makeWorld('walls');
    const other = await makeNeighbours(world);
    const own =
      /phasr\/tasks\/2\/|\/2-escape\/|worktrees\/phasr-2\/|\.prompts\/2\.|phasr\/task-2-|refs\/phasr\/\w+\/2\b|\.git\/objects\/(?!info\/)/;
    const before = stateOf(world, own);
    const places = `R=${world.repo}; G=${world.repo}/.git; O=${other.worktree}; M=${world.root}/mine; cd "$PHASR_WORKTREE"`;
    const task = await world.task(
      `exec 2>/dev/null; ${places}; ${script}; cd "$PHASR_WORKTREE"; echo honest > honest`,
      {
        prompt: 'escape',
        ...AUTO,
      },
    );
    await waitFor('background processes to end', () => world.processes().length === 0);
    expect(stateOf(world, own)).toEqual(before);
    expect(world.git(['fsck', '--no-dangling'])).toBe('');
    // And what it has done in its own place is its work as ever.
    expect([task.state, task.run.sandbox]).toEqual(['done', { level: 'light', why: null }]);
    expect(world.git(['show', `${task.branch}:honest`])).toBe('honest');
    await world.ok(['merge', String(task.id)]);
    expect(world.read('honest')).toBe('honest\n');
  },
);

walled(
  'behind walls honest work goes on: git, stash, home, /tmp, its own signals, phasr itself, other programs',
  async () => {
    await using world = makeWorld('walls-honest');
    await makeNeighbours(world);
    const outside = join(world.root, 'outside');
    mkdirSync(outside);
    world.git(['init', '-q', '--bare', join(outside, 'remote.git')]);
    world.git(['remote', 'add', 'origin', join(outside, 'remote.git')]);
    const phasr = `"${process.execPath}" "${join(import.meta.dirname, '../dist/cli.cjs')}"`;
    const task = await world.task(
      [
        'set -e',
        'echo 1 > one; git add one; git commit -qm one',
        'echo 2 > two; git stash -qu; git stash pop -q; git branch side; git tag t; git config user.name Agent',
        'git push -q origin HEAD:refs/heads/pushed; git fetch -q origin',
        'git gc -q --prune=now; git log --oneline | grep -q one',
        'echo login > "$HOME/.agent-login"; echo cache > "$TMPDIR/cache"; mktemp -d > /dev/null',
        `${phasr} signal progress "half way"`,
        `${phasr} show 1 > /dev/null; ${phasr} list > listed`,
        'cat "$PHASR_PROMPT_FILE" > prompt',
        'sh -c "exit 3" || test $? = 3',
      ].join('\n'),
      { prompt: 'honest work', env: { PHASR_SANDBOX: 'auto', TMPDIR: outside } },
    );
    const log = await world.ok(['logs', String(task.id)]);
    expect([task.state, log.replace('Already up to date.\n', '')]).toEqual(['done', '']);
    expect(readFileSync(join(world.home, '.agent-login'), 'utf8')).toBe('login\n');
    expect(readFileSync(join(outside, 'cache'), 'utf8')).toBe('cache\n');
    expect(world.git(['show', `${task.branch}:prompt`])).toBe('honest work');
    expect(world.git(['show', `${task.branch}:listed`])).toContain('the other');
    expect(world.git(['rev-parse', 'pushed'], join(outside, 'remote.git'))).toMatch(/^[0-9a-f]{40}$/);
    expect(await world.ok(['show', String(task.id)])).toMatch(/\n {2}sandbox {3}light\n/);
  },
);

walled('behind walls an agent sees and signals no other process, and nothing of it outlives it', async () => {
  await using world = makeWorld('walls-processes');
  world.init();
  const bystander = spawn('sleep', ['60'], { stdio: 'ignore' });
  const task = await world.task(
    [
      `ls /proc | grep -c '^[0-9]' > seen`,
      // One process, by its number: should the walls ever not stand, nobody else is to suffer.
      `kill -9 ${bystander.pid} 2>/dev/null && echo reached > reached`,
      `(setsid sh -c 'sleep 300' &) ; (sh -c 'setsid sleep 300 & exit' &) ; nohup sleep 300 > /dev/null 2>&1 &`,
      'env -i setsid sleep 300 &',
      'exit 0',
    ].join('\n'),
    AUTO,
  );
  expect([task.state, task.run.leftBehind]).toEqual(['done', 0]);
  await waitFor('everything to end', () => world.processes().length === 0);
  expect(Number(world.read('seen', task.worktree))).toBeLessThan(10);
  expect(existsSync(join(task.worktree, 'reached'))).toBe(false);
  expect([bystander.exitCode, bystander.signalCode]).toEqual([null, null]);
  bystander.kill();
});

walled('stopping asks the agent behind the walls first, and what does not listen is ended', async () => {
  await using world = makeWorld('walls-stop');
  world.init();
  for (const [prompt, script, said] of [
    ['polite', `trap 'echo bye > bye; exit 0' TERM; touch ready; while :; do sleep 0.05; done`, true],
    ['deaf', `trap '' TERM; touch ready; while :; do sleep 0.05; done`, false],
  ] as const) {
    const launched = await world.json(['run', prompt, '--detach', '--', 'sh', '-c', script], AUTO);
    const { id } = launched.tasks[0];
    const worktree = await waitFor(
      'the worktree',
      async () => (await world.json(['show', String(id)])).worktree ?? undefined,
    );
    await waitFor('the agent', () => existsSync(join(worktree, 'ready')));
    await world.ok(['stop', String(id)]);
    expect((await world.json(['show', String(id)])).state).toBe('stopped');
    expect(existsSync(join(worktree, 'bye'))).toBe(said);
    await waitFor('everything to end', () => world.processes().length === 0);
  }
});

walled(
  'phasr exec runs what a person types behind the same walls, with his terminal, signals and exit codes',
  async () => {
    await using world = makeWorld('walls-exec');
    world.init();
    const { worktree } = await world.task('true');
    const evil = join(world.repo, 'evil');
    const script = `cat; echo evil > "${evil}" || echo refused; echo ok > ok; exit 7`;
    const exec = ['exec', '1', '--', 'sh', '-c', script];
    const ran = await world.phasr(exec, { ...AUTO, stdin: 'typed\n' });
    expect([ran.code, ran.stdout]).toEqual([7, 'typed\nrefused\n']);
    expect([existsSync(evil), existsSync(join(worktree, 'ok'))]).toEqual([false, true]);
    expect((await world.phasr(exec, { env: { PHASR_SANDBOX: 'off' } })).code).toBe(7);
    expect(existsSync(evil)).toBe(true);
    expect((await world.phasr(['exec', '1', '--', 'no-such-program'], AUTO)).code).toBe(127);
    const child = spawn(
      process.execPath,
      [
        CLI,
        'exec',
        '1',
        '--',
        'sh',
        '-c',
        `trap 'echo bye > bye; exit 9' TERM; touch ready; while :; do sleep 0.05; done`,
      ],
      {
        cwd: world.repo,
        env: { ...world.env, ...AUTO.env },
        stdio: 'ignore',
      },
    );
    await waitFor('the command', () => existsSync(join(worktree, 'ready')));
    const ended = once(child, 'close');
    child.kill('SIGTERM');
    expect((await ended)[0]).toBe(9);
    expect(existsSync(join(worktree, 'bye'))).toBe(true);
    await waitFor('everything to end', () => world.processes().length === 0);
  },
);

const hasLfs = spawnSync('git', ['lfs', 'version']).status === 0;

test.skipIf(probe.status !== 0 || !hasLfs)(
  "behind walls git-lfs works, and the person's store of large files is not written by an agent (needs git-lfs)",
  async () => {
    await using world = makeWorld('walls-lfs');
    world.init();
    world.git(['lfs', 'install', '--skip-repo']);
    world.commit('lfs', {
      '.gitattributes': '*.bin filter=lfs diff=lfs merge=lfs -text\n',
      'a.bin': Buffer.alloc(5000, 7),
    });
    const script = [
      'test "$(wc -c < a.bin)" -eq 5000 || exit 9',
      'head -c 3000 /dev/zero > b.bin; git add b.bin; git commit -qm b; head -c 400 /dev/zero > c.bin',
      `rm -rf "${world.repo}/.git/lfs" 2>/dev/null; echo evil > "${world.repo}/.git/lfs/evil"`,
      'git lfs fsck > /dev/null',
    ].join('\n');
    const task = await world.task(script, AUTO);
    expect([task.state, task.run.sandbox?.level]).toEqual(['done', 'light']);
    await world.ok(['merge', '1']);
    expect(['a.bin', 'b.bin', 'c.bin'].map((name) => world.read(name).length)).toEqual([5000, 3000, 400]);
    expect(world.git(['lfs', 'fsck'])).toContain('OK');
    expect(existsSync(join(world.repo, '.git/lfs/evil'))).toBe(false);
  },
);

walled('a strict sandbox closes home, /tmp and the network but for what the settings list', async () => {
  await using world = makeWorld('walls-strict');
  world.init();
  mkdirSync(join(world.home, '.cache'));
  mkdirSync(join(world.home, '.config/phasr'), { recursive: true });
  writeFileSync(
    join(world.home, '.config/phasr/config.toml'),
    '[isolation]\nsandbox = "strict"\nwrite = ["~/.cache"]\n',
  );
  const script = [
    'exec 2>/dev/null',
    'echo evil > "$HOME/.bashrc"; echo evil > /usr/evil; echo 1 > "$HOME/.cache/ok"; echo 1 > /tmp/ok && echo tmp > tmp',
    'ls -A /run > services',
    'cat /proc/net/dev | tail -n +3 | wc -l > interfaces',
    'git commit -q --allow-empty -m own; git stash list',
  ].join('\n');
  const task = await world.task(script, { env: { PHASR_SANDBOX: '' } });
  expect([task.state, task.run.sandbox]).toEqual(['done', { level: 'strict', why: null }]);
  expect(existsSync(join(world.home, '.bashrc'))).toBe(false);
  expect(existsSync(join(world.home, '.cache/ok'))).toBe(true);
  expect(world.read('tmp', task.worktree)).toBe('tmp\n');
  expect(world.read('interfaces', task.worktree).trim()).toBe('1');
  expect(world.read('services', task.worktree)).toBe('');
  expect(world.git(['log', '--format=%s', task.branch])).toContain('own');
  expect(existsSync('/tmp/ok')).toBe(false);
});

test('without bubblewrap a run goes on without walls and says so; strict does not start, and a repository has no say', async () => {
  await using world = makeWorld('walls-none');
  world.init({ 'phasr.toml': '[isolation]\nsandbox = "off"\n' });
  const ran = await world.phasr(['run', 'x', '--', 'true']);
  expect([ran.code, ran.stderr]).toEqual([
    2,
    expect.stringContaining('isolation may not be set by a repository'),
  ]);
  world.commit('without', { 'phasr.toml': '' });
  // A PATH with git and a shell, and nothing else.
  const bin = join(world.root, 'bin');
  mkdirSync(bin);
  for (const name of ['git', 'sh', 'true', 'sync']) {
    const found = spawnSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).stdout.trim();
    symlinkSync(found.startsWith('/') ? found : `/bin/${name}`, join(bin, name));
  }
  const poor = { PATH: bin };
  const said = 'agents run without a sandbox here: bubblewrap is not installed';
  for (const isSaid of [true, false]) {
    const printed = await world.ok(['run', 'x', '--', 'true'], { env: { ...poor, PHASR_SANDBOX: 'auto' } });
    expect(printed.includes(said)).toBe(isSaid);
  }
  const task = await world.task('echo 1 > one', { env: { ...poor, PHASR_SANDBOX: 'auto' } });
  expect([task.state, task.run.sandbox]).toEqual([
    'done',
    { level: 'off', why: 'bubblewrap is not installed' },
  ]);
  expect(await world.ok(['show', String(task.id)])).toContain(
    'none: only its worktree and git dir are its own',
  );
  const strict = await world.task('echo 1 > one', { prompt: 'strict', env: { ...poor, ...STRICT.env } });
  expect([strict.state, strict.evidence]).toEqual([
    'failed',
    'could not be started: there is no strict sandbox: bubblewrap is not installed',
  ]);
});

walled(
  'the walls stand where the repository is bare, has an odd name, or holds the home; its neighbours are not behind them',
  async () => {
    await using world = makeWorld('walls-odd');
    world.repo = join(world.root, 'odd name: ü "quoted"');
    world.init();
    const neighbour = join(world.root, 'neighbour');
    const bare = join(world.root, 'bare.git');
    world.git(['clone', '-q', '--bare', world.repo, bare]);
    mkdirSync(neighbour);
    const linked = join(world.root, 'linked');
    world.git(['worktree', 'add', '-q', linked], bare);
    // Into the repository that it is launched from, and beside it.
    const script = (evil: string): string =>
      `echo evil > "${evil}"; echo ok > "${neighbour}/ok"; echo ok > ok; exit 0`;
    for (const [cwd, evil] of [
      [world.repo, join(world.repo, 'evil')],
      [bare, join(bare, 'evil')],
      [linked, join(linked, 'evil')],
      [linked, join(bare, 'refs/heads/evil')],
    ] as const) {
      const task = await world.task(script(evil), { cwd, ...AUTO });
      expect([task.state, task.run.sandbox, existsSync(evil)]).toEqual([
        'done',
        { level: 'light', why: null },
        false,
      ]);
      expect(existsSync(join(neighbour, 'ok'))).toBe(true);
      rmSync(join(neighbour, 'ok'));
    }

    world.git(['init', '-q'], world.home);
    world.git(['commit', '-q', '--allow-empty', '-m', 'dotfiles'], world.home);
    const [evil, login] = [join(world.home, '.git/evil'), join(world.home, '.login')];
    const task = await world.task(`echo evil > "${evil}"; echo ok > "${login}"`, {
      cwd: world.home,
      ...AUTO,
    });
    const why = `your home lies in ${world.home}, which is not protected`;
    expect([task.run.sandbox, existsSync(evil), existsSync(login)]).toEqual([
      { level: 'light', why },
      false,
      true,
    ]);
  },
);

test.skipIf(probe.status !== 0 || !canBecomeNobody())(
  'the walls stand for an ordinary user as well, who may make no namespaces but his own',
  async () => {
    await using world = makeWorld('walls-nobody');
    world.init();
    const phasr = asNobody(world);
    const script = `echo evil > "${world.repo}/new"; echo ok > ok; unshare -rm touch "${world.repo}/new"; exit 0`;
    const options = { env: { PHASR_SANDBOX: 'auto' } };
    const ran = await phasr(['run', 'x', '--json', '--', 'sh', '-c', script], options);
    const { tasks } = JSON.parse(ran.stdout) as Answer;
    expect([tasks[0].state, tasks[0].run.sandbox]).toEqual(['done', { level: 'light', why: null }]);
    expect(existsSync(join(world.repo, 'new'))).toBe(false);
    expect(existsSync(join(tasks[0].worktree, 'ok'))).toBe(true);
  },
);

test('what the agents of this suite try is in docs/isolation.md, row for row', () => {
  const page = readFileSync(join(import.meta.dirname, '../docs/isolation.md'), 'utf8');
  const rows = /## Hazards\n.*?\n\| --- .*?\n(.*?)\n\n/s.exec(page)?.[1]?.split('\n') ?? [];
  expect(rows.map((row) => row.split(' | ')[0]?.slice(2))).toEqual(ESCAPES.map(([, what]) => what));
});
