/** `phasr queue`. */

import { renderDuration, renderVisible } from '../../base/text.ts';
import { flag, type Handler, usageError, withPhasr } from '../command.ts';
import { renderTable } from '../output.ts';

export const queue: Handler = (invocation) =>
  withPhasr(invocation, async (phasr) => {
    const { args, options, output } = invocation;
    const [word, ...more] = args;
    if (more.length > 0 || (word !== undefined && word !== 'pause' && word !== 'resume'))
      throw usageError(
        `"${args.join(' ')}" is nothing to do to the queue`,
        'phasr queue pause   or   phasr queue resume',
      );
    if (word === 'pause') await phasr.pauseQueue();
    const wasPaused = word === 'resume' && (await phasr.resumeQueue());
    const { runs, pause, hold } = await phasr.queue();
    if (flag(options, 'json')) {
      const paused =
        pause === null ? null : { since: new Date(pause.sinceMs).toISOString(), reason: pause.reason };
      const rows = runs.map(({ commonDir, ...run }) => ({ repository: commonDir, ...run }));
      output.json('queue', { jobs: phasr.jobs(), paused, hold, runs: rows });
      return 0;
    }
    if (word === 'resume') output.line(wasPaused ? 'the line moves again' : 'the line was not paused');
    if (pause !== null) {
      const since = renderDuration(Date.now() - pause.sinceMs);
      output.line(output.color.yellow(`paused for ${since}: ${renderVisible(pause.reason)}`));
      output.line('  let it move again: phasr queue resume');
    }
    if (hold !== null) output.line(`the first one waits until ${hold}`);
    output.line(`at most ${phasr.jobs()} run at once (phasr run --jobs)`);
    if (runs.length === 0) return 0;
    const rows = runs.map(({ commonDir, task, title, position }) => [
      position === null ? 'runs' : String(position),
      String(task),
      renderVisible(commonDir.replace(/\/\.git$/, '')),
      renderVisible(title ?? ''),
    ]);
    const table = [['LINE', 'TASK', 'REPOSITORY', 'TITLE'], ...rows];
    const [head = '', ...lines] = renderTable(table, { width: output.isTerminal ? output.width() : null });
    output.line(output.color.bold(head));
    for (const line of lines) output.line(line);
    return 0;
  });
