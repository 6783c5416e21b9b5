/** Every command of the CLI, declared once. */

import type { CommandDeclaration, OptionDeclaration } from './command.ts';

const JSON_OPTION: OptionDeclaration = {
  flags: '--json',
  description: 'print one JSON document instead of text',
};

const TASKS_NOTE =
  "Tasks are named by their number: 3, 2-5, 2,4. Inside a task's worktree the number may be left out.";

export const COMMANDS: readonly CommandDeclaration[] = [
  {
    name: 'run',
    arguments: '[prompt...]',
    summary: 'launch one task for each prompt, all at once',
    details: [
      'Each task gets a worktree of its own, outside the repository, on a branch phasr/task-<id>-<slug> cut from the base. The agent is any',
      'command after --. It finds the prompt in the variable PHASR_PROMPT, in the file named by PHASR_PROMPT_FILE, and in place of {prompt}',
      'in its arguments. What it leaves is committed to the branch, for you to look at: nothing reaches your own files before `phasr merge`.',
      '',
      'Ctrl-C stops watching, not the tasks.',
    ].join('\n'),
    options: [
      {
        flags: '-p, --prompt <text>',
        description: 'a prompt, also one that begins with a dash',
        isRepeatable: true,
      },
      {
        flags: '-t, --title <text>',
        description: 'a title for the first, second … prompt; else made from the prompt',
        isRepeatable: true,
      },
      { flags: '-b, --base <ref>', description: 'branch, tag or commit to start from (default: HEAD)' },
      {
        flags: '-j, --jobs <n>',
        description: 'how many tasks may run at once, in all your terminals, from now on',
      },
      { flags: '--timeout <duration>', description: 'stop an agent after this time (90s, 30m, 2h)' },
      { flags: '-d, --detach', description: 'do not watch; print the tasks and return' },
      JSON_OPTION,
    ],
    examples: [
      ['phasr run "tidy the imports" "fix the typo in the README" -- ./my-agent.sh', 'two tasks at once'],
      [
        'phasr run "add rate limiting" -- claude -p --permission-mode acceptEdits {prompt}',
        'a known agent; see: phasr agents',
      ],
      [
        'phasr run "port it to v2" --base v1.4 --detach -- codex exec -s workspace-write {prompt}',
        'from a tag, in the background',
      ],
    ],
    load: async () => (await import('./commands/run.ts')).run,
  },
  {
    name: 'list',
    arguments: '',
    summary: 'show the tasks, their states, and why these are believed',
    details: '',
    options: [
      { flags: '-a, --all', description: 'also tasks that are merged or discarded' },
      {
        flags: '-w, --watch',
        description: 'go on showing them, until Ctrl-C; with --json one line a change',
      },
      JSON_OPTION,
    ],
    examples: [
      ['phasr list', 'what is going on'],
      ['phasr list --watch', 'and what happens next'],
    ],
    load: async () => (await import('./commands/list.ts')).list,
  },
  {
    name: 'show',
    arguments: '[task]',
    summary: 'show everything about one task',
    details: '',
    options: [JSON_OPTION],
    examples: [['phasr show 3', 'state, branch, worktree, runs, notes']],
    load: async () => (await import('./commands/show.ts')).show,
  },
  {
    name: 'logs',
    arguments: '[task]',
    summary: "print what a task's agent printed",
    details: [
      'Of a run that prints more than 28 MiB the first 4 and the last 12 to 24 MiB are kept; a line says how much is missing.',
      'On a terminal, colours are shown and every other control character is made visible; otherwise the bytes come as they are.',
    ].join('\n'),
    options: [
      { flags: '-f, --follow', description: 'go on until the run has ended' },
      { flags: '-r, --run <n>', description: 'an earlier run (default: the latest)' },
      JSON_OPTION,
    ],
    examples: [['phasr logs 3 -f', 'watch an agent']],
    load: async () => (await import('./commands/logs.ts')).logs,
  },
  {
    name: 'diff',
    arguments: '[task] [path...]',
    summary: 'show what a task has changed: exactly what a merge would bring',
    details:
      'From the base commit to the files as they are now, committed or not. Paths are counted from the top of the worktree.',
    options: [
      { flags: '--stat', description: 'files and numbers of lines only' },
      { flags: '--name-only', description: 'paths only' },
      {
        flags: '--side-by-side',
        description: 'before and after in two columns (default from 160 columns on)',
      },
      { flags: '--unified', description: 'in one column' },
      { flags: '--no-pager', description: 'print directly, also on a terminal' },
      JSON_OPTION,
    ],
    examples: [
      ['phasr diff 2', 'in your pager'],
      ['phasr diff 2 src/api.ts', 'one file'],
      ['phasr diff 2 | git apply', 'as a patch'],
    ],
    load: async () => (await import('./commands/diff.ts')).diff,
  },
  {
    name: 'path',
    arguments: '[task]',
    summary: "print the directory of a task's worktree",
    details: '',
    options: [JSON_OPTION],
    examples: [['cd "$(phasr path 3)"', 'go and look']],
    load: async () => (await import('./commands/path.ts')).path,
  },
  {
    name: 'stop',
    arguments: '[task...]',
    summary: 'end the runs of tasks; what they did is committed',
    details: `${TASKS_NOTE}\nThe agent and everything it started get SIGTERM, and SIGKILL 4 seconds later. A waiting task leaves the line.`,
    options: [JSON_OPTION],
    examples: [['phasr stop 3', 'end one run']],
    load: async () => (await import('./commands/stop.ts')).stop,
  },
  {
    name: 'wait',
    arguments: '[task...]',
    summary: 'wait until tasks have ended and are committed',
    details: `${TASKS_NOTE} Without any, all tasks that are live now.\nExit code 0 when all of them are done, 1 when one failed, was stopped or interrupted, or when the time was up.`,
    options: [{ flags: '--timeout <duration>', description: 'give up waiting after this time' }, JSON_OPTION],
    examples: [['phasr wait 2 3 && phasr merge 2 3', 'in a script']],
    load: async () => (await import('./commands/wait.ts')).wait,
  },
  {
    name: 'resume',
    arguments: '<task> [prompt]',
    summary: 'start the agent again in the same worktree, with the same or another prompt',
    details: '',
    options: [
      { flags: '-p, --prompt <text>', description: 'the prompt, also one that begins with a dash' },
      { flags: '--timeout <duration>', description: 'stop the agent after this time (default: as before)' },
      { flags: '-d, --detach', description: 'do not watch' },
      JSON_OPTION,
    ],
    examples: [
      ['phasr resume 3', 'after an interruption'],
      ['phasr resume 3 "also update the docs"', 'go on with more'],
    ],
    load: async () => (await import('./commands/resume.ts')).resume,
  },
  {
    name: 'merge',
    arguments: '[task...]',
    summary: 'put the work of tasks into their target branch, then remove their worktrees and branches',
    details: [
      TASKS_NOTE,
      'The target is the branch you were on when you launched the task. If it is checked out, your files follow; your local edits and untracked files',
      'stay as they are, or the merge is refused by name. A conflict changes nothing and lists its paths. Several tasks are merged in order, up to the',
      'first that cannot be.',
    ].join('\n'),
    options: [
      {
        flags: '-s, --strategy <name>',
        description: 'merge (default; fast-forward where possible), squash, or rebase',
      },
      { flags: '--into <branch>', description: "another local branch than the task's own target" },
      JSON_OPTION,
    ],
    examples: [
      ['phasr merge 2', 'bring it into your branch'],
      ['phasr merge 2-4 --strategy squash', 'one commit for each task'],
    ],
    load: async () => (await import('./commands/merge.ts')).merge,
  },
  {
    name: 'discard',
    arguments: '[task...]',
    summary: 'give tasks up and remove their worktrees and branches; their work is kept in a ref',
    details: `${TASKS_NOTE}\nEverything the task held, untracked and ignored files too, stays in refs/phasr/trash/<id> (rebuildable folders such as node_modules excepted).`,
    options: [JSON_OPTION],
    examples: [['phasr discard 3', 'and with git branch back-again refs/phasr/trash/3 it is back']],
    load: async () => (await import('./commands/discard.ts')).discard,
  },
  {
    name: 'agents',
    arguments: '',
    summary: 'show known agent programs, whether they are here, and how to call them',
    details: 'Any other command works as well.',
    options: [JSON_OPTION],
    examples: [['phasr agents', 'which can I use?']],
    load: async () => (await import('./commands/agents.ts')).agents,
  },
];
