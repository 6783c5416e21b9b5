/** The history of a task whose record is lost, as far as its traces tell it. */

import { statSync } from 'node:fs';
import { basename } from 'node:path';
import { PhasrError } from '../../base/errors.ts';
import { readTree } from '../../git/commit.ts';
import { listFileChanges, sumChanges } from '../../git/diff.ts';
import { taskDirectory } from '../../store/paths.ts';
import type { RecordedEvent, TaskEvent } from '../../task/event.ts';
import { type AgentPart, NO_LIMITS, resolveAgent } from '../agent-choice.ts';
import { type Context, userRepository } from '../context.ts';
import type { Settings } from '../settings.ts';
import type { TracedTask } from './traces.ts';

/** The events that make the task as it is known: launched when its folder was made, its last run ended without a word, its head where the branch is. */
export async function makeHistory(
  context: Context,
  task: TracedTask,
  settings: Settings | null,
): Promise<readonly RecordedEvent[]> {
  const { id, slug, branch, base, carried, head, worktreePath, directory, run, message, target } = task;
  const place = userRepository(context);
  const tree = await readTree(place, head);
  const range = { from: carried?.files ?? base, to: tree, paths: [] };
  const changes = sumChanges(await listFileChanges(place, range));
  const title = message?.title ?? slug.replaceAll('-', ' ');
  const launchedAtMs = readBirth(taskDirectory(context.paths, id)) ?? context.clock.nowMs();
  const begun: readonly TaskEvent[] = [
    {
      type: 'task.launched',
      title,
      slug,
      branch,
      base: { oid: base, name: target ?? 'unknown' },
      target,
      worktreePath,
      launchGitDir: context.repository.commonDir,
      carried,
    },
    {
      type: 'run.requested',
      run,
      prompt: message?.prompt ?? title,
      ...findAgentPart(context, task, settings),
      timeoutMs: null,
    },
    { type: 'branch.created' },
    ...(directory === null ? [] : [{ type: 'worktree.ready', directory, warnings: [] } as const]),
  ];
  const ended: readonly TaskEvent[] = [
    {
      type: 'run.ended',
      run,
      outcome: 'interrupted',
      exitCode: null,
      evidence: 'its record was lost and has been rebuilt from git',
      leftBehind: 0,
      report: null,
    },
    {
      type: 'head.recorded',
      head,
      tree,
      changes,
      committedLeftovers: message !== null,
      notes: notesOf(task),
    },
  ];
  const nowMs = context.clock.nowMs();
  return [
    ...begun.map((event) => ({ event, atMs: launchedAtMs })),
    ...task.snapshots.map(({ atMs, ...taken }) => ({
      event: { type: 'snapshot.taken', ...taken } as const,
      atMs,
    })),
    ...[...ended, ...makeRemoval(task)].map((event) => ({ event, atMs: nowMs })),
  ].map((recorded, index) => ({ seq: index + 1, ...recorded }));
}

/** A merge that made the work anew leaves nothing that tells it from a discard. */
function notesOf({ removal, head, base }: TracedTask): readonly string[] {
  return removal === null || removal.isMerged || head === base
    ? []
    : ['its record was lost: whether it was merged by squash or rebase, or discarded, is not known'];
}

/** How a removed task came to its end. Its age in the trash counts from now, so that nothing is given up too early. */
function makeRemoval({ removal, head, target }: TracedTask): readonly TaskEvent[] {
  if (removal === null) return [];
  const { isMerged, kept, swept } = removal;
  return [
    isMerged && target !== null
      ? { type: 'merge.completed', commit: head, target, containsHead: true }
      : { type: 'task.discarded' },
    { type: 'worktree.removed', kept },
    ...(swept === null ? [] : [{ type: 'trash.swept', kept, ...swept } as const]),
  ];
}

function readBirth(directory: string): number | undefined {
  const stat = statSync(directory, { throwIfNoEntry: false });
  return stat === undefined || stat.birthtimeMs === 0 ? undefined : Math.round(stat.birthtimeMs);
}

/** A known agent by the name in its commits, so that the task can be resumed; else no command: nobody knows which it was. */
function findAgentPart(
  context: Context,
  { message, worktreePath }: TracedTask,
  settings: Settings | null,
): AgentPart {
  const unknown: AgentPart = { command: [], agent: null, limits: NO_LIMITS };
  if (message === null || settings === null) return unknown;
  const choice = { name: basename(message.agent), model: null, permission: null };
  try {
    return resolveAgent(context, choice, settings).forWorktree({ worktreePath, session: null });
  } catch (error) {
    if (error instanceof PhasrError) return unknown;
    throw error;
  }
}
