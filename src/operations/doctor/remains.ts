/** What dead processes, deleted repositories and lost records have left: it costs room or confuses, and nothing takes it away by itself. Looks only. */

import { existsSync, readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { renderCount } from '../../base/text.ts';
import { quoteWord } from '../../base/words.ts';
import { findWorktree } from '../../git/clean-room.ts';
import { namesIn, readPathFile } from '../../git/files.ts';
import type { Repository } from '../../git/repository.ts';
import { repositoryPaths, type UserPaths, userPaths, worktreesDirectory } from '../../store/paths.ts';
import { peekPlaces } from '../../store/places.ts';
import type { TaskRecords } from '../../store/task-store.ts';
import { listTrash } from '../../store/trash.ts';
import { isOpen, type Task } from '../../task/task.ts';
import { isHolderAlive } from '../context.ts';
import { type Finding, note, ok } from './finding.ts';
import type { Machine } from './machine.ts';

/** A hint names so many paths; what more there is has its own finding or is counted. */
const PATHS_MAX = 5;

/** Of the repository, by its records. */
export async function examineRemains(
  { env }: Machine,
  repository: Repository,
  records: TaskRecords,
): Promise<readonly Finding[]> {
  const user = userPaths(env, env['HOME'] ?? homedir());
  const open = records.tasks.filter(({ phase }) => isOpen(phase));
  const own = await worktreesDirectory(user, repository.commonDir);
  const findings = [
    ...findStrayWorktrees(repository, open, own),
    ...findStrayRegistrations(repository, open),
    ...findStrayRecords(repository, records),
    ...findLostWorktrees(open),
    ...(await findTrash(repository, records)),
  ];
  return findings.length === 0 ? [ok('remains', 'none')] : findings;
}

function listed(paths: readonly string[]): string {
  const more = paths.length > PATHS_MAX ? ` and ${paths.length - PATHS_MAX} more` : '';
  return paths.slice(0, PATHS_MAX).join(', ') + more;
}

/** Nobody is told to remove what he has not seen. */
function lookFirst(paths: readonly string[]): string {
  return `ls -A ${paths.slice(0, PATHS_MAX).map(quoteWord).join(' ')}   (then rm -r what you do not need)`;
}

/** Folders among the worktrees, and in their trash, that no task and no trash entry knows. */
function findStrayWorktrees(repository: Repository, open: readonly Task[], own: string): readonly Finding[] {
  const known = new Set(open.map(({ worktreePath }) => worktreePath));
  const parents = [...new Set([own, ...open.map(({ worktreePath }) => dirname(worktreePath))])];
  const strays = parents.flatMap((parent) =>
    namesIn(parent)
      .filter((name) => !name.startsWith('.'))
      .map((name) => join(parent, name))
      .filter((path) => !known.has(path)),
  );
  const trashed = new Set(
    listTrash(repositoryPaths(repository.commonDir).trashDir).map(({ worktree }) => worktree),
  );
  const forgotten = parents.flatMap((parent) =>
    namesIn(join(parent, '.trash'))
      .map((name) => join(parent, '.trash', name))
      .filter((path) => !trashed.has(path)),
  );
  const all = [...strays, ...forgotten];
  if (all.length === 0) return [];
  return [
    note(
      'remains',
      `${renderCount(all.length, 'worktree folder')} that no task knows: ${listed(all)}`,
      lookFirst(all),
    ),
  ];
}

/** Entries among the user's worktrees that are of a task which is closed, or not recorded. */
function findStrayRegistrations({ commonDir }: Repository, open: readonly Task[]): readonly Finding[] {
  const ids = new Set(open.map(({ id }) => `phasr-${id}`));
  const strays = namesIn(join(commonDir, 'worktrees'))
    .filter((name) => /^phasr-\d+$/.test(name) && !ids.has(name))
    .map((name) => join(commonDir, 'worktrees', name))
    // One of the person's own may have such a name; ours are locked with a reason.
    .filter((path) => readPathFile(join(path, 'locked'))?.startsWith('phasr task ') === true);
  if (strays.length === 0) return [];
  return [
    note(
      'remains',
      `${renderCount(strays.length, 'worktree registration')} of no open task: ${listed(strays)}`,
      'phasr doctor --fix   (puts them aside)',
    ),
  ];
}

/** Git dirs and transcripts of tasks that the database has never heard of: it was lost, or moved aside. */
function findStrayRecords({ commonDir }: Repository, records: TaskRecords): readonly Finding[] {
  const { tasksDir } = repositoryPaths(commonDir);
  const known = new Set(records.tasks.map(({ id }) => String(id)));
  const strays = namesIn(tasksDir)
    .filter((name) => /^\d+$/.test(name) && !known.has(name))
    .map((name) => join(tasksDir, name));
  if (strays.length === 0) return [];
  return [
    note(
      'remains',
      `${renderCount(strays.length, 'task folder')} without a record: ${listed(strays)}`,
      lookFirst(strays),
    ),
  ];
}

/** Tasks whose worktree somebody has moved, replaced or deleted. */
function findLostWorktrees(open: readonly Task[]): readonly Finding[] {
  return open
    .filter(
      ({ directory, worktreePath }) =>
        directory !== null && findWorktree(worktreePath, directory) !== 'present',
    )
    .map(({ id, worktreePath }) =>
      note(
        'remains',
        `the worktree of task ${id} is not where Phasr made it: ${worktreePath}`,
        `phasr doctor --fix   (what was committed is on its branch; phasr discard ${id} gives it up)`,
      ),
    );
}

async function findTrash({ commonDir }: Repository, records: TaskRecords): Promise<readonly Finding[]> {
  const { trashDir } = repositoryPaths(commonDir);
  const entries = listTrash(trashDir);
  const of = (state: string): readonly string[] =>
    entries.filter((entry) => entry.state === state).map(({ name }) => join(trashDir, name));
  const [waiting, held, partial] = [of('sweepable'), of('held'), of('partial')];
  const isBusy = records.sweeper !== undefined && (await isHolderAlive(records.sweeper));
  return [
    ...(waiting.length === 0
      ? []
      : isBusy
        ? [ok('remains', `${renderCount(waiting.length, 'removed worktree')} being emptied now`)]
        : [
            note(
              'remains',
              `${renderCount(waiting.length, 'removed worktree')} not yet emptied: ${listed(waiting)}`,
              'phasr list   (any command starts that again)',
            ),
          ]),
    ...(held.length === 0
      ? []
      : [
          note(
            'remains',
            `${renderCount(held.length, 'removed worktree')} kept on the disk, because no ref could hold everything: ${listed(held.map((path) => `${path} (${heldReason(path)})`))}`,
            'phasr list --all   (phasr show N says where it is)',
          ),
        ]),
    ...(partial.length === 0
      ? []
      : [
          note(
            'remains',
            `${renderCount(partial.length, 'removed worktree')} half moved: ${listed(partial)}`,
            'phasr list   (any command goes on with it)',
          ),
        ]),
  ];
}

function heldReason(entry: string): string {
  return readFileSync(join(entry, 'held'), 'utf8').trim();
}

/** Of the user, over all repositories: places of dead processes, worktrees of repositories that are gone. */
export async function examineUserRemains({ env }: Machine): Promise<readonly Finding[]> {
  const user = userPaths(env, env['HOME'] ?? homedir());
  return [...(await findDeadPlaces(user)), ...findOrphans(user)];
}

async function findDeadPlaces({ places }: UserPaths): Promise<readonly Finding[]> {
  const dead: string[] = [];
  for (const { running, holder, agent, commonDir, task } of peekPlaces(places)) {
    const isAlive = async (key: string | null): Promise<boolean> =>
      key !== null && (await isHolderAlive(key));
    const isGone = !existsSync(commonDir);
    if (isGone || (running && !(await isAlive(holder)) && !(await isAlive(agent))))
      dead.push(`task ${task} of ${commonDir}`);
  }
  if (dead.length === 0) return [ok('places', 'none is held by a dead process')];
  return [
    note(
      'places',
      `${renderCount(dead.length, 'place')} held by nobody that lives: ${listed(dead)}`,
      'phasr list   (in that repository; the next launch frees places too)',
    ),
  ];
}

/** Worktrees whose git dir, which is in their repository, is not there any more. */
function findOrphans({ worktrees }: UserPaths): readonly Finding[] {
  const orphans = namesIn(worktrees).flatMap((folder) =>
    namesIn(join(worktrees, folder))
      .filter((name) => !name.startsWith('.'))
      .map((name) => join(worktrees, folder, name))
      .filter((path) => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true && isOrphan(path)),
  );
  if (orphans.length === 0) return [];
  return [
    note(
      'remains',
      `${renderCount(orphans.length, 'worktree')} of repositories that are gone: ${listed(orphans)}`,
      lookFirst(orphans),
    ),
  ];
}

function isOrphan(worktreePath: string): boolean {
  const target = /^gitdir: (.+)$/s.exec(readPathFile(join(worktreePath, '.git')) ?? '')?.[1];
  return target !== undefined && isAbsolute(target) && !existsSync(target);
}
