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

/** Nothing that waits is started until a person says so. */
type Pause = { readonly sinceMs: number; readonly reason: string };

/** A run that failed for a reason which others will meet as well. */
type SharedFailure = { readonly atMs: number; readonly kind: string; readonly message: string };

/** So many failures of one kind in a row, within so long, and what waits is not sent after them (user pain P32). */
const FAILURES_MAX = 3;
const FAILURES_WITHIN_MS = 60_000;

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
  readonly readPause: () => Pause | undefined;
  readonly pause: (pause: Pause) => void;
  /** Ends a pause; false when there was none. */
  readonly resume: () => boolean;
  /** Counts a run's end. Null: it did not fail for a shared reason, which ends the row. Gives the pause that this failure has brought about. */
  readonly noteEnd: (failure: SharedFailure | null) => Pause | undefined;
  /** Why the first in the line is not started although there is a free place; null: nothing holds it. */
  readonly writeHold: (reason: string | null) => void;
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
    readPause: () => readPause(database),
    pause: (pause) => writeValue(database, 'pause', JSON.stringify(pause)),
    resume: () =>
      database.transact(() => {
        writeValue(database, 'failures', '[]');
        return database.run("DELETE FROM settings WHERE key = 'pause'").changes === 1;
      }),
    noteEnd: (failure) => database.transact(() => noteEnd(database, failure)),
    writeHold: (reason) => writeValue(database, 'hold', reason ?? ''),
    readJobs: () => {
      const value = readValue(database, 'jobs');
      return value === undefined ? undefined : Number(value);
    },
    writeJobs: (jobs) => writeValue(database, 'jobs', String(jobs)),
    close: database.close,
  };
}

/** The places as {@link Places.list} gives them, looked at in passing; none where there is no list. */
export function peekPlaces(path: string): readonly Place[] {
  const read = (database: Database): readonly Place[] =>
    database.all('SELECT * FROM places ORDER BY id').map(parsePlace);
  return peekDatabase(path, SCHEMA, read) ?? [];
}

function readValue(database: Database, key: string): string | undefined {
  const value = database.get('SELECT value FROM settings WHERE key = ?', key)?.['value'];
  return typeof value === 'string' ? value : undefined;
}

function writeValue(database: Database, key: string, value: string): void {
  database.run('INSERT OR REPLACE INTO settings (key, value) VALUES (?, ?)', key, value);
}

function readPause(database: Database): Pause | undefined {
  const text = readValue(database, 'pause');
  return text === undefined ? undefined : (JSON.parse(text) as Pause);
}

function noteEnd(database: Database, failure: SharedFailure | null): Pause | undefined {
  const before = JSON.parse(readValue(database, 'failures') ?? '[]') as readonly SharedFailure[];
  const row =
    failure === null
      ? []
      : [...before, failure].filter(
          ({ kind, atMs }) => kind === failure.kind && failure.atMs - atMs <= FAILURES_WITHIN_MS,
        );
  writeValue(database, 'failures', JSON.stringify(row.slice(-FAILURES_MAX)));
  if (failure === null || row.length < FAILURES_MAX || readPause(database) !== undefined) return undefined;
  const reason = `${FAILURES_MAX} runs in a row failed with ${failure.kind.replace('-', ' ')} (${failure.message})`;
  const pause = { sinceMs: failure.atMs, reason };
  writeValue(database, 'pause', JSON.stringify(pause));
  return pause;
}

/** The line as it is now, and what keeps it from moving; looked at in passing. */
export type Line = {
  readonly places: readonly Place[];
  readonly pause: Pause | null;
  readonly hold: string | null;
};

/** Reads the line without making or changing anything. */
export function peekLine(path: string): Line {
  const look = (database: Database): Line => ({
    places: database.all('SELECT * FROM places ORDER BY id').map(parsePlace),
    pause: readPause(database) ?? null,
    hold: readValue(database, 'hold') || null,
  });
  return peekDatabase(path, SCHEMA, look) ?? { places: [], pause: null, hold: null };
}

function admitNext(database: Database, max: number, holder: string): Place | undefined {
  if (readPause(database) !== undefined) return undefined;
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
