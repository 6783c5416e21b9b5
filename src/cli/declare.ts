/** What several commands declare in the same words. */

import type { OptionDeclaration } from './command.ts';

export const JSON_OPTION: OptionDeclaration = {
  flags: '--json',
  description: 'print one JSON document instead of text',
};

export const TASKS_NOTE =
  "Tasks are named by their number: 3, 2-5, 2,4. Inside a task's worktree the number may be left out.";
