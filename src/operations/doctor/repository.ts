/** Checks of one repository: whether Phasr can work in it, and what stands in the way. */

import { existsSync, readdirSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { renderCount, renderVisible } from '../../base/text.ts';
import { quoteWord } from '../../base/words.ts';
import { requireIdentity } from '../../git/commit.ts';
import { listSettings, type Setting, settingIsTrue, settingValue } from '../../git/config.ts';
import type { GitPlace } from '../../git/git.ts';
import { listLocks, listWorkplaces } from '../../git/locks.ts';
import { listRefNames } from '../../git/refs.ts';
import { type Repository, repositoryPlace } from '../../git/repository.ts';
import { hooksPath } from '../../git/task-dirs.ts';
import { findUsers } from '../../process/table.ts';
import { repositoryPaths } from '../../store/paths.ts';
import { examineTasks, type TaskRecords } from '../../store/task-store.ts';
import { describeEscape } from '../../task/escape.ts';
import { isOpen, type Task } from '../../task/task.ts';
import { SWEEP_CLAIM } from '../context.ts';
import { attempt, type Finding, note, ok, problem } from './finding.ts';
import { examineRemains } from './remains.ts';
import type { Machine } from './machine.ts';

/** What is skipped where there is no repository. */
export const REPOSITORY_CHECKS: readonly string[] = [
  'repository',
  'tasks',
  'identity',
  'hooks',
  'locks',
  'remains',
];

/** Everything about the repository that the person stands in. */
export async function examineRepository(
  machine: Machine,
  repository: Repository,
): Promise<readonly Finding[]> {
  const { env } = machine;
  // Settings are those of the worktree that the person stands in.
  const place: GitPlace = { ...repositoryPlace(repository, env), gitDir: repository.gitDir };
  const settings = await listSettings(place);
  let records: TaskRecords | undefined;
  const checks = [
    await attempt('repository', () => checkRepository(repository, place)),
    await attempt('tasks', () => {
      const examined = examineTasks(repositoryPaths(repository.commonDir).database, SWEEP_CLAIM);
      records = examined ?? (isUntouched(repository) ? NO_RECORDS : undefined);
      return checkRecords(repository, records);
    }),
    await attempt('identity', () => checkIdentity(place, settings)),
    await attempt('hooks', () => checkHooks(machine, repository, settings)),
    await attempt('locks', () => checkLocks(repository)),
    // Without the records every worktree would look like one that nobody needs.
    ...(records === undefined || records.damage !== null
      ? []
      : [await attempt('remains', () => examineRemains(machine, repository, records as TaskRecords))]),
  ];
  return checks.flat();
}

async function checkRepository(
  { commonDir, worktreeRoot }: Repository,
  place: GitPlace,
): Promise<readonly Finding[]> {
  const names = await listRefNames(place, ['refs/heads/phasr']);
  const where = worktreeRoot ?? `${commonDir} (no worktree here)`;
  return [
    ok('repository', where),
    ...(names.includes('refs/heads/phasr')
      ? [
          problem(
            'repository',
            'a branch named "phasr" stands in the way of branches named phasr/task-…',
            'git branch -m phasr phasr-old',
          ),
        ]
      : []),
    ...(existsSync(join(commonDir, 'shallow'))
      ? [
          note(
            'repository',
            'its history is shallow; a merge may not find where branches parted',
            'git fetch --unshallow',
          ),
        ]
      : []),
  ];
}

const NO_RECORDS: TaskRecords = { tasks: [], damage: null, sweeper: undefined };

/** No database is what a repository begins with; folders of tasks without one are what a lost database leaves. */
function isUntouched({ commonDir }: Repository): boolean {
  const { database } = repositoryPaths(commonDir);
  return !existsSync(database) && countTaskFolders(commonDir) === 0;
}

function countTaskFolders(commonDir: string): number {
  const { tasksDir } = repositoryPaths(commonDir);
  return existsSync(tasksDir) ? readdirSync(tasksDir).filter((name) => /^\d+$/.test(name)).length : 0;
}

function checkRecords({ commonDir }: Repository, records: TaskRecords | undefined): readonly Finding[] {
  const { database } = repositoryPaths(commonDir);
  if (records === undefined) {
    const isLost = !existsSync(database) || statSync(database).size === 0;
    return [
      isLost
        ? problem(
            'tasks',
            `the record of ${renderCount(countTaskFolders(commonDir), 'task')} is gone from ${database}`,
            'phasr doctor --fix   (open ones come back from git)',
          )
        : problem(
            'tasks',
            `${database} is of another version of Phasr`,
            'npm install -g phasr@latest   (an older one is brought up to date by the next command)',
          ),
    ];
  }
  if (records.damage !== null) {
    const message = `${database} is damaged: ${renderVisible(records.damage)}`;
    return [problem('tasks', message, 'phasr doctor --fix   (keeps it aside; tasks come back from git)')];
  }
  if (records.tasks.length === 0) return [ok('tasks', 'none yet')];
  const open = records.tasks.filter(({ phase }) => isOpen(phase));
  return [
    ok('tasks', `${renderCount(records.tasks.length, 'task')}, ${open.length} open`),
    // Who has discarded the task may still want back what it has changed.
    ...records.tasks.flatMap(checkEscape),
  ];
}

function checkEscape({ id, phase, escape = null }: Task): readonly Finding[] {
  if (escape === null || (!escape.blocks && !isOpen(phase))) return [];
  const hint = `phasr show ${id}   phasr acknowledge ${id}   phasr doctor --fix   (puts settings, hooks and refs back)`;
  return [problem(`task ${id}`, describeEscape(escape, id), hint)];
}

async function checkIdentity(place: GitPlace, settings: readonly Setting[]): Promise<readonly Finding[]> {
  await requireIdentity(place, settings);
  const who = ['name', 'email'].map(
    (part) => settingValue(settings, `user.${part}`) ?? settingValue(settings, `committer.${part}`),
  );
  const shown =
    who[0] === undefined || who[1] === undefined ? 'git knows you' : `${asText(who[0])} <${asText(who[1])}>`;
  return [
    ok(
      'identity',
      settingIsTrue(settings, 'commit.gpgsign') ? `${shown}; what a merge makes is signed` : shown,
    ),
  ];
}

/** Each is looked for in the whole process table. */
const LOCKS_MAX = 20;

/** Settings are kept as latin1, so that every byte survives. */
function asText(latin1: string): string {
  return renderVisible(Buffer.from(latin1, 'latin1').toString('utf8'));
}

function checkHooks(
  { env }: Machine,
  { commonDir, worktreeRoot }: Repository,
  settings: readonly Setting[],
): readonly Finding[] {
  const configured = hooksPath(settings, commonDir).replace(/^~(?=\/)/, env['HOME'] ?? homedir());
  const directory = resolve(worktreeRoot ?? commonDir, configured);
  const isSet = settingValue(settings, 'core.hookspath') !== undefined;
  if (!existsSync(directory)) {
    if (!isSet) return [ok('hooks', 'none')];
    return [
      note(
        'hooks',
        `core.hooksPath is ${renderVisible(directory)}, which is not there`,
        'git config --show-origin core.hooksPath',
      ),
    ];
  }
  const hooks = readdirSync(directory).filter((name) => isHook(join(directory, name), name));
  if (hooks.length === 0) return [ok('hooks', `none in ${renderVisible(directory)}`)];
  const shown = hooks.slice(0, 8).map(renderVisible).join(', ');
  return [
    ok(
      'hooks',
      `${shown} in ${renderVisible(directory)}; run by the git of agents, not by that of Phasr (post-checkout excepted)`,
    ),
  ];
}

function isHook(path: string, name: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  return !name.includes('.') && stat?.isFile() === true && (stat.mode & 0o111) !== 0;
}

async function checkLocks({ gitDir, commonDir }: Repository): Promise<readonly Finding[]> {
  const locks = new Set([...listLocks(commonDir), ...listLocks(gitDir)].map(({ path }) => path));
  const shown = [...locks].slice(0, LOCKS_MAX);
  const findings = await Promise.all(
    shown.map(async (lock): Promise<Finding> => {
      const users = await findUsers(lock, [...listWorkplaces(commonDir), gitDir]);
      if (users === 'some') return note('locks', `a git command is at work: ${lock}`);
      return users === 'none'
        ? problem('locks', `${lock} was left by a git command that has died`, 'phasr doctor --fix')
        : note(
            'locks',
            `${lock} is there; whether somebody holds it is not known here`,
            `rm ${quoteWord(lock)}   (if no git command is at work)`,
          );
    }),
  );
  return findings.length === 0 ? [ok('locks', 'none')] : findings;
}
