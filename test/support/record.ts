/** Tasks' records, edited as a hand or a bad disk would. */

import { join } from 'node:path';
import { connect } from '../../src/store/database.ts';
import type { World } from './world.ts';

export type TaskRecord = Record<string, unknown>;

export function readRecord(world: World, id: number): TaskRecord {
  const database = connect(join(world.repo, '.git/phasr/phasr.db'));
  try {
    const row = database.prepare('SELECT state FROM tasks WHERE id = ?').get(id) as { state: string };
    return JSON.parse(row.state) as TaskRecord;
  } finally {
    database.close();
  }
}

export function writeRecord(world: World, id: number, record: TaskRecord): void {
  const { kind } = record['phase'] as { readonly kind: string };
  const isActive = !['idle', 'merged', 'discarded'].includes(kind);
  const database = connect(join(world.repo, '.git/phasr/phasr.db'));
  try {
    // A supervisor may be writing.
    database.exec('PRAGMA busy_timeout = 10000');
    const change = database.prepare('UPDATE tasks SET state = ?, active = ? WHERE id = ?');
    change.run(JSON.stringify(record), Number(isActive), id);
  } finally {
    database.close();
  }
}
