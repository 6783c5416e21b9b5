/** Watching tasks until they have ended, or until the person has seen enough. */

import { systemClock } from '../base/clock.ts';
import type { TaskView } from '../operations/inspect.ts';
import type { WaitOutcome } from '../operations/wait.ts';
import type { Phasr } from '../phasr.ts';
import type { TaskId } from '../task/names.ts';
import { isLive } from '../task/decide.ts';
import type { Invocation } from './command.ts';
import { named } from './output.ts';
import { taskJson } from './json.ts';
import { openLiveView } from './live.ts';
import { renderNextSteps } from './render.ts';

export type Followed = { readonly kind: WaitOutcome['kind']; readonly views: readonly TaskView[] };

/** Shows tasks until all have ended, the time is up, or the person has seen enough. */
export async function followTasks(
  { output, signal }: Invocation,
  phasr: Phasr,
  { ids, limitMs }: { readonly ids: readonly TaskId[]; readonly limitMs: number | null },
): Promise<Followed> {
  const view = openLiveView(output, {
    tasks: ids.length,
    ages: 'run',
    footer: 'Ctrl-C stops watching; the tasks go on',
    empty: 'no tasks',
    lastOutput: ({ task }) => phasr.lastOutput(task),
  });
  const look = (): Promise<readonly TaskView[]> =>
    Promise.all([...ids].sort((a, b) => a - b).map((id) => phasr.view(phasr.find(id))));
  let drawing: Promise<void> = Promise.resolve();
  let [isDrawing, isOutdated] = [false, false];
  const draw = async (): Promise<void> => {
    do {
      isOutdated = false;
      view.show(await look());
    } while (isOutdated);
    isDrawing = false;
  };
  // While one look is under way the next one waits, and however many more there are, they are one.
  const onLook = (): void => {
    isOutdated = true;
    if (isDrawing) return;
    isDrawing = true;
    drawing = draw();
  };
  let what: 'everything' | 'as it was' = 'as it was';
  const unwatch = await phasr.watching(ids);
  try {
    const { kind } = await phasr.wait(ids, { limitMs, signal, onLook });
    await drawing;
    const views = await look();
    view.show(views);
    if (kind === 'ended') what = 'everything';
    return { kind, views };
  } finally {
    unwatch();
    view.end(what);
  }
}

/** Shows tasks until all have ended, and what to do with them. Exit code 0 when all are done, 1 otherwise; Ctrl-C leaves them running. */
export async function watchTasks(
  invocation: Invocation,
  phasr: Phasr,
  ids: readonly TaskId[],
): Promise<number> {
  const { output } = invocation;
  const { kind, views } = await followTasks(invocation, phasr, { ids, limitMs: null });
  output.line('');
  if (kind === 'aborted') {
    const live = views.filter(({ task }) => isLive(task.phase)).length;
    output.line(live === 1 ? '1 task goes on without you.' : `${live} tasks go on without you.`);
    output.line(
      `Come back: phasr list   phasr wait   phasr logs ${ids[0] ?? ''} -f      End one: phasr stop ${ids[0] ?? ''}`,
    );
    return 130;
  }
  for (const steps of nextSteps(views)) output.line(`  ${steps}`);
  return views.every(({ state }) => state.name === 'done') ? 0 : 1;
}

/** How often the list is looked at. */
const LIST_EVERY_MS = 500;

/** Shows the list, or prints it as a line of JSON whenever it is another one, until the person has seen enough. */
export async function watchList(
  { output, signal }: Invocation,
  phasr: Phasr,
  { which, isJson }: { readonly which: 'all' | 'open'; readonly isJson: boolean },
): Promise<void> {
  const view = isJson
    ? null
    : openLiveView(output, {
        tasks: Infinity,
        ages: 'state',
        footer: 'Ctrl-C stops watching',
        empty: which === 'all' ? 'no tasks yet' : 'no open tasks',
        lastOutput: ({ task }) => phasr.lastOutput(task),
      });
  let told = '';
  let [watched, unwatch] = ['', (): void => undefined];
  try {
    while (!signal.aborted) {
      await phasr.recover();
      const views = await phasr.list(which);
      const ids = views.map(({ task }) => task.id);
      // A script that reads JSON sees nothing: the person still wants to be told.
      if (!isJson && ids.join() !== watched) [watched, unwatch] = [ids.join(), await phasr.watching(ids)];
      view?.show(views);
      const document = isJson ? JSON.stringify(named('list', { tasks: views.map(taskJson) })) : '';
      if (document !== told) output.line(document);
      told = document;
      await systemClock.sleep(LIST_EVERY_MS, signal);
    }
  } finally {
    unwatch();
    view?.end('as it was');
  }
}

/** Tasks in the same state may be handled in the same way; one line for each state. */
function nextSteps(views: readonly TaskView[]): readonly string[] {
  const lines = new Map<string, { steps: string; ids: number[] }>();
  for (const view of views) {
    const steps = renderNextSteps(view).join('   ');
    const kind = steps.replaceAll(/ \d+/g, ' N');
    const line = lines.get(kind) ?? { steps, ids: [] };
    line.ids.push(view.task.id);
    lines.set(kind, line);
  }
  return [...lines].map(([kind, { steps, ids }]) =>
    ids.length === 1 ? steps : `${kind}      N: ${renderIds(ids)}`,
  );
}

/** `1 2 3 7-12`: four and more in a row are a range, as commands take it. */
export function renderIds(ids: readonly number[]): string {
  const ranges: { from: number; to: number }[] = [];
  for (const id of ids) {
    const last = ranges.at(-1);
    if (last?.to === id - 1) last.to = id;
    else ranges.push({ from: id, to: id });
  }
  return ranges
    .flatMap(({ from, to }): readonly (string | number)[] =>
      to - from >= 3 ? [`${from}-${to}`] : ids.filter((id) => id >= from && id <= to),
    )
    .join(' ');
}
