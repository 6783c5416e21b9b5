/** `phasr config`. */

import { renderSize } from '../../base/size.ts';
import { renderDuration } from '../../base/text.ts';
import type { Setting, Settings } from '../../operations/settings.ts';
import { readSettings } from '../../phasr.ts';
import { flag, type Handler } from '../command.ts';
import { renderTable } from '../output.ts';

export const config: Handler = async (invocation) => {
  const { options, output } = invocation;
  const settings = await readSettings(invocation);
  if (flag(options, 'json')) {
    // Variables may be secrets, and this gets pasted into reports.
    const agents = settings.agents.map(({ env, ...agent }) => ({ ...agent, variables: Object.keys(env) }));
    output.json('config', { ...settings, agents });
    return 0;
  }
  const width = output.isTerminal ? output.width() : null;
  const [head = '', ...rows] = renderTable([['KEY', 'FROM', 'VALUE'], ...settingRows(settings)], { width });
  output.line(output.color.bold(head));
  for (const row of rows) output.line(row);
  output.line('');
  const files = settings.files.map(({ origin, path, exists }) => [
    origin,
    exists ? path : `${path} (there is none; phasr init${origin === 'user' ? ' --user' : ''} writes one)`,
  ]);
  for (const row of renderTable(files, { width })) output.line(row);
  return 0;
};

function settingRows(settings: Settings): readonly (readonly string[])[] {
  const { disk, limits, notify, open, queue, isolation } = settings;
  const row = <Value>(
    key: string,
    { value, origin }: Setting<Value>,
    render: (value: NonNullable<Value>) => string,
  ): readonly string[] => [key, origin, value === null || value === undefined ? 'not set' : render(value)];
  return [
    row('agent', settings.agent, String),
    row('model', settings.model, String),
    row('permission', settings.permission, String),
    row('jobs', settings.jobs, String),
    row('timeout', settings.timeoutMs, renderDuration),
    row('disk.floor', disk.floorBytes, renderSize),
    row('limits.no_progress', limits.noProgressMs, renderDuration),
    row('limits.retries', limits.retriesMs, renderDuration),
    row('limits.memory', limits.memoryBytes, renderSize),
    row('limits.processes', limits.processes, String),
    row('limits.disk', limits.diskBytes, renderSize),
    row('notify.bell', notify.bell, String),
    row('notify.desktop', notify.desktop, String),
    row('notify.command', notify.command, renderCommand),
    row('open.editor', open.editor, renderCommand),
    row('snapshots.every', settings.snapshotEveryMs, renderDuration),
    row('queue.memory', queue.memoryFloorBytes, renderSize),
    row('queue.load', queue.loadMax, (load) => (load === 0 ? 'no limit' : `${load} for each core`)),
    row('isolation.sandbox', isolation.sandbox, String),
    row('isolation.write', isolation.write, renderCommand),
    row('isolation.hide', isolation.hide, renderCommand),
    row('isolation.network', isolation.network, (hosts) =>
      typeof hosts === 'boolean' ? String(hosts) : renderCommand(hosts),
    ),
    row('isolation.detection', isolation.detection, String),
    row('isolation.env', isolation.env, (env) => (env === 'all' ? 'all' : renderCommand(env))),
    row('isolation.secrets', isolation.secrets, renderCommand),
    row('trash.days', settings.trashDays, (days) => (days === 0 ? 'for ever' : String(days))),
    ...settings.agents.map(({ name, origin, command }) => [`agents.${name}`, origin, renderCommand(command)]),
  ];
}

function renderCommand(command: readonly string[]): string {
  return JSON.stringify(command);
}
