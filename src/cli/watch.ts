/** Watching tasks until they have ended, or until the person has seen enough. */

import type { TaskView } from '../operations/inspect.ts';
import type { Phasr } from '../phasr.ts';
import type { TaskId } from '../task/names.ts';
import { isLive } from '../task/decide.ts';
import type { Invocation } from './command.ts';
import { openLiveView } from './live.ts';
import { renderNextSteps } from './render.ts';

/** Shows tasks until all have ended. Exit code 0 when all are done, 1 otherwise; Ctrl-C leaves them running. */
export async function watchTasks(
  { output, signal }: Invocation,
  phasr: Phasr,
  ids: readonly TaskId[],
): Promise<number> {
  const view = openLiveView(output);
  const draw = async (): Promise<void> => {
    const views = await Promise.all(ids.map((id) => phasr.view(phasr.find(id))));
    view.show(views, ({ task }) => phasr.lastOutput(task));
  };
  let drawing: Promise<void> = draw();
  // A picture that is still being drawn is followed by the next one, never overtaken by it.
  const onLook = (): void => void (drawing = drawing.then(draw));
  const unwatch = await phasr.watching(ids);
  const outcome = await phasr.wait(ids, { limitMs: null, signal, onLook }).finally(unwatch);
  await drawing;
  await draw();
  view.end();
  const views = await Promise.all(ids.map((id) => phasr.view(phasr.find(id))));
  if (outcome.kind === 'aborted') {
    const live = views.filter(({ task }) => isLive(task.phase)).length;
    output.line('');
    output.line(live === 1 ? '1 task goes on without you.' : `${live} tasks go on without you.`);
    output.line(
      `Come back: phasr list   phasr wait   phasr logs ${ids[0] ?? ''} -f      End one: phasr stop ${ids[0] ?? ''}`,
    );
    return 130;
  }
  output.line('');
  for (const steps of nextSteps(views)) output.line(`  ${steps}`);
  return views.every(({ state }) => state.name === 'done') ? 0 : 1;
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
    ids.length === 1 ? steps : `${kind}      N: ${ids.join(' ')}`,
  );
}
