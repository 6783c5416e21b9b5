/**
 * Tasks and their events in the repository's database.
 *
 * A task changes only by an appended event. The folded task is kept beside its events so that a list costs one row a task; both change in one
 * transaction. Readers skip event types they do not know, so a newer Phasr may add some.
 */

import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PhasrError } from '../base/errors.ts';
import { renderCount } from '../base/text.ts';
import { evolve, foldTask } from '../task/evolve.ts';
import type { RecordedEvent, TaskEvent } from '../task/event.ts';
import { asTaskId, type TaskId } from '../task/names.ts';
import { isActive, isOpen, type Task } from '../task/task.ts';
import {
  DAMAGED_HINT,
  type Database,
  glimpseDatabase,
  openDatabase,
  peekDatabase,
  type Row,
} from './database.ts';

const SCHEMA = [
  `CREATE TABLE events (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     task INTEGER NOT NULL,
     seq INTEGER NOT NULL,
     at_ms INTEGER NOT NULL,
     type TEXT NOT NULL,
     data TEXT NOT NULL,
     UNIQUE (task, seq)
   ) STRICT;
   CREATE TABLE tasks (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     seq INTEGER NOT NULL,
     open INTEGER NOT NULL,
     active INTEGER NOT NULL,
     state TEXT NOT NULL
   ) STRICT;
   CREATE INDEX tasks_open ON tasks (open) WHERE open = 1;
   CREATE INDEX tasks_active ON tasks (active) WHERE active = 1;
   CREATE TABLE claims (key TEXT PRIMARY KEY, holder TEXT NOT NULL) STRICT;
   CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;`,
];

export type TaskStore = {
  readonly find: (id: TaskId) => Task | undefined;
  /** `open`: not yet merged or discarded; `active`: somebody has to go on with it. By id. */
  readonly list: (which: 'all' | 'open' | 'active') => readonly Task[];
  readonly history: (id: TaskId) => readonly RecordedEvent[];
  /** Events of all tasks after the one with this id, in order, at most `max`. */
  readonly eventsAfter: (
    id: number,
    max: number,
  ) => readonly (RecordedEvent & { readonly id: number; readonly task: TaskId })[];
  /** Makes tasks with consecutive ids from `idMin` on at least; their first events come from the id. All or none. */
  readonly create: (
    drafts: readonly ((id: TaskId) => readonly TaskEvent[])[],
    options: { readonly idMin: number; readonly nowMs: number },
  ) => readonly Task[];
  /** Records whole histories under the ids that they had, where there is none yet. All or none; gives what is recorded now. */
  readonly adopt: (
    histories: readonly { readonly id: TaskId; readonly events: readonly RecordedEvent[] }[],
  ) => readonly Task[];
  /** Appends if nobody else has since `task` was read; else gives `moved`, and the caller reads again. */
  readonly append: (task: Task, events: readonly TaskEvent[], nowMs: number) => Task | 'moved';
  /** Grows with every event of any task; equal numbers mean that nothing has happened. */
  readonly lastEventId: () => number;
  /** Who goes on with something now, as a process; undefined when nobody does. */
  readonly findClaim: (key: string) => string | undefined;
  /** Takes a claim over from `from` (undefined: from nobody). False when another one was faster. */
  readonly claim: (
    key: string,
    change: { readonly from: string | undefined; readonly to: string },
  ) => boolean;
  readonly release: (key: string, holder: string) => void;
  /** Small facts about this machine that are cheap to keep and dear to find out. */
  readonly readFact: (key: string) => string | undefined;
  readonly writeFact: (key: string, value: string) => void;
  /** Lets go of the file; whatever is asked next opens it again. */
  readonly close: () => void;
};

/**
 * The tasks of one repository. Nothing is made on the disk before the first task: looking at a repository that Phasr was never used
 * in leaves no trace, and works where nothing may be written.
 */
