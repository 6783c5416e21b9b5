/** `phasr doctor`: looks at the machine and at the repository, and says what is well, what one should know and what does not work. It repairs nothing. */

import type { Agent } from '../../agent/agent.ts';
import { AGENTS } from '../../agent/catalogue.ts';
import { PhasrError } from '../../base/errors.ts';
import type { Environment } from '../../base/environment.ts';
import { findRepository, findTaskWorktree, type Repository } from '../../git/repository.ts';
import { agentsOf } from '../agents.ts';
import { type Settings, settingsIn } from '../settings.ts';
import { attempt, type Finding, note, ok, problem } from './finding.ts';
import { examineUserRemains } from './remains.ts';
import { examineMachine } from './machine.ts';
import { examineRepository, REPOSITORY_CHECKS } from './repository.ts';

export type { Finding } from './finding.ts';

/** Every check, in the order of what depends on what. Outside a repository its checks are skipped by name. */
export async function examine(directory: string, env: Environment): Promise<readonly Finding[]> {
  const found = await locate(directory, env);
  const repository = 'commonDir' in found ? found : null;
  const worktreeRoot = repository?.worktreeRoot ?? null;
  let agents: readonly Agent[] = AGENTS;
  const settings = await attempt('settings', async () => {
    const read = await settingsIn({ env, directory, worktreeRoot });
    agents = agentsOf(read);
    return [checkSettings(read)];
  });
  const machine = { directory, env, agents };
  return [
    ...(await examineMachine(machine, repository?.commonDir ?? null)),
    ...settings,
    ...(await attempt('places', () => examineUserRemains(machine))),
    ...('commonDir' in found
      ? await attempt('repository', () => examineRepository(machine, found))
      : [found]),
  ];
}

function checkSettings({ files }: Settings): Finding {
  const there = files.filter(({ exists }) => exists).map(({ path }) => path);
  return ok('settings', there.length === 0 ? 'no file; the defaults hold' : there.join(', '));
}

/** The repository that the person stands in (behind a task's worktree the task's own), or why there is none. */
async function locate(directory: string, env: Environment): Promise<Repository | Finding> {
  const skipped = `skipped: ${REPOSITORY_CHECKS.join(', ')}`;
  try {
    const found = await findRepository(directory, env);
    const inside = findTaskWorktree(found);
    return inside === undefined
      ? found
      : { ...found, commonDir: inside.commonDir, gitDir: inside.commonDir, worktreeRoot: null };
  } catch (error) {
    if (!(error instanceof PhasrError)) throw error;
    if (error.code === 'not-a-repository')
      return note('repository', `not in a git repository; ${skipped}`, 'cd path/to/repository');
    if (error.code === 'git-missing') return note('repository', `no git to ask; ${skipped}`);
    return problem('repository', `${error.message}; ${skipped}`, error.hint);
  }
}
