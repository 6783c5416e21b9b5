/** A git program in front of the real one, for what a fast machine shows too seldom. */

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { World } from './world.ts';

/** A program `git` that does something first whenever it is called with a word. Gives the environment in which it is found. */
export function withGit(world: World, word: string, action: string): Record<string, string> {
  const folder = join(world.root, `git-${word}`);
  mkdirSync(folder, { recursive: true });
  const real = (process.env['PATH'] ?? '')
    .split(':')
    .map((path) => join(path, 'git'))
    .find((path) => existsSync(path));
  const script = `#!/bin/sh\nreal="${real}"\nfor word in "$@"; do if test "$word" = ${word}; then ${action}\nfi; done\nexec "$real" "$@"\n`;
  writeFileSync(join(folder, 'git'), script, { mode: 0o755 });
  return { PATH: `${folder}:${process.env['PATH'] ?? ''}` };
}
