/** What git's environment must and must not contain, and which git is new enough; the reasons stand beside each line. */

import { delimiter, isAbsolute } from 'node:path';
import type { Environment } from '../base/environment.ts';

/** 2.38 brought `merge-tree --write-tree`, with which merges are made without a worktree. */
export const GIT_VERSION_MIN = { major: 2, minor: 38 } as const;

/** In the environment of every git that Phasr starts: the pid of the process that did. */
export const STARTER = 'PHASR_GIT_STARTER';

/**
 * The environment for Phasr's own git calls.
 *
 * Every inherited `GIT_*` goes: a hook or another git command that started us leaves variables that beat both the directory and
 * `-C`, and would send our commands to the wrong repository (user pain P10).
 */
export function gitEnvironment(inherited: Environment): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(inherited)) if (!name.startsWith('GIT_')) env[name] = value;
  keepEncodingWithoutTranslation(env);
  const { PATH } = env;
  return {
    ...env,
    ...(PATH === undefined ? {} : { PATH: absolutePath(PATH) }),
    // It may outlive us, if we are killed: whoever takes over waits for it.
    [STARTER]: String(process.pid),
    // Nobody is there to answer.
    GIT_TERMINAL_PROMPT: '0',
    GIT_EDITOR: 'true',
    GIT_SEQUENCE_EDITOR: 'true',
    GIT_PAGER: 'cat',
    SSH_ASKPASS_REQUIRE: 'never',
    // Reads must not take index.lock: an agent's commit would fail (hazards §4.1: 85 % of commits).
    GIT_OPTIONAL_LOCKS: '0',
    // A missing object must not start a program or a network connection (hazard e29).
    GIT_NO_LAZY_FETCH: '1',
    // An object is what its id says, not what a replace ref says (hazard a24).
    GIT_NO_REPLACE_OBJECTS: '1',
  };
}

/** Where git works an agent may have left a `git` of its own, or a filter's name: what is relative in the path would find that (hazard e28). */
function absolutePath(path: string): string {
  return path.split(delimiter).filter(isAbsolute).join(delimiter);
}

/**
 * Messages untranslated, character set as the user's. `LC_ALL=C` would also change the character set of the filters that the
 * user configured, and so what they make of a file (ADR 0004).
 */
function keepEncodingWithoutTranslation(env: Record<string, string>): void {
  const encoding = env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'];
  delete env['LC_ALL'];
  delete env['LANGUAGE'];
  if (encoding !== undefined && encoding !== '') env['LC_CTYPE'] = encoding;
  env['LC_MESSAGES'] = 'C';
}

/** Settings that hold for every call, whatever the user, the repository or an agent has configured. */
export const GIT_SETTINGS: readonly string[] = [
  // Never a background clean-up of ours: it deletes unreferenced objects of others (hazard a21).
  'gc.auto=0',
  'maintenance.auto=false',
  // Plumbing runs no hooks and no daemons (hazards e01 to e03).
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  // A copied index must be complete in one file.
  'core.splitIndex=false',
  // The default time-outs (100 ms, 1 s) fail under load (hazards §4.1).
  'core.filesRefLockTimeout=5000',
  'core.packedRefsTimeout=20000',
  'submodule.recurse=false',
  'rerere.enabled=false',
  'log.showSignature=false',
];

/** What must not reach an agent: variables that would send its git elsewhere (`git rev-parse --local-env-vars`, and the prefix). */
const REPOSITORY_VARIABLES: ReadonlySet<string> = new Set([
  'GIT_ALTERNATE_OBJECT_DIRECTORIES',
  'GIT_CONFIG',
  'GIT_CONFIG_PARAMETERS',
  'GIT_CONFIG_COUNT',
  'GIT_OBJECT_DIRECTORY',
  'GIT_DIR',
  'GIT_WORK_TREE',
  'GIT_IMPLICIT_WORK_TREE',
  'GIT_GRAFT_FILE',
  'GIT_INDEX_FILE',
  'GIT_NO_REPLACE_OBJECTS',
  'GIT_REPLACE_REF_BASE',
  'GIT_PREFIX',
  'GIT_SHALLOW_FILE',
  'GIT_COMMON_DIR',
  'GIT_NAMESPACE',
  'GIT_CEILING_DIRECTORIES',
  'GIT_QUARANTINE_PATH',
  'GIT_EXEC_PATH',
]);

/** The user's environment for an agent: everything but what would send its git elsewhere; git asks nobody anything. */
export function agentGitEnvironment(inherited: Environment, worktreeParent: string): Record<string, string> {
  return {
    GIT_EDITOR: 'true',
    GIT_SEQUENCE_EDITOR: 'true',
    GIT_PAGER: 'cat',
    ...personGitEnvironment(inherited, worktreeParent),
    GIT_TERMINAL_PROMPT: '0',
  };
}

/** The same for a program of the person's own in a worktree: there is somebody to answer, so his editor, pager and prompts stay. */
export function personGitEnvironment(inherited: Environment, worktreeParent: string): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(inherited)) {
    if (!REPOSITORY_VARIABLES.has(name) && !/^GIT_CONFIG_(?:KEY|VALUE)_\d+$/.test(name)) env[name] = value;
  }
  // A worktree without its `.git` file must not resolve to a repository further up (hazard a46).
  env['GIT_CEILING_DIRECTORIES'] = worktreeParent;
  return env;
}
