/** Where nothing may be written, and what may not be read. */

import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Answer, TaskJson } from './support/answer.ts';
import { canMount, mountMemory } from './support/disk.ts';
import { asNobody, canBecomeNobody } from './support/ordinary-user.ts';
import { waitFor } from './support/wait-for.ts';
import { makeWorld, type Ran, type World } from './support/world.ts';

const canUseDisks = canMount('memory');
const canBeOrdinary = canBecomeNobody();

function listAll(world: World): readonly string[] {
  return [...readdirSync(world.repo, { recursive: true }), ...readdirSync(world.home, { recursive: true })]
    .map(String)
    .toSorted();
}

const READ_ONLY = /^phasr: \S+: the file system is read-only\n  Make it writable, then try again\.\n$/;

test.skipIf(!canUseDisks)(
  'in a read-only repository tasks can be looked at; whatever must write is refused by name and changes nothing',
  async () => {
    using disk = mountMemory(50);
    await using world = makeWorld('read-only', disk.path);
    world.init();
    world.write('.config/phasr/config.toml', '[disk]\nfloor = "0"\n', world.home);
    await world.task('echo done >file');
    await waitFor('helpers to end', () => world.processes().length === 0);
    disk.remount('ro');
    expect(world.has('.git/phasr/phasr.db-wal')).toBe(false);
    expect((await world.json(['list'])).tasks).toMatchObject([{ id: 1, state: 'done' }]);
    disk.remount('rw');
    await world.ok(['run', 'wait', '--detach', '--', 'sleep', '300']);
    await waitFor('it to run', async () => (await world.json(['list'])).tasks?.[1]?.state === 'running');
    world.killAll();
    await waitFor('everything to end', () => world.processes().length === 0);
    const before = listAll(world);
    disk.remount('ro');
    try {
      expect((await world.json(['list'])).tasks).toMatchObject([{ state: 'done' }, { id: 2 }]);
      expect(await world.ok(['show', '1'])).toContain('done');
      const refused = await world.phasr(['run', 'do it', '--', 'true']);
      expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(READ_ONLY)]);
      for (const command of ['merge', 'discard', 'resume']) {
        const ran = await world.phasr([command, '1']);
        expect([command, ran.code, ran.stderr]).toEqual([
          command,
          1,
          expect.stringMatching(/^phasr: .+\n  .+\n$/),
        ]);
      }
    } finally {
      disk.remount('rw');
    }
    expect(listAll(world)).toEqual(before);
    expect((await world.json(['list'])).tasks).toMatchObject([{ state: 'done' }, { state: 'interrupted' }]);
    await world.ok(['merge', '1']);
    expect(world.read('file')).toBe('done\n');
  },
);

test.skipIf(!canUseDisks)(
  'with a read-only PHASR_HOME a launch is refused by name before anything is made',
  async () => {
    using disk = mountMemory(10);
    await using world = makeWorld('read-only-home');
    world.init();
    disk.remount('ro');
    const env = { PHASR_HOME: join(disk.path, 'phasr') };
    const refused = await world.phasr(['run', 'do it', '--', 'true'], { env });
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(READ_ONLY)]);
    expect(world.git(['for-each-ref', '--format=%(refname)'])).toBe('refs/heads/main');
    expect(world.has('.git/phasr')).toBe(false);
  },
);

test.skipIf(!canBeOrdinary)(
  'where its user may not write, a launch is refused by name before anything is made',
  async () => {
    await using world = makeWorld('no-permission');
    world.init();
    const phasr = asNobody(world);
    const closed = join(world.root, 'closed');
    mkdirSync(closed, { mode: 0o555 });
    const denied =
      /^phasr: \S+: permission denied\n  Check the permissions of that file and of its folder\.\n$/;
    const expectDenied = async (ran: Ran): Promise<void> => {
      expect([ran.code, ran.stderr]).toEqual([1, expect.stringMatching(denied)]);
      expect(world.has('.git/phasr')).toBe(false);
    };
    await expectDenied(
      await phasr(['run', 'do it', '--', 'true'], { env: { PHASR_HOME: join(closed, 'phasr') } }),
    );
    chmodSync(join(world.repo, '.git'), 0o555);
    await expectDenied(await phasr(['run', 'do it', '--', 'true']));
    chmodSync(join(world.repo, '.git'), 0o755);
    expect((await phasr(['run', 'do it', '--', 'true'])).code).toBe(0);
  },
);

test.skipIf(!canBeOrdinary)(
  'files and folders that an agent has closed to everybody are named and never lost; everything else is committed and merged',
  async () => {
    await using world = makeWorld('closed-files');
    world.init();
    const phasr = asNobody(world);
    const answer = async (args: readonly string[]): Promise<TaskJson> => {
      const ran = await phasr([...args]);
      const [task] = (JSON.parse(ran.stdout) as Answer).tasks ?? [];
      if (task === undefined) throw new Error(ran.stdout + ran.stderr);
      return task;
    };
    const script =
      'echo open >open; echo closed >closed; mkdir folder; echo inside >folder/inside; chmod 000 closed folder';
    const task = await answer(['run', 'do it', '--json', '--', 'sh', '-c', script]);
    expect(task.state).toBe('done');
    expect(task.notes).toEqual([expect.stringMatching(/^some files could not be read: .*(?:closed|folder)/)]);
    const owned = ['-c', `safe.directory=${world.repo}`];
    expect(world.git([...owned, 'show', `${task.branch}:open`])).toBe('open');
    const merged = await phasr(['merge', '1']);
    expect([merged.code, merged.stderr]).toEqual([0, '']);
    expect(world.read('open')).toBe('open\n');
    await waitFor('the sweeper to end', () => world.processes().length === 0);
    const gone = JSON.parse((await phasr(['list', '--all', '--json'])).stdout) as Answer;
    const held = (gone.tasks?.[0]?.held ?? '').replace(/ \(.*\)$/, '');
    expect(readFileSync(join(held, 'closed'), 'utf8')).toBe('closed\n');
    expect(readFileSync(join(held, 'folder/inside'), 'utf8')).toBe('inside\n');
    expect(statSync(join(held, 'closed')).mode & 0o777).toBe(0);
  },
);
