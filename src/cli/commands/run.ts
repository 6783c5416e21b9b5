/** `phasr run`: launches tasks and watches them. */

import { renderCount } from '../../base/text.ts';
import { findTerminal, PERMISSIONS, type Phasr } from '../../phasr.ts';
import type { AgentChoice, Permission } from '../../operations/agent-choice.ts';
import type { Launched, TaskDraft } from '../../operations/launch.ts';
import {
  duration,
  flag,
  type Handler,
  type Invocation,
  type Options,
  text,
  texts,
  usageError,
  wholeNumber,
  withPhasr,
} from '../command.ts';
import { taskJson } from '../json.ts';
import { renderBase } from '../render.ts';
import { watchTasks } from '../watch.ts';

const JOBS_MAX = 1000;

export const run: Handler = async (invocation) => {
  const { options, output } = invocation;
  const request = {
    drafts: readDrafts(invocation),
    jobs: wholeNumber(options, 'jobs', { min: 1, max: JOBS_MAX }),
    terminal: findTerminal(),
  };
  return withPhasr(invocation, async (phasr) => {
    const launched = await phasr.launch(request);
    const leftBehind = await phasr.countLeftBehind();
    if (flag(options, 'json')) return printJson(invocation, phasr, { launched, leftBehind });
    for (const base of launched.bases) output.line(renderBase(base));
    const taken = launched.tasks[0]?.carried?.count ?? 0;
    if (taken > 0) output.line(`a copy of ${renderCount(taken, 'uncommitted file')} is taken along`);
    else if (leftBehind > 0)
      output.line(`${renderCount(leftBehind, 'uncommitted file')} stay${leftBehind === 1 ? 's' : ''} behind`);
    if (request.jobs !== null)
      output.line(
        `at most ${request.jobs} run at once from now on, in all your terminals (change it with --jobs)`,
      );
    if (flag(options, 'detach')) return printDetached(invocation, launched);
    return watchTasks(
      invocation,
      phasr,
      launched.tasks.map((task) => task.id),
    );
  });
};

function readDrafts(invocation: Invocation): readonly TaskDraft[] {
  const { args, options } = invocation;
  const prompts = [...args, ...texts(options, 'prompt')];
  const titles = texts(options, 'title');
  if (titles.length > prompts.length) {
    throw usageError(
      `${renderCount(titles.length, 'title')} for ${renderCount(prompts.length, 'prompt')}`,
      'Give at most one --title for each prompt.',
    );
  }
  const shared = {
    agent: readAgent(invocation),
    base: text(options, 'base'),
    target: null,
    timeoutMs: duration(options, 'timeout'),
    withChanges: flag(options, 'withChanges'),
    env: {},
  };
  return prompts.map((prompt, index) => ({ prompt, title: titles[index] ?? null, ...shared }));
}

/** A command after `--`, or a known agent by its name. */
function readAgent({ options, rest }: Invocation): AgentChoice {
  const name = text(options, 'agent');
  const model = text(options, 'model');
  const permission = readPermission(options);
  if (name === null) {
    if (model !== null || permission !== null) {
      throw usageError(
        '--model and permissions are for known agents; a command after -- has its own options',
        'As in: phasr run "fix the typo" --agent claude --model sonnet',
      );
    }
    return { kind: 'command', command: rest ?? [] };
  }
  if (rest !== null)
    throw usageError('give --agent or a command after --, not both', 'phasr agents shows the known ones.');
  return { kind: 'agent', name, model, permission };
}

function readPermission(options: Options): Permission | null {
  const given = PERMISSIONS.filter((permission) => flag(options, permission));
  if (given.length > 1)
    throw usageError(
      `${given.map((permission) => `--${permission}`).join(' and ')} exclude each other`,
      'Give one.',
    );
  return given[0] ?? null;
}

function printDetached({ output }: Invocation, { tasks }: Launched): number {
  for (const task of tasks) output.line(`task ${task.id}  ${task.branch}`);
  output.line('follow them: phasr list   or   phasr wait');
  return 0;
}

/** One document: at once with --detach, else when all have ended (or the person has seen enough). */
async function printJson(
  { options, output, signal }: Invocation,
  phasr: Phasr,
  { launched, leftBehind }: { readonly launched: Launched; readonly leftBehind: number },
): Promise<number> {
  const ids = launched.tasks.map((task) => task.id);
  const isDetached = flag(options, 'detach');
  if (!isDetached) await phasr.wait(ids, { limitMs: null, signal, onLook: null });
  const views = await Promise.all(ids.map((id) => phasr.view(phasr.find(id))));
  output.json({
    bases: launched.bases,
    uncommittedFilesLeftBehind: leftBehind,
    jobs: phasr.jobs(),
    tasks: views.map(taskJson),
  });
  return isDetached || views.every(({ state }) => state.name === 'done') ? 0 : 1;
}
