/** A repository that git does not open any more because its settings were broken while a task ran: they are put back from that run's fingerprint, without git. */

import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../base/clock.ts';
import { readPlainFile } from '../../git/files.ts';
import { fileBytes } from '../../git/fingerprint.ts';
import type { UnreadableRepository } from '../../git/repository.ts';
import { repositoryPaths, type RepositoryPaths, runPaths } from '../../store/paths.ts';
import { readMoment } from '../moment.ts';
import { restoreFile } from './repair-escape.ts';
import { carryOut, leave, type Repair } from './repair-kinds.ts';

const CONFIG_BYTES_MAX = 4 * 1024 * 1024;

/** Puts the settings back, or says with `isDryRun` that it would; what git then says is for who opens the repository again. */
export async function repairSettings(
  { commonDir }: UnreadableRepository,
  isDryRun: boolean,
): Promise<readonly Repair[]> {
  const paths = repositoryPaths(commonDir);
  const path = join(commonDir, 'config');
  const wrong = `git does not open ${commonDir}`;
  const kept = findLatest(paths);
  const before = kept === undefined ? undefined : readMoment(kept)?.print.get(`file ${path}`);
  const bytes = fileBytes(before);
  if (bytes === undefined || bytes === readPlainFile(path, CONFIG_BYTES_MAX))
    return [
      leave(
        'repository',
        `${wrong}: Phasr has no other settings of it`,
        `git -C ${commonDir} status   (says why)`,
      ),
    ];
  const repository = { commonDir, gitDir: commonDir, worktreeRoot: null, startDirectory: commonDir };
  const context = { paths, clock: systemClock, repository };
  const deed = 'given the settings back that it had before the latest task ran';
  const plan = {
    check: 'repository',
    task: null,
    wrong,
    deed,
    execute: () => restoreFile(context, path, before),
  };
  return carryOut(context, [plan], isDryRun);
}

/** The fingerprint that was written last. */
function findLatest(paths: RepositoryPaths): string | undefined {
  const found = numbersIn(paths.tasksDir)
    .flatMap((task) =>
      numbersIn(join(paths.tasksDir, String(task), 'runs')).map((run) => runPaths(paths, task, run)),
    )
    .map(({ fingerprint }) => fingerprint)
    .filter((path) => existsSync(path))
    .map((path) => ({ path, mtimeMs: statSync(path).mtimeMs }));
  return found.toSorted((one, other) => other.mtimeMs - one.mtimeMs)[0]?.path;
}

function numbersIn(folder: string): readonly number[] {
  return existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => /^\d+$/.test(name))
        .map(Number)
    : [];
}
