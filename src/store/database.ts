/**
 * SQLite, behind one small interface (ADR 0002): `node:sqlite` where Node has it, else `@photostructure/sqlite`, which has the same API.
 *
 * Calls are synchronous and short. A second process that writes at the same time waits up to {@link BUSY_TIMEOUT_MS}.
 */

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';
import { PhasrError, systemCode } from '../base/errors.ts';
import { inspectDisk } from './disk.ts';
import { makeFolder } from './files.ts';

type Value = string | number | bigint | null;
export type Row = Readonly<Record<string, Value>>;

type Statement = {
  run(...values: Value[]): { changes: number | bigint; lastInsertRowid: number | bigint };
  get(...values: Value[]): unknown;
  all(...values: Value[]): unknown[];
};

type SqliteConnection = {
  exec(sql: string): void;
  prepare(sql: string): Statement;
  close(): void;
};

type SqliteModule = {
  readonly DatabaseSync: new (path: string, options?: { readonly readOnly: boolean }) => SqliteConnection;
};

const BUSY_TIMEOUT_MS = 15_000;

export type Database = {
  /** Runs a statement; gives the number of rows it changed and the last row id. */
  readonly run: (sql: string, ...values: Value[]) => { changes: number; rowId: number };
  readonly get: (sql: string, ...values: Value[]) => Row | undefined;
  readonly all: (sql: string, ...values: Value[]) => readonly Row[];
  /** Runs `work` in one transaction that no other writer can enter; undone when it throws. */
  readonly transact: <T>(work: () => T) => T;
  readonly close: () => void;
};

/** SQLite's result codes (sqlite.org/rescode.html), as far as something is done about them. */
const SQLITE = { BUSY: 5, READONLY: 8, IOERR: 10, CORRUPT: 11, FULL: 13, CANTOPEN: 14, NOTADB: 26 } as const;

/** The primary result code of an error that SQLite threw; both modules put the extended one into `errcode`. */
function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error)) return undefined;
  return typeof error.errcode === 'number' ? error.errcode & 0xff : undefined;
}

export function isBusy(error: unknown): boolean {
  return sqliteCode(error) === SQLITE.BUSY;
}

/** A connection without any settings; the mutex uses it too. */
export function connect(path: string): SqliteConnection {
  makeFolder(dirname(path));
  return new (loadSqlite().DatabaseSync)(path);
}

let sqlite: SqliteModule | undefined;

/** The SQLite of this machine. The first call takes 7 to 12 ms on Node 20. */
export function loadSqlite(): SqliteModule {
  if (sqlite !== undefined) return sqlite;
  // Node's own module says on loading that it is experimental; that is for developers, not for our users.
  const emitWarning = process.emitWarning.bind(process);
  process.emitWarning = () => undefined;
  try {
    const builtin: unknown = process.getBuiltinModule?.('node:sqlite');
    sqlite =
      asSqliteModule(builtin) ?? asSqliteModule(createRequire(import.meta.url)('@photostructure/sqlite'));
  } finally {
    process.emitWarning = emitWarning;
  }
  if (sqlite === undefined) throw new Error('no SQLite module offers DatabaseSync');
  return sqlite;
}

function asSqliteModule(module: unknown): SqliteModule | undefined {
  const offers = typeof module === 'object' && module !== null && 'DatabaseSync' in module;
  return offers ? (module as SqliteModule) : undefined;
}

/**
 * Opens a database of ours, making or upgrading its tables.
 * `schema[n]` brings version n to n + 1; versions only ever grow. Throws `database-corrupt`, `database-too-new`, `storage-failed`.
 */
