/** What a task file may say. `docs/json/task-file.schema.json` is made from it by `task-file.test.ts`. */

import * as z from 'zod/mini';
import { agentName, command, duration, line, oneOf, table, text, variables } from './shapes.ts';
import { PERMISSIONS } from './values.ts';

export const TASKS_MAX = 500;

const SHARED = {
  agent: z.optional(agentName.check(z.describe('The agent to run.'))),
  command: z.optional(
    command.check(
      z.describe('A program and its arguments to run in place of an agent; {prompt} stands for the prompt.'),
    ),
  ),
  model: z.optional(line.check(z.describe('The model, as the agent names it.'))),
  permission: z.optional(oneOf(PERMISSIONS).check(z.describe('What the agent may do without asking.'))),
  base: z.optional(line.check(z.describe('Branch, tag or commit to start from.'))),
  target: z.optional(line.check(z.describe('The local branch to merge into.'))),
  env: z.optional(variables.check(z.describe('Environment variables for the agent.'))),
  timeout: z.optional(duration),
};

/** What a file says of all its tasks. */
export const DEFAULTS = table(SHARED);

/** One task. Which keys exclude each other is checked in `task-file.ts`. */
export const TASK = table({
  prompt: z.optional(text.check(z.describe('What to do.'))),
  prompt_file: z.optional(
    line.check(z.describe('A file that says what to do; a relative path counts from this file.')),
  ),
  title: z.optional(line.check(z.describe('Else made from the prompt.'))),
  ...SHARED,
});

const tooMany = `takes a list of 1 to ${TASKS_MAX} tasks`;
/** A file may be just this. */
export const TASKS = z
  .array(TASK, 'takes a list of tasks')
  .check(z.minLength(1, tooMany), z.maxLength(TASKS_MAX, tooMany));

/** Or this. */
export const TASK_FILE = table({
  defaults: z.optional(DEFAULTS.check(z.describe('Holds for each task that does not say otherwise.'))),
  tasks: TASKS,
});
