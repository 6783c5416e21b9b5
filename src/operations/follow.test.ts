import { expect, test } from 'vitest';
import { newCollector } from '../agent/report.ts';
import type { RunReport } from '../task/event.ts';
import { usageSoFar } from './follow.ts';

const usage = (input: number, costUsd: number): NonNullable<RunReport['counted']> => ({
  tokens: { input, output: 0, cacheRead: 0, cacheWrite: 0 },
  costUsd,
});

test('a run counts what it used itself: less what its session had used before, and all of it in a new session', () => {
  const collector = newCollector();
  collector.add({ kind: 'session', id: 'one', cwd: null, model: null });
  collector.add({ kind: 'usage', usage: { ...usage(10, 3), tokensOf: 'session', costOf: 'session' } });
  const before = (session: string): RunReport => ({
    session,
    model: null,
    usage: null,
    counted: usage(4, 1),
    refused: 0,
    retries: 0,
    trouble: null,
    said: '',
  });
  expect(usageSoFar(collector.report(), before('one'))).toEqual(usage(6, 2));
  expect(usageSoFar(collector.report(), before('another'))).toEqual(usage(10, 3));
  expect(usageSoFar(collector.report(), null)).toEqual(usage(10, 3));
});
