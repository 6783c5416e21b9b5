/** Remains that stand in the way: registrations of no open task, and removed worktrees in the trash whose places have moved. */

import { basename, join, relative } from 'node:path';
import { findStat, namesIn, readPathFile } from '../../git/files.ts';
import { worktreeName } from '../../git/task-dirs.ts';
import { findWrongBorrowing, readLinkedCommonDir } from '../../git/task-links.ts';
import { moveAside } from '../../store/aside.ts';
import { withMutex } from '../../store/mutex.ts';
import { taskDirectory } from '../../store/paths.ts';
import { listTrash, readTrashEntry, type TrashEntry, writeTrashEntry } from '../../store/trash.ts';
import type { Context } from '../context.ts';
import { mendLinks } from './mend-links.ts';
import { doneBy, movedAside, type RepairPlan } from './repair-kinds.ts';

/** Registrations of ours whose task is not among the open ones: git would list a worktree that is not there. */
export function planRegistrations(context: Context, openIds: readonly number[]): readonly RepairPlan[] {
  const open = new Set(openIds.map(worktreeName));
  const folder = join(context.repository.commonDir, 'worktrees');
  return namesIn(folder)
    .filter((name) => /^phasr-\d+$/.test(name) && !open.has(name))
    .map((name) => join(folder, name))
    .filter((path) => isOurs(path))
    .map((path) => ({
      check: 'remains',
      task: null,
      wrong: `${path} registers a worktree of no open task`,
      deed: 'put aside',
      execute: () =>
        withMutex(context.paths.mutex, context.clock, async () =>
          movedAside(path, moveAside(path, context.paths.asideDir, context.clock.nowMs())),
        ),
    }));
}

/** One of the person's own may have such a name; ours are locked with a reason. */
function isOurs(path: string): boolean {
  return readPathFile(join(path, 'locked'))?.startsWith('phasr task ') === true;
}

/** What waits for the sweeper, or is held on the disk, must still find its files and objects after a move. */
export function planTrash(context: Context): readonly RepairPlan[] {
  const { trashDir } = context.paths;
  return listTrash(trashDir).flatMap(({ name }): readonly RepairPlan[] => {
    const folder = join(trashDir, name);
    const dirs = { cleanDir: join(folder, 'clean'), privateDir: join(folder, 'git') };
    const links = findWrongBorrowing(dirs, context.repository.commonDir);
    const entry = readTrashEntry(trashDir, name);
    const moved =
      entry === undefined || findStat(entry.worktree) !== undefined
        ? undefined
        : findTrashed(context, entry, dirs);
    const wrong = `the removed worktree ${name} in the trash`;
    return [
      ...(links.length === 0
        ? []
        : [
            {
              check: 'trash',
              task: null,
              wrong: `${wrong} names the repository's earlier place`,
              deed: 'put right',
              execute: async () => {
                // The clean room's alternates, by which the earlier place is known, are the last of the list.
                const mended = mendLinks(links, ({ path }) =>
                  path.startsWith(dirs.cleanDir) ? dirs.cleanDir : dirs.privateDir,
                );
                return doneBy(...mended.back);
              },
            },
          ]),
      ...(entry === undefined || moved === undefined
        ? []
        : [
            {
              check: 'trash',
              task: null,
              wrong: `${wrong} has its files at ${moved} instead of ${entry.worktree}`,
              deed: 'recorded',
              execute: async () => {
                writeTrashEntry(trashDir, name, { ...entry, worktree: moved });
                // The entry's own earlier words lead nowhere.
                return doneBy();
              },
            },
          ]),
    ];
  });
}

/** The trash of worktrees moves with the folder of all worktrees. Its `.git` file tells an entry of this repository from others of the same name. */
function findTrashed(
  context: Context,
  { taskId, worktree }: TrashEntry,
  dirs: { readonly cleanDir: string },
): string | undefined {
  const { worktrees } = context.user;
  const { commonDir } = context.repository;
  const admin = join(taskDirectory(context.paths, taskId), 'git', 'worktrees', worktreeName(taskId));
  const old = readLinkedCommonDir(dirs) ?? commonDir;
  const own = new Set([admin, join(old, relative(commonDir, admin))].map((path) => `gitdir: ${path}`));
  return namesIn(worktrees)
    .map((folder) => join(worktrees, folder, '.trash', basename(worktree)))
    .find((path) => own.has(readPathFile(join(path, '.git')) ?? ''));
}
