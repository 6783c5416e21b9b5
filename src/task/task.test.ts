import { describe, expect, test } from 'vitest';
import { asOid } from '../base/oid.ts';
import { decideStop, findRefusal, type Verb } from './decide.ts';
import type { RecordedEvent, TaskEvent } from './event.ts';
import { foldTask } from './evolve.ts';
import { asTaskId, highestTaskId, parseTaskId, slugFromTitle, titleFromPrompt } from './names.ts';
import { judgeEnd } from './outcome.ts';
import { describeState } from './state.ts';
import { agentName, isActive, latestRun, type Task } from './task.ts';

const OID = asOid('a'.repeat(40));
const HEAD = asOid('b'.repeat(40));

const LAUNCH: readonly TaskEvent[] = [
  {
    type: 'task.launched',
    title: 'Title',
    slug: 'title',
    branch: 'phasr/task-7-title',
    base: { oid: OID, name: 'main' },
    target: 'main',
    worktreePath: '/w/7-title',
    launchGitDir: '/r/.git',
    carried: null,
  },
  {
    type: 'run.requested',
    run: 1,
    prompt: 'Title',
    command: ['/bin/agent'],
    agent: null,
    timeoutMs: null,
    limits: { noProgressMs: null, retriesMs: null },
  },
];
const PREPARED: readonly TaskEvent[] = [
  ...LAUNCH,
  { type: 'branch.created' },
  { type: 'run.prepared', run: 1, marker: '7.1.x' },
];
const READY: readonly TaskEvent[] = [
  ...PREPARED,
  { type: 'worktree.ready', directory: { dev: '1', ino: '2' }, warnings: [] },
];
const RUNNING: readonly TaskEvent[] = [
  ...READY,
  { type: 'run.started', run: 1, process: { pid: 42, startedAt: 'boot-1' } },
];
const ENDED: readonly TaskEvent[] = [
  ...RUNNING,
  {
    type: 'run.ended',
    run: 1,
    outcome: 'done',
    exitCode: 0,
    evidence: 'exit code 0',
    leftBehind: 0,
    report: null,
  },
];
const DONE: readonly TaskEvent[] = [
  ...ENDED,
  {
    type: 'head.recorded',
    head: HEAD,
    tree: HEAD,
    changes: { files: 1, insertions: 2, deletions: 3 },
    committedLeftovers: true,
    notes: [],
  },
];
const MERGING: readonly TaskEvent[] = [
  ...DONE,
  {
    type: 'merge.started',
    strategy: 'merge',
    target: 'main',
    head: HEAD,
    expected: OID,
    candidate: HEAD,
    worktree: null,
  },
];
const CLEANING: readonly TaskEvent[] = [
  ...MERGING,
  { type: 'merge.completed', commit: HEAD, target: 'main', containsHead: true },
];
const MERGED: readonly TaskEvent[] = [...CLEANING, { type: 'worktree.removed', kept: null }];
const DISCARDED: readonly TaskEvent[] = [
  ...DONE,
  { type: 'task.discarded' },
  { type: 'worktree.removed', kept: 'refs/phasr/trash/7' },
];

function fold(events: readonly TaskEvent[]): Task {
  const recorded = events.map((event, index): RecordedEvent => ({
    seq: index + 1,
    atMs: 1000 * (index + 1),
    event,
  }));
  return foldTask(asTaskId(7), recorded);
}

describe('which verb each phase admits', () => {
  const verbs: readonly Verb[] = ['stop', 'resume', 'merge', 'discard'];
  const table: readonly (readonly [name: string, events: readonly TaskEvent[], admitted: readonly Verb[]])[] =
    [
      ['queued', LAUNCH, ['stop']],
      ['preparing', PREPARED, ['stop']],
      ['running', RUNNING, ['stop']],
      ['committing', ENDED, ['stop']],
      ['idle', DONE, ['resume', 'merge', 'discard']],
      ['merging', MERGING, []],
      ['cleaning', CLEANING, []],
      ['merged', MERGED, []],
      ['discarded', DISCARDED, []],
    ];
  test.each(table)('%s', (phase, events, admitted) => {
    const task = fold(events);
    expect(task.phase.kind).toBe(phase);
    expect(verbs.filter((verb) => findRefusal(task, verb) === undefined)).toEqual(admitted);
  });
});

test('somebody has to go on with a task in every phase but those where it is a person’s turn', () => {
  const active = [LAUNCH, PREPARED, READY, RUNNING, ENDED, DONE, MERGING, CLEANING, MERGED, DISCARDED].map(
    (events) => isActive(fold(events).phase),
  );
  expect(active).toEqual([true, true, true, true, true, false, true, true, false, false]);
});

test('states have evidence, and an age that begins with the phase', () => {
  const words = [LAUNCH, PREPARED, RUNNING, ENDED, DONE, MERGING, CLEANING, MERGED, DISCARDED].map(
    (events) => {
      const { name, evidence, sinceMs } = describeState(fold(events), 'alive', 60_000);
      return `${name}: ${evidence} since ${sinceMs / 1000}`;
    },
  );
  expect(words).toEqual([
    'queued: waits for a free place since 2',
    'setting up: its worktree is being made since 4',
    'running: process 42 lives since 6',
    'committing: exit code 0 since 7',
    'done: exit code 0 since 8',
    'merging: into main since 9',
    'merged: its worktree is being removed since 10',
    `merged: main @ ${HEAD.slice(0, 9)} since 11`,
    'discarded: kept in refs/phasr/trash/7 since 10',
  ]);
  expect(describeState(fold(RUNNING), 'gone', 60_000).evidence).toBe(
    'process 42 has ended, its end is being recorded',
  );
});

