/** The real Claude Code and Codex for tests: where they are, and settings under which they talk to a scripted model and to nothing else. */

import { accessSync, constants, existsSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { World } from './world.ts';

export type ProgramName = 'claude' | 'codex';

/** `scripts/install-agents.sh` puts them there. A link may lead there, which a strict sandbox does not see. */
export const INSTALLED = join(
  realPath(process.env['PHASR_TEST_AGENTS'] ?? join(homedir(), '.cache/phasr-test-agents')),
  'node_modules/.bin',
);

function realPath(path: string): string {
  return existsSync(path) ? realpathSync(path) : path;
}

/**
 * Where worlds with these agents are. Not the temporary files: Codex refuses to keep its helpers there, and its sandbox lets everybody write
 * there, so that a worktree there would show less of a guarded one than people get.
 */
export const REAL_WORLDS = '/var/tmp';

/** The program among the installed ones or in PATH; undefined when there is none. */
export function findProgram(name: ProgramName): string | undefined {
  const folders = [INSTALLED, ...(process.env['PATH'] ?? '').split(delimiter)];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Variables for `phasr` in a world whose agents know only the model's server at `url`; writes their settings into the world's home. */
export function configureAgents(world: World, url: string): Record<string, string> {
  const codexHome = join(world.home, '.codex');
  mkdirSync(codexHome, { recursive: true });
  writeFileSync(
    join(codexHome, 'config.toml'),
    [
      // A model with `apply_patch` and `exec_command`, which the scripted one calls.
      'model = "gpt-5.5"',
      'model_provider = "scripted"',
      'check_for_update_on_startup = false',
      '[features]',
      'apps = false',
      'plugins = false',
      '[analytics]',
      'enabled = false',
      '[model_providers.scripted]',
      'name = "scripted"',
      `base_url = "${url}/v1"`,
      'env_key = "SCRIPTED_KEY"',
      'wire_api = "responses"',
      'request_max_retries = 1',
      'stream_max_retries = 1',
      '',
    ].join('\n'),
  );
  return {
    PATH: [INSTALLED, process.env['PATH'] ?? ''].join(delimiter),
    DO_NOT_TRACK: '1',
    // Whatever wants to leave the machine is refused.
    HTTPS_PROXY: 'http://127.0.0.1:9',
    NO_PROXY: '127.0.0.1,localhost',
    ANTHROPIC_BASE_URL: url,
    ANTHROPIC_API_KEY: 'sk-ant-scripted',
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    DISABLE_AUTOUPDATER: '1',
    CLAUDE_CODE_MAX_RETRIES: '2',
    CODEX_HOME: codexHome,
    SCRIPTED_KEY: 'scripted',
  };
}
