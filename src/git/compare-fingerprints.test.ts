import { expect, test } from 'vitest';
import { compareFingerprints } from './compare-fingerprints.ts';

const print = (entries: Record<string, string>): ReadonlyMap<string, string> =>
  new Map(Object.entries(entries));

test('a worktree whose status git could not tell before says nothing; one whose status it cannot tell any more says so', () => {
  const unread = print({ 'path /r': '!! git was stopped after 120 s' });
  const read = print({ 'path /r/a': '?? 1', 'path /rest/a': '?? 1' });
  expect(compareFingerprints(unread, read).map(({ name }) => name)).toEqual(['/rest/a']);
  expect(compareFingerprints(read, unread).map(({ name }) => name)).toContain('/r');
});

test('objects that went into a new pack are no loss, nor are old ones that went with it; young ones that went nowhere may be', () => {
  const [young, old] = [Date.now(), Date.now() - 30 * 24 * 60 * 60_000];
  const before = print({
    'objects ab/1': `1:2@${young}`,
    'objects ab/2': `3:4@${old}`,
    'pack pack/p.pack': '5:6@0',
  });
  const packed = print({ 'pack pack/q.pack': '7:8@0' });
  expect(compareFingerprints(before, packed)).toEqual([
    { part: 'objects', name: '', before: 'ab1', after: null },
  ]);
  expect(compareFingerprints(before, print({}))).toEqual([
    { part: 'pack', name: '', before: '1', after: null },
    { part: 'objects', name: '', before: 'ab1 ab2', after: null },
  ]);
  const touched = print({
    'objects ab/1': `1:2@${young + 9}`,
    'objects ab/2': `9:4@${old}`,
    'pack pack/p.pack': '5:6@0',
  });
  expect(compareFingerprints(before, touched).map(({ name }) => name)).toEqual(['ab/2']);
});

test('a reflog counts when it was emptied, or went while its ref stayed', () => {
  const before = print({
    'reflog logs/refs/heads/a': '300',
    'reflog logs/refs/heads/b': '300',
    'reflog logs/HEAD': '900',
    'ref refs/heads/a': 'x',
  });
  const after = print({
    'reflog logs/refs/heads/b': '100',
    'reflog logs/HEAD': '0',
    'ref refs/heads/a': 'x',
  });
  expect(
    compareFingerprints(before, after)
      .map(({ name }) => name)
      .toSorted(),
  ).toEqual(['logs/HEAD', 'logs/refs/heads/a']);
});
