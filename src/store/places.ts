/**
 * Who runs and who waits, over all repositories and terminals of one user. Waiting runs are rows, not processes.
 *
 * A place is held by a supervisor (a process identity). Rows are an index only: what a run is doing is in its repository; a lost or stale row
 * costs order, never work.
 */

import { type Database, openDatabase, peekDatabase, type Row } from './database.ts';

const SCHEMA = [
  `CREATE TABLE places (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     common_dir TEXT NOT NULL,
     task INTEGER NOT NULL,
     run INTEGER NOT NULL,
     running INTEGER NOT NULL DEFAULT 0,
     holder TEXT,
     agent TEXT,
     tries INTEGER NOT NULL DEFAULT 0,
     UNIQUE (common_dir, task)
   ) STRICT;
   CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;`,
];

export type Place = {
  /** Order of arrival. */
  readonly id: number;
  readonly commonDir: string;
  readonly task: number;
  readonly run: number;
  readonly running: boolean;
  /** The supervisor, as an identity key. */
  readonly holder: string | null;
  /** The agent's recorder, as an identity key, once it has been started. */
  readonly agent: string | null;
  /** How often somebody has tried to start it. */
  readonly tries: number;
};

export type Places = {
  readonly list: () => readonly Place[];
  /** At the end of the line; a task has at most one place, and the same run keeps the one it has. */
  readonly enqueue: (run: {
    readonly commonDir: string;
    readonly task: number;
    readonly run: number;
  }) => void;
  /** Gives the first waiting run a place if fewer than `max` run, held by `holder` until its supervisor takes over. */
  readonly admitNext: (max: number, holder: string) => Place | undefined;
  /** Changes who holds a place, if it is still as `place` says. */
  readonly hand: (place: Place, holder: string) => boolean;
  /** Makes a supervisor the holder of its run's place, whoever held it; takes one if there was none. */
  readonly take: (
    run: { readonly commonDir: string; readonly task: number; readonly run: number },
    held: { readonly holder: string; readonly agent: string | null },
  ) => void;
  /** Back into the line, at its old position, if the place is still as `place` says. */
  readonly requeue: (place: Place) => void;
  readonly leave: (run: { readonly commonDir: string; readonly task: number }) => void;
  readonly drop: (place: Place) => void;
  readonly readJobs: () => number | undefined;
  readonly writeJobs: (jobs: number) => void;
  readonly close: () => void;
};

/** Opens (and makes, at first use) the user's list of places. Throws as {@link openDatabase} does. */
export function openPlaces(path: string): Places {
  const database = openDatabase(path, SCHEMA);
  return {
    list: () => database.all('SELECT * FROM places ORDER BY id').map(parsePlace),
    enqueue: ({ commonDir, task, run }) =>
      void database.run(
        `INSERT INTO places (common_dir, task, run) VALUES (?, ?, ?)
         ON CONFLICT (common_dir, task) DO UPDATE SET run = excluded.run, running = 0, holder = NULL, agent = NULL
         WHERE run <> excluded.run`,
        commonDir,
        task,
        run,
      ),
    admitNext: (max, holder) => database.transact(() => admitNext(database, max, holder)),
    hand: ({ id, holder: from }, to) =>
      database.run('UPDATE places SET holder = ? WHERE id = ? AND holder IS ?', to, id, from).changes === 1,
    take: ({ commonDir, task, run }, { holder, agent }) =>
      void database.run(
        `INSERT INTO places (common_dir, task, run, running, holder, agent) VALUES (?, ?, ?, 1, ?, ?)
         ON CONFLICT (common_dir, task) DO UPDATE SET run = excluded.run, running = 1, holder = excluded.holder, agent = excluded.agent`,
        commonDir,
        task,
        run,
        holder,
        agent,
      ),
    requeue: ({ id, holder }) =>
      void database.run(
        'UPDATE places SET running = 0, holder = NULL WHERE id = ? AND holder IS ?',
        id,
        holder,
      ),
    leave: ({ commonDir, task }) =>
      void database.run('DELETE FROM places WHERE common_dir = ? AND task = ?', commonDir, task),
    drop: ({ id, holder }) =>
      void database.run('DELETE FROM places WHERE id = ? AND holder IS ?', id, holder),
    readJobs: () => {
      const value = database.get("SELECT value FROM settings WHERE key = 'jobs'")?.['value'];
      return value === undefined ? undefined : Number(value);
    },
    writeJobs: (jobs) =>
      void database.run("INSERT OR REPLACE INTO settings (key, value) VALUES ('jobs', ?)", String(jobs)),
    close: database.close,
  };
}

/** The places as {@link Places.list} gives them, looked at in passing; none where there is no list. */
export function peekPlaces(path: string): readonly Place[] {
  const read = (database: Database): readonly Place[] =>
    database.all('SELECT * FROM places ORDER BY id').map(parsePlace);
  return peekDatabase(path, SCHEMA, read) ?? [];
}

function admitNext(database: Database, max: number, holder: string): Place | undefined {
  const running = Number(database.get('SELECT count(*) AS n FROM places WHERE running = 1')?.['n'] ?? 0);
  const row =
    running < max ? database.get('SELECT * FROM places WHERE running = 0 ORDER BY id LIMIT 1') : undefined;
  if (row === undefined) return undefined;
  const place = parsePlace(row);
  database.run('UPDATE places SET running = 1, holder = ?, tries = tries + 1 WHERE id = ?', holder, place.id);
  return { ...place, running: true, holder, tries: place.tries + 1 };
}

function parsePlace(row: Row): Place {
  const text = (name: string): string | null => (row[name] === null ? null : String(row[name]));
  return {
    id: Number(row['id']),
    commonDir: String(row['common_dir']),
    task: Number(row['task']),
    run: Number(row['run']),
    running: Number(row['running']) === 1,
    holder: text('holder'),
    agent: text('agent'),
    tries: Number(row['tries']),
  };
}