test('a worktree that could not be made ends the run, and a stop ends one that was never started', () => {
  const failed = fold([...PREPARED, { type: 'worktree.failed', run: 1, message: 'no worktree: full disk' }]);
  expect(failed).toMatchObject({ phase: { kind: 'idle' }, branchCreated: false });
  expect(describeState(failed, 'not asked', 0)).toMatchObject({
    name: 'failed',
    evidence: 'no worktree: full disk',
  });
  const stopped = fold([...LAUNCH, ...decideStop(fold(LAUNCH), 'person')]);
  expect(describeState(stopped, 'not asked', 0).name).toBe('stopped');
  expect(decideStop(fold([...RUNNING, ...decideStop(fold(RUNNING), 'person')]), 'person')).toEqual([]);
});

const NOTHING_SAID = { verdict: 'none', report: null } as const;

test('a command is judged by its exit code, and by what stopped it', () => {
  const run = latestRun(fold(RUNNING));
  const outcome = (status: Parameters<typeof judgeEnd>[1]): string =>
    judgeEnd(run, status, NOTHING_SAID).outcome;
  expect([0, 1, 137, undefined, 'unreadable' as const].map(outcome)).toEqual([
    'done',
    'failed',
    'interrupted',
    'interrupted',
    'interrupted',
  ]);
  const stopped = { ...run, stop: { atMs: 0, by: 'person', detail: '' } as const };
  expect(judgeEnd(stopped, 0, NOTHING_SAID)).toMatchObject({
    outcome: 'stopped',
    evidence: 'stopped on request',
  });
  const overTime = { ...run, timeoutMs: 90_000, stop: { atMs: 0, by: 'time limit', detail: '' } as const };
  expect(judgeEnd(overTime, undefined, NOTHING_SAID)).toMatchObject({
    outcome: 'stopped',
    evidence: 'stopped at its time limit of 1m 30s',
  });
});

test('an agent that says how it ended is judged by that, never by exit code 0 alone', () => {
  const run = latestRun(fold(RUNNING));
  const report = {
    session: 's',
    model: null,
    usage: null,
    counted: null,
    refused: 0,
    retries: 0,
    trouble: null,
    said: '',
  };
  const judge = (
    verdict: 'done' | 'failed' | 'interrupted' | 'silent',
    status: number,
    more = {},
  ): string => {
    const end = judgeEnd(run, status, { verdict, report: { ...report, ...more } });
    return `${end.outcome}: ${end.evidence}`;
  };
  const trouble = { kind: 'rate-limit', message: '429' };
  expect(judge('done', 0)).toBe('done: its terminal event');
  expect(judge('done', 0, { refused: 2 })).toBe('done: its terminal event; 2 actions were refused');
  expect(judge('silent', 0)).toBe('interrupted: exit code 0, but no terminal event: it did not finish');
  expect(judge('silent', 1, { trouble })).toBe('failed: exit code 1: rate limit (429)');
  expect(judge('failed', 0, { trouble })).toBe('failed: its terminal event: rate limit (429)');
  expect(judge('interrupted', 0)).toBe('interrupted: its terminal event: it was interrupted');
  expect(judge('done', 130)).toBe('interrupted: exit code 130 (ended by SIGINT from outside)');
});

test('a history that does not begin with a launch is refused as damaged', () => {
  expect(() => fold([{ type: 'branch.created' }])).toThrow('does not begin with its launch');
});

test('ids, titles, slugs and agents’ names', () => {
  expect(
    ['7', '#7', 'phasr/task-7-x', 'refs/heads/phasr/task-7-x', '007', '0', '-1', '7x', '', '99999999999'].map(
      parseTaskId,
    ),
  ).toEqual([7, 7, 7, 7, undefined, undefined, undefined, undefined, undefined, undefined]);
  expect(
    highestTaskId([
      'refs/heads/main',
      'refs/heads/phasr/task-12-x',
      'refs/phasr/trash/40',
      'refs/phasr/base/3',
      'refs/heads/phasr/other',
    ]),
  ).toBe(40);
  expect(titleFromPrompt('\n\n---\n  Fix   the\tbug \nand more')).toBe('Fix the bug');
  expect(slugFromTitle('add a table of the modules with their sizes')).toBe(
    'add-a-table-of-the-modules-with-their',
  );
  expect(slugFromTitle("don't break the users' sessions")).toBe('dont-break-the-users-sessions');
  expect(slugFromTitle('x'.repeat(60))).toBe('x'.repeat(40));
  expect(
    [
      ['/usr/bin/node', '/a/agent.mjs', 'x'],
      ['sh', '-c', 'x'],
      ['./my-agent.sh'],
      ['python3.11', 'tool.py'],
      ['claude', '-p'],
    ].map(agentName),
  ).toEqual(['agent.mjs', 'sh', 'my-agent.sh', 'tool.py', 'claude']);
});
