/** For tests that run as the superuser: Phasr and its agents as an ordinary user. */

import { spawnSync } from 'node:child_process';
import { chownSync, cpSync, existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { INSTALLED } from './agent-programs.ts';
import type { Answer, TaskJson } from './answer.ts';
import type { Ran, RunOptions, World } from './world.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const NOBODY = 65_534;
const BECOME_NOBODY = [
  `--reuid=${NOBODY}`,
  `--regid=${NOBODY}`,
  '--clear-groups',
  '--bounding-set=-all',
] as const;

/** Whether this process is the superuser's, can start Node as an ordinary user, and the agent is where it can be shared with him. */
export function canBeNobody(name: string): boolean {
  if (process.getuid?.() !== 0 || !existsSync(join(INSTALLED, name))) return false;
  return spawnSync('setpriv', [...BECOME_NOBODY, process.execPath, '--version'], { cwd: '/' }).status === 0;
}

/** Makes the world an ordinary user's. Gives what runs `phasr` as him, to its end, and the first of its tasks. */
export function makeNobodys(
  world: World,
  env: Record<string, string>,
): (args: readonly string[]) => Promise<TaskJson> {
  const programs = join(world.root, 'programs');
  shareAgents(programs);
  const phasr = giveToNobody(world, programs);
  const PATH = `${join(programs, 'agents/node_modules/.bin')}:${env['PATH']}`;
  return async (args) => {
    const words = [...BECOME_NOBODY, ...phasr, ...args, '--json'];
    const ran = await world.program('setpriv', words, { env: { ...env, PATH } });
    const answer = JSON.parse(ran.stdout) as Answer;
    if (answer.tasks === undefined) throw new Error(ran.stdout);
    return answer.tasks[0];
  };
}

/** Whether this process is the superuser's and can start programs as an ordinary user. */
export function canBecomeNobody(): boolean {
  return (
    process.getuid?.() === 0 && spawnSync('setpriv', [...BECOME_NOBODY, 'true'], { cwd: '/' }).status === 0
  );
}

/** Makes the world an ordinary user's. Gives what runs `phasr` as him, to its end. */
export function asNobody(world: World): (args: readonly string[], options?: RunOptions) => Promise<Ran> {
  const phasr = giveToNobody(world, join(world.root, 'programs'));
  return (args, options) => world.program('setpriv', [...BECOME_NOBODY, ...phasr, ...args], options);
}

function giveToNobody(world: World, programs: string): readonly string[] {
  sharePhasr(programs);
  chownSync(world.root, NOBODY, NOBODY);
  spawnSync('chown', ['-R', `${NOBODY}:${NOBODY}`, world.home, world.repo]);
  return [process.execPath, join(programs, 'phasr/dist/cli.cjs')];
}

/** Copies, for the originals may be in a folder that is closed to others. */
function sharePhasr(programs: string): void {
  mkdirSync(programs, { recursive: true });
  cpSync(join(ROOT, 'dist'), join(programs, 'phasr/dist'), { recursive: true });
  for (const name of ['@photostructure/sqlite', 'node-gyp-build']) {
    cpSync(join(ROOT, 'node_modules', name), join(programs, 'phasr/node_modules', name), { recursive: true });
  }
}

function shareAgents(programs: string): void {
  mkdirSync(programs);
  // The agents are large: links where the file system allows it.
  const agents = dirname(dirname(INSTALLED));
  const linked = spawnSync('cp', ['-al', agents, join(programs, 'agents')]);
  if (linked.status === 0) return;
  spawnSync('rm', ['-rf', join(programs, 'agents')]);
  spawnSync('cp', ['-a', agents, join(programs, 'agents')]);
}
