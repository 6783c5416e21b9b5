/** The sandbox: an agent reaches nothing of the repository and of other tasks, and hardly notices (user pains P7, P12, P17). */

import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Answer } from './support/answer.ts';
import { hasSandbox, makeNeighbours } from './support/escapes.ts';
import { asNobody, canBecomeNobody } from './support/ordinary-user.ts';
import { hasTmux, openTerminal } from './support/terminal.ts';
import { waitFor } from './support/wait-for.ts';
import { CLI, makeWorld } from './support/world.ts';

const walled = test.skipIf(!hasSandbox);

const AUTO = { env: { PHASR_SANDBOX: 'auto' } };
const STRICT = { env: { PHASR_SANDBOX: 'strict' } };

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

const hasPerl = spawnSync('perl', ['-e', '1']).status === 0;

/** ioctl(TIOCSTI): as if it were typed. Prints whether the kernel let it. */
const TYPES_PWNED = `open(T, "+<", "/dev/tty") or exit 3; for (split //, "touch pwned\\n") { ioctl(T, 0x5412, $_) or print("refused\\n"), exit } print "typed\\n"`;

test.skipIf(!hasSandbox || !hasTmux || !hasPerl)(
  "behind walls nothing types into the person's terminal, whose shell stands outside of them (needs tmux and perl)",
  async () => {
    await using world = makeWorld('walls-typing');
    world.init();
    world.write('types.pl', TYPES_PWNED, world.home);
    await world.task('true');
    world.write('.config/phasr/config.toml', '[isolation]\nnetwork = ["example.com"]\n', world.home);
    const terminal = await openTerminal(world, { columns: 100, rows: 30 });
    for (const level of ['auto', 'strict']) {
      terminal.enter(`clear; PHASR_SANDBOX=${level} phasr exec 1 -- perl ${world.home}/types.pl`);
      await terminal.untilPrompt('refused');
      expect(world.has('pwned')).toBe(false);
    }
    terminal.enter(`clear; PHASR_SANDBOX=off phasr exec 1 -- perl ${world.home}/types.pl`);
    const lines = await terminal.until('its end', (shown) => /^(?:typed|refused)$/m.test(shown.join('\n')));
    // Where the kernel lets nobody do it, there is nothing to be kept from.
    if (lines.includes('typed')) await waitFor('what was typed', () => world.has('pwned'));
  },
);

const hasLfs = spawnSync('git', ['lfs', 'version']).status === 0;

