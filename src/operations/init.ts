/** Writes a first settings file. */

import { existsSync, realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { PhasrError, systemCode } from '../base/errors.ts';
import { createWhole, writeWhole } from '../store/files.ts';
import { repositorySettingsPath } from '../store/paths.ts';
import { renderSettingsTemplate } from '../store/settings/template.ts';
import { withTilde } from '../store/settings.ts';
import { findAgents, type FoundAgent } from './agents.ts';
import { scopeOf, type ScopeSource, settingsPlaces, type SettingsScope } from './settings.ts';

export type InitRequest = {
  /** Replace a file that is there. */
  readonly force: boolean;
};

export type Initialized = {
  readonly origin: 'user' | 'repository';
  readonly path: string;
  /** The path as people know it. */
  readonly label: string;
  /** Known agents that are in PATH. */
  readonly agents: readonly FoundAgent[];
  /** The one that the file names; null when none was found. */
  readonly agent: string | null;
};

/**
 * Writes `phasr.toml` at the top of the user's worktree.
 * Throws `settings-exist`; `inside-a-task` and `refused` where there is no worktree of the user's.
 */
export function initRepositorySettings(context: ScopeSource, request: InitRequest): Initialized {
  const { currentTask } = context;
  const scope = scopeOf(context);
  if (currentTask !== null)
    throw new PhasrError('inside-a-task', `this directory is the worktree of task ${currentTask}`, {
      hint: 'Go to your own checkout; or write your own settings: phasr init --user',
    });
  if (scope.worktreeRoot === null)
    throw new PhasrError('refused', 'there is no worktree here for a phasr.toml', {
      hint: 'Write your own settings: phasr init --user',
    });
  const path = repositorySettingsPath(scope.worktreeRoot);
  return init({ origin: 'repository', path, label: 'phasr.toml' }, scope, request);
}

/** Writes the user's own settings, with the folders that are missing. Throws `settings-exist`. */
export function initUserSettings(scope: SettingsScope, request: InitRequest): Initialized {
  const { userFile, home } = settingsPlaces(scope);
  // A link to where somebody keeps his settings stays one.
  const path = existsSync(userFile) ? realpathSync(userFile) : userFile;
  return init({ origin: 'user', path, label: withTilde(userFile, home) }, scope, request);
}

type Target = Pick<Initialized, 'origin' | 'path' | 'label'>;

function init(target: Target, { env }: SettingsScope, { force }: InitRequest): Initialized {
  const agents = findAgents(env).filter(({ path }) => path !== null);
  const agent = agents[0]?.program ?? null;
  const text = renderSettingsTemplate({ origin: target.origin, agent });
  // A repository's file is for everybody who reads the repository.
  const mode = target.origin === 'repository' ? 0o644 : 0o600;
  try {
    if (force) writeWhole(target.path, text, mode);
    else if (!createWhole(target.path, text, mode)) throw alreadyThere(target);
  } catch (error) {
    if (error instanceof PhasrError) throw error;
    throw new PhasrError('storage-failed', `${target.label} cannot be written (${systemCode(error) ?? ''})`, {
      hint: `Look at what is in the way: ls -la ${dirname(target.path)}`,
      cause: error,
    });
  }
  return { ...target, agents, agent };
}

function alreadyThere({ label, origin }: Target): PhasrError {
  const command = origin === 'user' ? 'phasr init --user --force' : 'phasr init --force';
  return new PhasrError('settings-exist', `${label} is already there`, {
    hint: `See what it says: phasr config   Replace it: ${command}`,
  });
}
