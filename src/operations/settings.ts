/** The settings in force where somebody stands. */

import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { PhasrError } from '../base/errors.ts';
import type { Environment } from '../base/environment.ts';
import { userSettingsPath } from '../store/paths.ts';
import { readSettings, type Settings, type SettingsPlaces } from '../store/settings.ts';
import type { Context } from './context.ts';

export type { CustomAgentDeclaration, Origin, Setting, Settings, SettingsFile } from '../store/settings.ts';

/** Whose settings: the user's alone, or also those of a worktree of his. */
export type SettingsScope = {
  readonly env: Environment;
  /** Relative names in the environment count from here. */
  readonly directory: string;
  readonly worktreeRoot: string | null;
};

/** From the files as they are now. Throws `settings-invalid`. */
export function settingsIn(scope: SettingsScope): Promise<Settings> {
  return readSettings(settingsPlaces(scope));
}

/** As {@link settingsIn}, for the worktree that an operation was called in. */
export function settingsHere(context: ScopeSource): Promise<Settings> {
  return settingsIn(scopeOf(context));
}

/** As {@link settingsHere}, where a mistake in a file must not keep from going on: null then. Whoever launches is told of it. */
export async function settingsIfValid(context: ScopeSource): Promise<Settings | null> {
  try {
    return await settingsHere(context);
  } catch (error) {
    if (error instanceof PhasrError) return null;
    throw error;
  }
}

export type ScopeSource = Pick<Context, 'env' | 'currentTask' | 'repository'>;

/** A task's worktree is no worktree of the user's: what an agent writes there has no say. */
export function scopeOf({ env, currentTask, repository }: ScopeSource): SettingsScope {
  const { worktreeRoot, startDirectory } = repository;
  return { env, directory: startDirectory, worktreeRoot: currentTask === null ? worktreeRoot : null };
}

/** Which files these are. */
export function settingsPlaces({ env, directory, worktreeRoot }: SettingsScope): SettingsPlaces {
  const home = env['HOME'] ?? homedir();
  return { userFile: resolve(directory, userSettingsPath(env, home)), worktreeRoot, home };
}