test.skipIf(!hasSandbox || !hasLfs)(
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

walled(
  "behind walls the person's settings of Phasr stay as they are: they name programs that it starts, and take walls away",
  async () => {
    await using world = makeWorld('walls-settings');
    world.init();
    const path = join(world.home, '.config/phasr/config.toml');
    world.write('.config/phasr/config.toml', '[isolation]\nsandbox = "auto"\n', world.home);
    const script = `exec 2>/dev/null; echo evil >> ${path}; mv ${path} ${path}.x; rm -rf ${world.home}/.config/phasr; mv ${world.home}/.config/phasr ${world.home}/x; echo evil > ${path}; true`;
    const task = await world.task(script, AUTO);
    expect([task.state, task.run.sandbox?.level, task.escape]).toEqual(['done', 'light', null]);
    expect(readFileSync(path, 'utf8')).toBe('[isolation]\nsandbox = "auto"\n');
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

walled(
  'what isolation.hide names is not there behind walls: keys and passwords in a strict sandbox by default',
  async () => {
    await using world = makeWorld('walls-hide');
    world.init();
    const settings = (lines: string): void =>
      world.write('.config/phasr/config.toml', `[isolation]\n${lines}\n`, world.home);
    const secrets = ['.ssh/id_ed25519', '.netrc', '.aws/credentials', 'mine/key', '.agent/login'];
    for (const path of secrets) world.write(path, 'secret\n', world.home);
    const script = `cd; for f in ${secrets.join(' ')}; do test -s $f && echo $f >> "$PHASR_WORKTREE/read"; done; echo x > .ssh/new; cd "$PHASR_WORKTREE"; git commit -q --allow-empty -m own && echo git >> read; true`;
    const readBy = async (env: Record<string, string>): Promise<string[]> => {
      const task = await world.task(script, { env });
      return world.read('read', task.worktree).trim().split('\n');
    };
    expect(await readBy(STRICT.env)).toEqual(['mine/key', '.agent/login', 'git']);
    expect(await readBy(AUTO.env)).toEqual([...secrets, 'git']);
    settings('hide = ["~/mine", "~/.netrc", "~/not-there"]');
    expect(await readBy(AUTO.env)).toEqual(['.ssh/id_ed25519', '.aws/credentials', '.agent/login', 'git']);
    settings('hide = ["~/"]');
    expect(await readBy(STRICT.env)).toEqual(['git']);
    for (const path of secrets) expect(world.read(path, world.home)).toBe('secret\n');
    expect(existsSync(join(world.home, '.ssh/new'))).toBe(true);
  },
);

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

test.skipIf(!hasSandbox || !canBecomeNobody())(
  'the walls stand for an ordinary user as well, who may make no namespaces but his own',
  async () => {
    await using world = makeWorld('walls-nobody');
    world.init();
    world.write('.ssh/key', 'secret\n', world.home);
    const phasr = asNobody(world);
    const hidden = `unshare -rm sh -c 'umount "$HOME/.ssh"; mount --bind / /mnt; test $(id -u) = 0 && echo root; cat "$HOME/.ssh/key" "/mnt$HOME/.ssh/key"' > read 2>/dev/null; exit 0`;
    const strict = await phasr(['run', 'x', '--json', '--', 'sh', '-c', hidden], STRICT);
    const [inStrict] = (JSON.parse(strict.stdout) as Answer).tasks;
    expect([inStrict.run.sandbox, world.read('read', inStrict.worktree)]).toEqual([
      { level: 'strict', why: null },
      // A machine may forbid namespaces within namespaces.
      expect.stringMatching(/^(?:root\n)?$/),
    ]);
    const script = `echo evil > "${world.repo}/new"; echo ok > ok; unshare -rm touch "${world.repo}/new"; exit 0`;
    const options = { env: { PHASR_SANDBOX: 'auto' } };
    const ran = await phasr(['run', 'x', '--json', '--', 'sh', '-c', script], options);
    const { tasks } = JSON.parse(ran.stdout) as Answer;
    expect([tasks[0].state, tasks[0].run.sandbox]).toEqual(['done', { level: 'light', why: null }]);
    expect(existsSync(join(world.repo, 'new'))).toBe(false);
    expect(existsSync(join(tasks[0].worktree, 'ok'))).toBe(true);
  },
);

walled(
  'a strict sandbox with a list of hosts reaches these alone, by HTTP and by CONNECT; what is refused is named',
  async () => {
    await using world = makeWorld('walls-hosts');
    world.init();
    const server = createServer((_, answer) => answer.end('from outside\n'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    world.write(
      '.config/phasr/config.toml',
      `[isolation]\nnetwork = ["127.0.0.1:${port}", "*.example.com"]\n`,
      world.home,
    );
    const ask = `
    const http = require('node:http');
    const proxy = new URL(process.env.HTTP_PROXY);
    const get = (url) => new Promise((done) => http.get({ host: proxy.hostname, port: proxy.port, path: url }, (r) => { let t = ''; r.on('data', (d) => (t += d)); r.on('end', () => done(r.statusCode + ' ' + t.trim())); }).on('error', (e) => done(e.code)));
    const tunnel = (to) => new Promise((done) => { const r = http.request({ host: proxy.hostname, port: proxy.port, method: 'CONNECT', path: to }); r.on('connect', (a, socket) => { if (a.statusCode !== 200) return done(a.statusCode); socket.write('GET / HTTP/1.0\\r\\n\\r\\n'); let t = ''; socket.on('data', (d) => (t += d)); socket.on('end', () => done('200 ' + t.split('\\r\\n\\r\\n')[1].trim())); }); r.on('error', (e) => done(e.code)); r.end(); });
    const direct = () => new Promise((done) => http.get('http://127.0.0.1:${port}/', () => done('reached')).on('error', (e) => done(e.code)));
    (async () => console.log([await get('http://127.0.0.1:${port}/x'), await get('http://127.0.0.1:1/'), await get('http://other.test/'), await tunnel('127.0.0.1:${port}'), await tunnel('other.test:443'), await direct()].join('; ')))();
  `;
    world.write('ask.cjs', ask, world.home);
    const script = `"${process.execPath}" "${world.home}/ask.cjs" > answers; echo "$HTTPS_PROXY" > proxy; exit 5`;
    const task = await world.task(script, STRICT);
    expect([task.state, task.run.exitCode, task.run.sandbox]).toEqual([
      'failed',
      5,
      { level: 'strict', why: null },
    ]);
    expect(world.read('answers', task.worktree)).toBe(
      '200 from outside; 403 ; 403 ; 200 from outside; 403; ECONNREFUSED\n',
    );
    expect(world.read('proxy', task.worktree)).toBe('http://127.0.0.1:3128\n');
    const log = await world.ok(['logs', '1']);
    expect(log).toContain('phasr: not reached, since isolation.network does not list it: 127.0.0.1:1\n');
    expect(log.match(/other\.test:443/g)).toHaveLength(1);
    await waitFor('everything to end', () => world.processes().length === 0);
    const polite = await world.json(
      [
        'run',
        'x',
        '--detach',
        '--',
        'sh',
        '-c',
        `trap 'echo bye > bye; exit 0' TERM; touch ready; while :; do sleep 0.05; done`,
      ],
      STRICT,
    );
    const { id } = polite.tasks[0];
    const worktree = await waitFor(
      'the worktree',
      async () => (await world.json(['show', String(id)])).worktree ?? undefined,
    );
    await waitFor('the agent', () => existsSync(join(worktree, 'ready')));
    await world.ok(['stop', String(id)]);
    expect((await world.json(['show', String(id)])).state).toBe('stopped');
    expect(existsSync(join(worktree, 'bye'))).toBe(true);
    const exec = await world.phasr(
      ['exec', '1', '--', 'sh', '-c', `cat; "${process.execPath}" "${world.home}/ask.cjs"; exit 7`],
      { ...STRICT, stdin: 'typed\n' },
    );
    expect([exec.code, exec.stdout]).toEqual([
      7,
      'typed\n200 from outside; 403 ; 403 ; 200 from outside; 403; ECONNREFUSED\n',
    ]);
    await waitFor('everything to end', () => world.processes().length === 0);
    expect(
      readdirSync(tmpdir()).filter(
        (name) => /^phasr-[\w]+-/.test(name) && existsSync(join(tmpdir(), name, 's')),
      ),
    ).toEqual([]);
    server.close();
  },
);
