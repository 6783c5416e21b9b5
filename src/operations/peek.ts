/**
 * What a repository holds, for a look in passing while a person types: nothing is recovered, recorded or made, no process is started but git,
 * which is asked where the repository is and for its branches.
 */

import type { Environment } from '../base/environment.ts';
import { branchRef } from '../base/oid.ts';
import { listMadeNames } from '../git/made.ts';
import { taskDirs } from '../git/task-dirs.ts';
import { findRepository, findTaskWorktree, repositoryPlace } from '../git/repository.ts';
import { listRefNames } from '../git/refs.ts';
import { repositoryPaths, taskDirectory } from '../store/paths.ts';
import { peekTasks } from '../store/task-store.ts';
import { LOOKED_FOR } from './editor.ts';
import { findProgram } from '../process/find.ts';
import { describeState, type StateName } from '../task/state.ts';
import type { Task } from '../task/task.ts';

/** Editors for a task's worktree that are in PATH. */
export function findEditors(env: Environment): readonly string[] {
  return LOOKED_FOR.filter((name) => findProgram(name, env, '/') !== undefined);
}

/** A task with what its record says of its state; the process table is not asked. */
export type GlimpsedTask = { readonly task: Task; readonly state: StateName };

export type Glimpse = {
  /** Tasks that are not yet merged or discarded, by id. */
  readonly tasks: readonly GlimpsedTask[];
  /** Short names of local branches, or of tags. One git process. */
  readonly names: (of: 'branches' | 'tags') => Promise<readonly string[]>;
  /** The same, of those that a task's agent has made for itself. No git process. */
  readonly made: (task: Task, of: 'branches' | 'tags') => readonly string[];
};

const PREFIXES = { branches: 'refs/heads', tags: 'refs/tags' } as const;

/** Throws `not-a-repository` and the like. */
export async function glimpse(directory: string, env: Environment): Promise<Glimpse> {
  const repository = await findRepository(directory, env);
  const commonDir = findTaskWorktree(repository)?.commonDir ?? repository.commonDir;
  const paths = repositoryPaths(commonDir);
  const tasks = peekTasks(paths.database, 'all');
  return {
    tasks: tasks.map((task) => ({ task, state: describeState(task, 'not asked', Date.now()).name })),
    names: async (of) => {
      const names = await listRefNames(repositoryPlace({ commonDir }, env), [PREFIXES[of]]);
      return names.map((name) => name.slice(PREFIXES[of].length + 1));
    },
    made: (task, of) => {
      const dirs = taskDirs(task, { commonDir, taskDir: taskDirectory(paths, task.id) });
      return listMadeNames(dirs, branchRef(task.branch))
        .filter((name) => name.startsWith(`${PREFIXES[of]}/`))
        .map((name) => name.slice(PREFIXES[of].length + 1));
    },
  };
}
