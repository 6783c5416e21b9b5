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
    group: 'start',
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
      { flags: '-a, --agent <name>', description: 'a known agent, instead of a command; see: phasr agents' },
      { flags: '-m, --model <name>', description: 'its model, as the agent names it' },
      { flags: '--ask', description: 'the agent keeps its own rules; what it would ask about is refused' },
      { flags: '--plan', description: 'it may look, and plan, but change nothing' },
      {
        flags: '--yolo',
        description: 'it may do everything, unasked (default: edit and run in its worktree)',
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
      ['phasr run "add rate limiting" --agent claude', 'a known agent; see: phasr agents'],
      [
        'phasr run "port it to v2" --base v1.4 --detach -- codex exec -s workspace-write {prompt}',
        'from a tag, in the background',
      ],
    ],
    load: async () => (await import('./commands/run.ts')).run,
  },
  {
    name: 'list',
    group: 'look',
    arguments: '',
    summary: 'show the tasks, their states, and why these are believed',
    details: '',
    options: [{ flags: '-a, --all', description: 'also tasks that are merged or discarded' }, JSON_OPTION],
    examples: [['phasr list', 'what is going on']],
    load: async () => (await import('./commands/list.ts')).list,
  },
  {
    name: 'show',
    group: 'look',
    arguments: '[task]',
    summary: 'show everything about one task',
    details: '',
    options: [JSON_OPTION],
    examples: [['phasr show 3', 'state, branch, worktree, runs, notes']],
    load: async () => (await import('./commands/show.ts')).show,
  },
  {
    name: 'logs',
    group: 'look',
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
    group: 'look',
    arguments: '[task] [path...]',
    summary: 'show what a task has changed: exactly what a merge would bring',
    details:
      'From the base commit to the files as they are now, committed or not. Paths are counted from the top of the worktree.',
    options: [
      { flags: '--stat', description: 'files and numbers of lines only' },
      { flags: '--name-only', description: 'paths only' },
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
    group: 'look',
    arguments: '[task]',
    summary: "print the directory of a task's worktree",
    details: '',
    options: [JSON_OPTION],
    examples: [['cd "$(phasr path 3)"', 'go and look']],
    load: async () => (await import('./commands/path.ts')).path,
  },
  {
    name: 'stop',
    group: 'go on',
    arguments: '[task...]',
    summary: 'end the runs of tasks; what they did is committed',
    details: `${TASKS_NOTE}\nThe agent and everything it started get SIGTERM, and SIGKILL 4 seconds later. A waiting task leaves the line.`,
    options: [JSON_OPTION],
    examples: [['phasr stop 3', 'end one run']],
    load: async () => (await import('./commands/stop.ts')).stop,
  },
  {
    name: 'wait',
    group: 'go on',
    arguments: '[task...]',
    summary: 'wait until tasks have ended and are committed',
    details: `${TASKS_NOTE} Without any, all tasks that are live now.\nExit code 0 when all of them are done, 1 when one failed, was stopped or interrupted, or when the time was up.`,
    options: [{ flags: '--timeout <duration>', description: 'give up waiting after this time' }, JSON_OPTION],
    examples: [['phasr wait 2 3 && phasr merge 2 3', 'in a script']],
    load: async () => (await import('./commands/wait.ts')).wait,
  },
  {
    name: 'resume',
    group: 'go on',
    arguments: '<task> [prompt]',
    summary: 'start the agent again in the same worktree, with the same or another prompt',
    details: '',
    options: [
      { flags: '-p, --prompt <text>', description: 'the prompt, also one that begins with a dash' },
      { flags: '--timeout <duration>', description: 'stop the agent after this time (default: as before)' },
      { flags: '--new-session', description: 'let the agent begin anew, without what it remembers' },
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
    group: 'decide',
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
    group: 'decide',
    arguments: '[task...]',
    summary: 'give tasks up and remove their worktrees and branches; their work is kept in a ref',
    details: `${TASKS_NOTE}\nEverything the task held, untracked and ignored files too, stays in refs/phasr/trash/<id> (rebuildable folders such as node_modules excepted).`,
    options: [JSON_OPTION],
    examples: [['phasr discard 3', 'and with git branch back-again refs/phasr/trash/3 it is back']],
    load: async () => (await import('./commands/discard.ts')).discard,
  },
  {
    name: 'agents',
    group: 'tools',
    arguments: '',
    summary: 'show known agent programs, whether they are here, and how to call them',
    details: 'Any other command works as well.',
    options: [JSON_OPTION],
    examples: [['phasr agents', 'which can I use?']],
    load: async () => (await import('./commands/agents.ts')).agents,
  },
  {
    name: 'send',
    group: 'go on',
    arguments: '<task> [prompt]',
    summary: 'give an agent that has ended a next prompt, in its own session',
    details:
      'The agent remembers what it did before, if it can be gone on with; the worktree is the very one it left.',
    options: [
      { flags: '-p, --prompt <text>', description: 'the prompt, also one that begins with a dash' },
      { flags: '--timeout <duration>', description: 'stop the agent after this time (default: as before)' },
      { flags: '-d, --detach', description: 'do not watch' },
      JSON_OPTION,
    ],
    examples: [['phasr send 3 "also update the docs"', 'go on with more']],
    load: async () => (await import('./commands/send.ts')).send,
  },
  {
    name: 'signal',
    group: 'tools',
    arguments: '<kind> [message...]',
    summary: 'from inside a run: say that it is done, needs input, or how far it has come',
    details: [
      'For agents and scripts that Phasr has started; it speaks for the run that calls it, and is refused anywhere else.',
      'needs-input makes the task `waiting` and notifies you; progress and done take that back. The message is shown with the task.',
    ].join('\n'),
    options: [],
    examples: [
      ['phasr signal needs-input "which database?"', 'in a script'],
      ['phasr signal progress "3 of 10 files"', 'in a script'],
    ],
    load: async () => (await import('./commands/signal.ts')).signal,
  },
  {
    name: 'events',
    group: 'look',
    arguments: '',
    summary: 'print what has happened to tasks, event by event, and what happens',
    details:
      'With --json one document a line; `id` grows, so that a script goes on where it was with --after.',
    options: [
      { flags: '-f, --follow', description: 'go on as events come' },
      { flags: '--after <id>', description: 'only events after this one' },
      JSON_OPTION,
    ],
    examples: [['phasr events --follow --json | jq .type', 'in a script']],
    load: async () => (await import('./commands/events.ts')).events,
  },
  {
    name: 'open',
    group: 'look',
    arguments: '[task]',
    summary: "open a task's worktree in your editor, or in a shell",
    details: [
      'The editor is --editor, else the variable PHASR_EDITOR, else VISUAL or EDITOR, else the first of code, cursor, windsurf, zed, idea, subl,',
      'nvim and vim that is in PATH. An editor with a window is started and left alone; one for the terminal runs here until you leave it.',
      '',
      'A shell (--shell, your SHELL) has PHASR_TASK, PHASR_BRANCH, PHASR_BASE and PHASR_WORKTREE set; leave it with exit. What you commit there is on the',
      "task's branch, as if its agent had done it.",
    ].join('\n'),
    options: [
      {
        flags: '-e, --editor <command>',
        description: 'program and arguments, split into words without a shell',
      },
      { flags: '--shell', description: 'a shell instead of an editor' },
      { flags: '--json', description: 'print path and command as JSON, start nothing' },
    ],
    examples: [
      ['phasr open 3', 'go and look, in your editor'],
      ['phasr open 3 --editor "code --new-window"', 'in this one'],
      ['phasr open 3 --shell', 'try it by hand'],
    ],
    load: async () => (await import('./commands/open.ts')).open,
  },
  {
    name: 'exec',
    group: 'tools',
    arguments: '[task...]',
    rest: '-- <command...>',
    summary: 'run a command of yours in the worktrees of tasks, one after the other',
    details: [
      TASKS_NOTE,
      '',
      'The command gets your terminal, its exit code is that of phasr, and Ctrl-C goes to it. No shell reads it: for one, give sh -c "…". It has',
      'PHASR_TASK, PHASR_BRANCH, PHASR_BASE and PHASR_WORKTREE set. With several tasks there is a heading for each and a summary on standard error,',
      'and the exit code is 1 if one failed.',
    ].join('\n'),
    options: [
      {
        flags: '--json',
        description: "print exit codes and times as JSON; the command's own output goes to standard error",
      },
    ],
    examples: [
      ['phasr exec 3 -- npm test', 'does it work?'],
      ['phasr exec 2-4 -- git log --oneline -3', 'in each of them'],
    ],
    load: async () => (await import('./commands/exec.ts')).exec,
  },
];
