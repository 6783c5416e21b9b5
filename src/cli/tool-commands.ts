/** The commands around the main ones: a person's own programs in worktrees, and what tells him how things are. */

import type { CommandDeclaration } from './command.ts';
import { JSON_OPTION, TASKS_NOTE } from './declare.ts';

export const TOOL_COMMANDS: readonly CommandDeclaration[] = [
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
    name: 'cost',
    group: 'look',
    arguments: '[task...]',
    summary: 'show what tasks have used: tokens and cost, as their agents report them',
    details: [
      `${TASKS_NOTE} Without any, all open tasks.`,
      '',
      'Numbers are those that the agent itself prints (US dollars; INPUT is without what came from the cache). Where it prints none there is a dash:',
      'nothing is guessed from tokens.',
    ].join('\n'),
    options: [{ flags: '-a, --all', description: 'also tasks that are merged or discarded' }, JSON_OPTION],
    examples: [
      ['phasr cost', 'of what is open'],
      ['phasr cost --all --json | jq .total.costUsd', 'of everything so far'],
    ],
    load: async () => (await import('./commands/cost.ts')).cost,
  },
  {
    name: 'queue',
    group: 'look',
    arguments: '[pause|resume]',
    summary:
      'show which runs go on and which wait, over all your repositories and terminals; pause the line, let it move again',
    details: [
      'At most so many go on at once as phasr run --jobs said last (phasr config). Nothing more is started beside others while too little memory is available',
      '([queue] memory), and after three runs in a row that failed because a quota is used up the line is paused. What runs goes on in a pause.',
    ].join('\n'),
    options: [JSON_OPTION],
    examples: [
      ['phasr queue', 'who is next, and what is it waiting for?'],
      ['phasr queue resume', 'the quota is there again'],
    ],
    load: async () => (await import('./commands/queue.ts')).queue,
  },
  {
    name: 'sync',
    group: 'look',
    arguments: '[task]',
    summary:
      "bring over what a task's agent has made in git: its branch, and by name what else; or give it your newer refs",
    details: [
      'Commits on the task branch come by themselves, whenever somebody looks. Tags, other branches, stashes and settings stay in the private git dir of the',
      'agent; they are listed here and in phasr show, and tags and branches can be taken by name. phasr undo gives them back.',
    ].join('\n'),
    options: [
      { flags: '--tag <name>', description: 'take this tag of the agent', isRepeatable: true },
      { flags: '--branch <name>', description: 'take this branch of the agent', isRepeatable: true },
      {
        flags: '--refresh',
        description:
          'give the task your branches, tags and remotes as they are now; what its agent has changed stays',
      },
      JSON_OPTION,
    ],
    examples: [
      ['phasr sync 3', 'what has its agent made?'],
      ['phasr sync 3 --tag v2', 'its tag v2 is yours, too'],
      ['phasr sync 3 --refresh', 'so that it can rebase onto what you have fetched'],
    ],
    load: async () => (await import('./commands/sync.ts')).sync,
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
      'PHASR_TASK, PHASR_BRANCH, PHASR_BASE and PHASR_WORKTREE set, and runs behind the same walls as the agents (PHASR_SANDBOX=off takes them away).',
      'With several tasks there is a heading for each and a summary on standard error, and the exit code is 1 if one failed.',
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
  {
    name: 'doctor',
    group: 'tools',
    arguments: '',
    summary: 'check this machine and this repository, and say what to do',
    details: [
      'Looks at git, Node, SQLite, agents and their versions, room on the disk, the sandbox, your git identity, hooks, stale locks, and at what dead',
      'processes have left. Outside a repository what needs one is skipped. Without --fix it repairs nothing and writes nothing.',
      '',
      '--fix repairs what can be: locks of dead git commands, a damaged or lost database (its tasks come back from git), worktrees that were moved or',
      'deleted, a moved repository or PHASR_HOME, missing branches and registrations, what dead processes have left half done. Run it in the new place',
      'after a move. What is in the way is put aside and named, never deleted; worktrees that may be on a disk that is not mounted are left alone.',
      '',
      'Exit code 0 when there is no problem, else 1. On systems other than Linux some of it is not verified.',
    ].join('\n'),
    options: [
      { flags: '--fix', description: 'repair what can be repaired, then look' },
      { flags: '--dry-run', description: 'with --fix: say what would be repaired, and change nothing' },
      {
        flags: '--json',
        description: 'print repairs and checks as JSON: check, status (ok, note, problem), message, hint',
      },
    ],
    examples: [
      ['phasr doctor', 'is everything ready?'],
      ['phasr doctor --fix --dry-run', 'what would be repaired?'],
      ['phasr doctor --fix', 'after a crash, a move, or a hand in the wrong place'],
      ['phasr doctor --json | jq -r \'.findings[] | select(.status == "problem").hint\'', 'in a script'],
    ],
    load: async () => (await import('./commands/doctor.ts')).doctor,
  },
  {
    name: 'completion',
    group: 'tools',
    arguments: '[shell]',
    summary: 'print the script that lets your shell complete tasks and options',
    details: [
      'Tasks are completed with their state and title, branches, strategies and options by name. Where the script belongs:',
      '',
      '  bash        phasr completion bash > ~/.local/share/bash-completion/completions/phasr',
      '              or, without the package bash-completion, in ~/.bashrc:',
      '              source <(phasr completion bash)',
      '  zsh         phasr completion zsh > "${fpath[1]}/_phasr"',
      '              or, in ~/.zshrc after compinit:',
      '              source <(phasr completion zsh)',
      '  fish        phasr completion fish > ~/.config/fish/completions/phasr.fish',
      '  powershell  phasr completion powershell >> $PROFILE     (not verified)',
      '',
      'Then start a new shell. Asking at every TAB takes about as long as phasr list and changes nothing.',
    ].join('\n'),
    options: [JSON_OPTION],
    examples: [
      ['source <(phasr completion bash)', 'in this shell, at once'],
      ['phasr completion fish > ~/.config/fish/completions/phasr.fish', 'for good'],
    ],
    load: async () => (await import('./commands/completion.ts')).completion,
  },
];
