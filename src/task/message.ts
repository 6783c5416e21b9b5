/** Texts that Phasr writes into commits. Pure. */

import type { Task } from './task.ts';

/** A prompt may be of any length; a commit message is for reading. */
const PROMPT_CHARACTERS_MAX = 4000;

type Trailers = { readonly run: number; readonly prompt: string; readonly agent: string };

/** The message of a commit that holds a task's work: title, prompt, and trailers by which the task can be found again. */
export function renderTaskMessage(
  task: Pick<Task, 'id' | 'title'>,
  { run, prompt, agent }: Trailers,
): string {
  const body = prompt.trim() === task.title ? '' : `${shorten(prompt.trim())}\n\n`;
  return `${withoutControls(task.title)}\n\n${body}${renderTrailers(task.id, { run, agent })}`;
}

/** The message of a merge commit; the task's own commits hold the prompt. */
export function renderMergeMessage(task: Pick<Task, 'id' | 'title' | 'branch'>, target: string): string {
  return `Merge branch '${task.branch}' into ${target}\n\n${withoutControls(task.title)}\n\nPhasr-Task: ${task.id}\n`;
}

/** `git log` shows messages as they are; a title must not colour the reader's terminal. */
function withoutControls(text: string): string {
  return text.replaceAll(/[\u0000-\u0008\u000B-\u001F\u007F-\u009F]/g, '');
}

function renderTrailers(id: number, { run, agent }: { run: number; agent: string }): string {
  const oneLine = agent.replaceAll(/\s+/g, ' ').trim();
  return `Phasr-Task: ${id}\nPhasr-Run: ${run}\nPhasr-Agent: ${oneLine === '' ? '-' : oneLine}\n`;
}

function shorten(prompt: string): string {
  const text = withoutControls(prompt.replaceAll('\r\n', '\n'));
  return text.length <= PROMPT_CHARACTERS_MAX ? text : `${text.slice(0, PROMPT_CHARACTERS_MAX)}\n[…]`;
}

/** What {@link renderTaskMessage} has put into a commit. */
export type TaskMessage = {
  readonly title: string;
  /** The title again when the prompt said no more; cut off when it was long. */
  readonly prompt: string;
  readonly run: number;
  readonly agent: string;
};

/** The reverse of {@link renderTaskMessage}, for a task whose record is lost; undefined for a commit that is not of that task. */
export function parseTaskMessage(text: string, id: number): TaskMessage | undefined {
  const match = /^([^\n]+)\n\n(?:(.+)\n\n)?Phasr-Task: (\d+)\nPhasr-Run: (\d+)\nPhasr-Agent: (.+)\n*$/s.exec(
    text,
  );
  if (match === null || Number(match[3]) !== id) return undefined;
  const [, title = '', prompt = title, , run, agent = ''] = match;
  return { title, prompt, run: Number(run), agent };
}

/** The message of a snapshot's two commits: what a task is rebuilt from when its record is lost. */
export function renderSnapshotMessage(
  task: Pick<Task, 'id' | 'branch' | 'base'>,
  { part, reason }: { readonly part: 'files' | 'state'; readonly reason: string },
): string {
  const trailers = `Phasr-Task: ${task.id}\nPhasr-Branch: ${task.branch}\nPhasr-Base: ${task.base.oid}\n`;
  return `phasr: ${part} of task ${task.id}: ${reason}\n\n${trailers}`;
}

/** What {@link renderSnapshotMessage} has put into a snapshot's own commit. */
export type SnapshotMessage = { readonly reason: string; readonly branch: string; readonly base: string };

/** The reverse of {@link renderSnapshotMessage}; undefined for a commit that is no snapshot of that task. */
export function parseSnapshotMessage(text: string, id: number): SnapshotMessage | undefined {
  const match =
    /^phasr: files of task (\d+): ([^\n]+)\n\nPhasr-Task: (\d+)\nPhasr-Branch: (.+)\nPhasr-Base: ([0-9a-f]+)\n*$/.exec(
      text,
    );
  if (match === null || Number(match[1]) !== id || Number(match[3]) !== id) return undefined;
  const [, , reason = '', , branch = '', base = ''] = match;
  return { reason, branch, base };
}