export function openTaskStore(path: string): TaskStore {
  let opened: Database | undefined;
  const make = (): Database => (opened ??= openDatabase(path, SCHEMA));
  const open = (): Database => {
    if (opened === undefined) requireNotLost(path);
    return make();
  };
  let glimpsed: Database | undefined;
  const glimpse = (): Database | undefined => {
    glimpsed?.close();
    return (glimpsed = glimpseDatabase(path, SCHEMA));
  };
  const existing = (): Database | undefined => {
    if (opened !== undefined) return opened;
    if (!existsSync(path)) {
      requireNotLost(path);
      return undefined;
    }
    try {
      return open();
    } catch (error) {
      const seen = error instanceof PhasrError && error.code === 'storage-failed' ? glimpse() : undefined;
      if (seen === undefined) throw error;
      return seen;
    }
  };
  return {
    find: (id) => parseRow(existing()?.get('SELECT id, state FROM tasks WHERE id = ?', id)),
    list: (which) => (existing()?.all(LISTS[which]) ?? []).flatMap((row) => parseRow(row) ?? []),
    history: (id) => readHistory(existing(), id),
    eventsAfter: (id, max) => readEventsAfter(existing(), id, max),
    create: (drafts, options) => open().transact(() => createTasks(open(), drafts, options)),
    adopt: (histories) => make().transact(() => adoptTasks(make(), histories)),
    append: (task, events, nowMs) => open().transact(() => appendEvents(open(), task, { events, nowMs })),
    lastEventId: () => Number(existing()?.get('SELECT coalesce(max(id), 0) AS n FROM events')?.['n'] ?? 0),
    findClaim: (key) => readText(existing()?.get('SELECT holder AS text FROM claims WHERE key = ?', key)),
    claim: (key, { from, to }) =>
      from === undefined
        ? open().run('INSERT OR IGNORE INTO claims (key, holder) VALUES (?, ?)', key, to).changes === 1
        : open().run('UPDATE claims SET holder = ? WHERE key = ? AND holder = ?', to, key, from).changes ===
          1,
    release: (key, holder) => void open().run('DELETE FROM claims WHERE key = ? AND holder = ?', key, holder),
    readFact: (key) => readText(existing()?.get('SELECT value AS text FROM facts WHERE key = ?', key)),
    writeFact: (key, value) =>
      void open().run('INSERT OR REPLACE INTO facts (key, value) VALUES (?, ?)', key, value),
    close: () => {
      glimpsed?.close();
      opened?.close();
      glimpsed = opened = undefined;
    },
  };
}

/** No database, or an empty file, is what a repository begins with; folders of tasks beside it are what a lost one leaves. Throws `database-corrupt`. */
function requireNotLost(path: string): void {
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 0) return;
  const count = listTaskFolders(join(dirname(path), 'tasks')).length;
  if (count === 0) return;
  throw new PhasrError(
    'database-corrupt',
    `the record of ${renderCount(count, 'task')} is gone from ${path}`,
    {
      hint: DAMAGED_HINT,
      details: { path },
    },
  );
}

/** The ids of all tasks that have left a folder; a removed one leaves its transcripts. */
export function listTaskFolders(tasksDir: string): readonly number[] {
  if (!existsSync(tasksDir)) return [];
  return readdirSync(tasksDir)
    .filter((name) => /^[1-9]\d{0,8}$/.test(name))
    .map(Number);
}

/** The tasks as {@link TaskStore.list} gives them, looked at in passing: none where there is no database of this version. */
export function peekTasks(path: string, which: 'all' | 'open'): readonly Task[] {
  return peekDatabase(path, SCHEMA, (database) => readTasks(database, which)) ?? [];
}

function readTasks(database: Database, which: 'all' | 'open'): readonly Task[] {
  return database.all(LISTS[which]).flatMap((row) => parseRow(row) ?? []);
}

/** What a check of the whole database sees; nothing is written. */
export type TaskRecords = {
  readonly tasks: readonly Task[];
  /** What SQLite finds wrong with the file, in its words; null when nothing. */
  readonly damage: string | null;
  /** Who empties the trash, as an identity key; undefined when nobody does. */
  readonly sweeper: string | undefined;
};

/** Checks the database of a repository. Undefined when there is none of this version; throws `database-corrupt`, `storage-failed`. */
export function examineTasks(path: string, sweepClaim: string): TaskRecords | undefined {
  return peekDatabase(path, SCHEMA, (database) => {
    const found = database.get('PRAGMA quick_check(1)')?.['quick_check'];
    return {
      tasks: readTasks(database, 'all'),
      damage: found === 'ok' ? null : String(found),
      sweeper: readText(database.get('SELECT holder AS text FROM claims WHERE key = ?', sweepClaim)),
    };
  });
}

const LISTS = {
  all: 'SELECT id, state FROM tasks ORDER BY id',
  open: 'SELECT id, state FROM tasks WHERE open = 1 ORDER BY id',
  active: 'SELECT id, state FROM tasks WHERE active = 1 ORDER BY id',
} as const;