export function openDatabase(path: string, schema: readonly string[]): Database {
  return translated(path, () => {
    const connection = connect(path);
    connection.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}; PRAGMA synchronous = FULL;`);
    const database = wrap(path, connection);
    if (versionOf(database) !== schema.length) upgrade(path, connection, { database, schema });
    return database;
  });
}

/** Which SQLite this machine has, in words. Throws whatever keeps it from being loaded. */
export function describeSqlite(): string {
  const connection = new (loadSqlite().DatabaseSync)(':memory:');
  try {
    const row = connection.prepare('SELECT sqlite_version() AS version').get() as Row | undefined;
    const from =
      process.getBuiltinModule?.('node:sqlite') === undefined ? '@photostructure/sqlite' : 'node:sqlite';
    return `SQLite ${String(row?.['version'])} (${from})`;
  } finally {
    connection.close();
  }
}

/** Looking in passing waits for nobody. */
const PEEK_TIMEOUT_MS = 200;

/**
 * For whoever looks in passing: reads nothing unless the database is there and of this very version, upgrades nothing, waits for no writer, and
 * leaves the files as they are. Undefined when there is nothing to read.
 */
export function peekDatabase<T>(
  path: string,
  schema: readonly string[],
  read: (database: Database) => T,
): T | undefined {
  if (!existsSync(path)) return undefined;
  return translated(path, () => {
    // Closing moves a write-ahead log that a killed process has left into the database, unless only reading is allowed; without such a log it is the
    // other way round: one that may only read leaves an empty log behind.
    const readOnly = existsSync(`${path}-wal`);
    const connection = new (loadSqlite().DatabaseSync)(path, { readOnly });
    try {
      connection.exec(`PRAGMA busy_timeout = ${PEEK_TIMEOUT_MS};`);
      const database = wrap(path, connection);
      return versionOf(database) === schema.length ? read(database) : undefined;
    } finally {
      connection.close();
    }
  });
}

/**
 * A database that cannot be opened, because its disk is full or nothing may be written there, as it is at this moment: for one look. Undefined where that would
 * not be the whole of it, or is not possible.
 */
export function glimpseDatabase(path: string, schema: readonly string[]): Database | undefined {
  // What a killed process has left in the log would be missing.
  if (existsSync(`${path}-wal`)) return undefined;
  const unchanging = pathToFileURL(path);
  unchanging.searchParams.set('immutable', '1');
  try {
    const connection = new (loadSqlite().DatabaseSync)(unchanging.href, { readOnly: true });
    const database = wrap(path, connection);
    if (versionOf(database) === schema.length) return database;
    connection.close();
  } catch {
    // Safe to ignore: why it could not be opened in the first place says more.
  }
  return undefined;
}

function versionOf(database: Database): number {
  return Number(database.get('PRAGMA user_version')?.['user_version'] ?? 0);
}

function upgrade(
  path: string,
  connection: SqliteConnection,
  { database, schema }: { database: Database; schema: readonly string[] },
): void {
  if (versionOf(database) > schema.length) {
    throw new PhasrError('database-too-new', `${path} was written by a newer version of Phasr`, {
      hint: 'Update Phasr: npm install -g phasr@latest',
    });
  }
  // Several processes may be here at once; changing the journal mode does not wait by itself.
  for (let tries = 1; ; tries++) {
    try {
      connection.exec('PRAGMA journal_mode = WAL');
      break;
    } catch (error) {
      if (!isBusy(error) || tries >= 200) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 25);
    }
  }
  database.transact(() => {
    for (let version = versionOf(database); version < schema.length; version++)
      connection.exec(schema[version] ?? '');
    connection.exec(`PRAGMA user_version = ${schema.length}`);
  });
}

function wrap(path: string, connection: SqliteConnection): Database {
  const statements = new Map<string, Statement>();
  const prepared = (sql: string): Statement => {
    const statement = statements.get(sql) ?? connection.prepare(sql);
    statements.set(sql, statement);
    return statement;
  };
  return {
    run: (sql, ...values) =>
      translated(path, () => {
        const { changes, lastInsertRowid } = prepared(sql).run(...values);
        return { changes: Number(changes), rowId: Number(lastInsertRowid) };
      }),
    get: (sql, ...values) => translated(path, () => prepared(sql).get(...values) as Row | undefined),
    all: (sql, ...values) =>
      translated(path, () => {
        try {
          return prepared(sql).all(...values) as Row[];
        } catch (error) {
          throw isDamageWithoutCode(connection, error) ? damaged(path, error) : error;
        }
      }),
    transact: (work) =>
      translated(path, () => {
        connection.exec('BEGIN IMMEDIATE');
        try {
          const result = work();
          connection.exec('COMMIT');
          return result;
        } catch (error) {
          rollBack(connection);
          throw error;
        }
      }),
    close: () => connection.close(),
  };
}

function rollBack(connection: SqliteConnection): void {
  try {
    connection.exec('ROLLBACK');
  } catch {
    // Safe to ignore: on a full disk SQLite has done so itself, and why is in the error that is about to be thrown.
  }
}

/** `@photostructure/sqlite` 1.2.1 leaves the result code away when reading many rows fails; then the file itself is asked. */
function isDamageWithoutCode(connection: SqliteConnection, error: unknown): boolean {
  if (systemCode(error) !== 'ERR_SQLITE_ERROR' || sqliteCode(error) !== undefined) return false;
  const row = connection.prepare('PRAGMA quick_check(1)').get() as Row | undefined;
  return row?.['quick_check'] !== 'ok';
}

function damaged(path: string, cause: unknown): PhasrError {
  return new PhasrError('database-corrupt', `${path} is damaged`, {
    hint: DAMAGED_HINT,
    details: { path },
    cause,
  });
}

/** Where to go when a database of ours cannot be read. */
export const DAMAGED_HINT =
  'phasr doctor --fix   (keeps the file aside; branches and worktrees are safe in git, and tasks come back from there)';

const HINTS: ReadonlyMap<number | string, string> = new Map<number | string, string>([
  [SQLITE.BUSY, 'Another phasr process holds it; try again.'],
  [SQLITE.READONLY, 'Check the permissions of that file and of its folder.'],
  [SQLITE.IOERR, 'Check the disk.'],
  [SQLITE.FULL, 'Free some disk space, then try again.'],
  [SQLITE.CANTOPEN, 'Check the permissions of its folder.'],
  // Making the folder for it failed.
  ['EACCES', 'Check the permissions of its folder.'],
  ['EPERM', 'Check the permissions of its folder.'],
  ['EROFS', 'The file system is read-only.'],
  ['ENOSPC', 'Free some disk space, then try again.'],
]);

/** Less than this, and SQLite cannot even make the small files that it needs to open a database; it calls that an I/O error. */
const NEEDED_BYTES = 1024 * 1024;

function isFull(path: string, code: number | undefined): boolean {
  return code === SQLITE.IOERR && inspectDisk(dirname(path)).freeBytes < NEEDED_BYTES;
}

/** Turns SQLite's failures into Phasr's; bugs (wrong SQL, wrong values) pass through. */
function translated<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof PhasrError) throw error;
    const code = sqliteCode(error);
    if (code === SQLITE.CORRUPT || code === SQLITE.NOTADB) throw damaged(path, error);
    const hint = isFull(path, code) ? HINTS.get(SQLITE.FULL) : HINTS.get(code ?? systemCode(error) ?? '');
    if (hint === undefined || !(error instanceof Error)) throw error;
    throw new PhasrError('storage-failed', `${path}: ${error.message}`, {
      hint,
      details: { path },
      cause: error,
    });
  }
}
