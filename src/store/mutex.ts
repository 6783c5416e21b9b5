/**
 * One writer at a time per file, across processes and within this one; released by death.
 *
 * SQLite's own lock on an empty database file does it: a reserved lock is the operating system's and ends with its holder, and nothing is ever written.
 */

import type { Clock } from '../base/clock.ts';
import { PhasrError } from '../base/errors.ts';
import { connect, isBusy } from './database.ts';

/** Nothing that is done under the mutex takes longer than a few seconds; a checkout is never done under it. */
const WAIT_MS_MAX = 120_000;

const queues = new Map<string, Promise<unknown>>();

/** Runs `work` while no other holder of the same file does. Throws `busy` after {@link WAIT_MS_MAX}. */
export async function withMutex<T>(path: string, clock: Clock, work: () => Promise<T>): Promise<T> {
  const before = queues.get(path) ?? Promise.resolve();
  const turn = before.then(
    () => holdFile(path, clock, work),
    () => holdFile(path, clock, work),
  );
  queues.set(path, turn);
  try {
    return await turn;
  } finally {
    if (queues.get(path) === turn) queues.delete(path);
  }
}

async function holdFile<T>(path: string, clock: Clock, work: () => Promise<T>): Promise<T> {
  const connection = connect(path);
  try {
    const deadlineMs = clock.nowMs() + WAIT_MS_MAX;
    while (!tryBegin(connection)) {
      if (clock.nowMs() > deadlineMs) {
        throw new PhasrError(
          'busy',
          'another phasr process has been changing this repository for two minutes',
          {
            hint: 'See which one: phasr list; then try again.',
            details: { path },
          },
        );
      }
      await clock.sleep(4 + Math.random() * 16);
    }
    return await work();
  } finally {
    // Closing ends the transaction, which has written nothing, and with it the lock.
    connection.close();
  }
}

function tryBegin(connection: { exec(sql: string): void }): boolean {
  try {
    connection.exec('BEGIN IMMEDIATE');
    return true;
  } catch (error) {
    if (isBusy(error)) return false;
    throw error;
  }
}