function createTasks(
  database: Database,
  drafts: readonly ((id: TaskId) => readonly TaskEvent[])[],
  { idMin, nowMs }: { readonly idMin: number; readonly nowMs: number },
): readonly Task[] {
  return drafts.map((draft) => {
    const next =
      Number(database.get("SELECT seq FROM sqlite_sequence WHERE name = 'tasks'")?.['seq'] ?? 0) + 1;
    const id = asTaskId(Math.max(next, idMin));
    const recorded = draft(id).map((event, index): RecordedEvent => ({ seq: index + 1, atMs: nowMs, event }));
    return insertTask(database, id, recorded);
  });
}

function adoptTasks(
  database: Database,
  histories: readonly { readonly id: TaskId; readonly events: readonly RecordedEvent[] }[],
): readonly Task[] {
  return histories
    .filter(({ id }) => database.get('SELECT id FROM tasks WHERE id = ?', id) === undefined)
    .map(({ id, events }) => insertTask(database, id, events));
}

function insertTask(database: Database, id: TaskId, recorded: readonly RecordedEvent[]): Task {
  const task = foldTask(id, recorded);
  insertEvents(database, id, recorded);
  database.run(
    'INSERT INTO tasks (id, seq, open, active, state) VALUES (?, ?, ?, ?, ?)',
    id,
    task.seq,
    Number(isOpen(task.phase)),
    Number(isActive(task.phase)),
    JSON.stringify(task),
  );
  return task;
}

function appendEvents(
  database: Database,
  task: Task,
  { events, nowMs }: { readonly events: readonly TaskEvent[]; readonly nowMs: number },
): Task | 'moved' {
  const current = database.get('SELECT seq FROM tasks WHERE id = ?', task.id);
  if (Number(current?.['seq']) !== task.seq) return 'moved';
  const recorded = events.map((event, index): RecordedEvent => ({
    seq: task.seq + index + 1,
    atMs: nowMs,
    event,
  }));
  const next = recorded.reduce(evolve, task);
  insertEvents(database, task.id, recorded);
  database.run(
    'UPDATE tasks SET seq = ?, open = ?, active = ?, state = ? WHERE id = ?',
    next.seq,
    Number(isOpen(next.phase)),
    Number(isActive(next.phase)),
    JSON.stringify(next),
    task.id,
  );
  return next;
}

function insertEvents(database: Database, id: TaskId, recorded: readonly RecordedEvent[]): void {
  for (const { seq, atMs, event } of recorded) {
    const { type, ...data } = event;
    database.run(
      'INSERT INTO events (task, seq, at_ms, type, data) VALUES (?, ?, ?, ?, ?)',
      id,
      seq,
      atMs,
      type,
      JSON.stringify(data),
    );
  }
}

function readHistory(database: Database | undefined, id: TaskId): readonly RecordedEvent[] {
  const rows = database?.all('SELECT seq, at_ms, type, data FROM events WHERE task = ? ORDER BY seq', id);
  return (rows ?? []).map(parseEvent);
}

function readEventsAfter(
  database: Database | undefined,
  id: number,
  max: number,
): readonly (RecordedEvent & { readonly id: number; readonly task: TaskId })[] {
  const rows = database?.all(
    'SELECT id, task, seq, at_ms, type, data FROM events WHERE id > ? ORDER BY id LIMIT ?',
    id,
    max,
  );
  return (rows ?? []).map((row) => ({
    id: Number(row['id']),
    task: asTaskId(Number(row['task'])),
    ...parseEvent(row),
  }));
}

function parseEvent(row: Row): RecordedEvent {
  return {
    seq: Number(row['seq']),
    atMs: Number(row['at_ms']),
    event: { type: row['type'], ...parseJson(row['data']) } as TaskEvent,
  };
}

function parseRow(row: Row | undefined): Task | undefined {
  return row === undefined ? undefined : (parseJson(row['state']) as Task);
}

function parseJson(text: unknown): object {
  try {
    return JSON.parse(String(text)) as object;
  } catch (error) {
    throw new PhasrError('database-corrupt', 'a record in the task database cannot be read', {
      hint: DAMAGED_HINT,
      cause: error,
    });
  }
}

function readText(row: Row | undefined): string | undefined {
  const text = row?.['text'];
  return typeof text === 'string' ? text : undefined;
}
