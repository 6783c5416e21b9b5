/** The commands that bring things back. */

import type { CommandDeclaration } from './command.ts';
import { JSON_OPTION, TASKS_NOTE } from './declare.ts';

export const SAFETY_COMMANDS: readonly CommandDeclaration[] = [
  {
    name: 'undo',
    group: 'take back',
    arguments: '[operation]',
    summary: 'reverse the latest operation: a merge, a discard, a restore, a rewind, a repair, an undo',
    details: [
      'With a number, that operation (phasr operations). A merge is taken back only while nothing was built upon it: the target goes where it was, your',
      'files follow as in a merge, and the task has its worktree again. Nothing is lost by an undo; it can be undone as well.',
      'A repair of phasr doctor --fix (r1, r2, …) is taken back while what it has changed is as it left it; phasr doctor --fix makes it again.',
    ].join('\n'),
    options: [{ flags: '--dry-run', description: 'say what would be done, and do nothing' }, JSON_OPTION],
    examples: [
      ['phasr undo --dry-run', 'what would it do?'],
      ['phasr undo', 'the latest operation'],
    ],
    load: async () => (await import('./commands/undo.ts')).undo,
  },
  {
    name: 'operations',
    group: 'take back',
    arguments: '',
    summary: 'list what has moved a ref, removed or repaired something, with the commits before and after',
    details: 'The latest first.',
    options: [{ flags: '-n, --limit <n>', description: 'so many (default: 20)' }, JSON_OPTION],
    examples: [['phasr operations', 'what has been done, and what undo would reverse']],
    load: async () => (await import('./commands/operations.ts')).operations,
  },
  {
    name: 'restore',
    group: 'take back',
    arguments: '<task...>',
    summary: 'bring discarded or merged tasks back: branch, files, what was staged, ignored files, stashes',
    details: `${TASKS_NOTE}\nWhat was merged stays merged; phasr undo takes a merge back.`,
    options: [JSON_OPTION],
    examples: [['phasr restore 3', 'as it was when you discarded it']],
    load: async () => (await import('./commands/restore.ts')).restore,
  },
  {
    name: 'trash',
    group: 'take back',
    arguments: '[empty] [task...]',
    summary: 'list what is kept of discarded and merged tasks; or give it up for good',
    details: [
      'Kept for 30 days (settings: [trash] days), never given up for lack of space. `phasr trash empty` asks before it gives anything up.',
      'SIZE is what git holds for it alone.',
    ].join('\n'),
    options: [{ flags: '-y, --yes', description: 'empty without asking' }, JSON_OPTION],
    examples: [
      ['phasr trash', 'what can be restored, and until when'],
      ['phasr trash empty 3', 'give one up'],
    ],
    load: async () => (await import('./commands/trash.ts')).trash,
  },
  {
    name: 'history',
    group: 'take back',
    arguments: '[task]',
    summary: 'list the snapshots of a task, with what changed from each to the next',
    details: [
      'Taken when a run begins and ends, while an agent works, and before anything is put back; thinned out as they grow old.',
      'phasr diff N --from A --to B compares two of them.',
    ].join('\n'),
    options: [JSON_OPTION],
    examples: [['phasr history 3', 'how it came about']],
    load: async () => (await import('./commands/history.ts')).history,
  },
  {
    name: 'snapshot',
    group: 'take back',
    arguments: '[task]',
    summary: "keep a task's present state in a snapshot, before you try something in its worktree",
    details:
      'While a run lives its supervisor does that by itself. The worktree, its index and its times stay as they are.',
    options: [JSON_OPTION],
    examples: [['phasr snapshot 3', 'and phasr rewind 3 N goes back to it']],
    load: async () => (await import('./commands/snapshot.ts')).snapshot,
  },
  {
    name: 'rewind',
    group: 'take back',
    arguments: '<task> <snapshot>',
    summary: "put a task's worktree back to one of its snapshots; what it is now is kept in another",
    details:
      'Files, what is staged, the private git dir and the task branch become those of the snapshot. Ignored files that tools make again stay as they are.',
    options: [JSON_OPTION],
    examples: [['phasr rewind 3 2', 'to snapshot 2 (phasr history 3)']],
    load: async () => (await import('./commands/rewind.ts')).rewind,
  },
];
