/** The settings file that `phasr init` writes: every key, explained, with its default. */

import type { SettingsFile } from './values.ts';

/** What a new file is made for. `agent` is the one to take when none is named; null when none was found. */
export type TemplateRequest = { readonly origin: SettingsFile['origin']; readonly agent: string | null };

const MACHINE_LIMITS = [
  '# How much memory, and how many processes, all that a run has started may have together.',
  '# memory = "8GB"',
  '# processes = 500',
  '# How much a run may add to its worktree.',
  '# disk = "5GB"',
];

const ISOLATION = [
  '[queue]',
  '# Start nothing beside others while less memory than this is available, or the load of a minute is higher than this for each core.',
  '# memory = "500MB"',
  '# load = 4',
  '',
  '[isolation]',
  '# Walls around agents: "auto" where the machine has them, "off", or "strict": everything read-only but its own worktree.',
  '# sandbox = "auto"',
  '# What an agent in a strict sandbox may change besides, and whether it has a network: false, true, or a list of hosts.',
  '# write = ["~/.cache"]',
  '# network = false',
  '# What an agent behind walls does not see. Default: where keys and passwords are kept, in a strict sandbox; nothing in "auto".',
  '# hide = ["~/.ssh", "~/.aws"]',
  '# What comes of a change outside its own place: "block" the merge until you have looked, "show", or "off".',
  '# detection = "block"',
  '# Which of your variables agents get besides the basic ones and their own: "all", or a list. Default: all; none in a strict sandbox.',
  '# env = ["DATABASE_URL"]',
  '# Variables whose values are taken out of transcripts and records.',
  '# secrets = ["GITHUB_TOKEN", "*_API_KEY"]',
  '',
];

/** The text of a new settings file. It says the agent; everything else in it is a comment. */
export function renderSettingsTemplate({ origin, agent }: TemplateRequest): string {
  const isUsers = origin === 'user';
  const parts = [
    isUsers
      ? "# Phasr's settings for all your repositories. A repository's own phasr.toml goes before them."
      : "# Phasr's settings for this repository. They go before each person's own: phasr config shows what holds.",
    '# Lines that begin with # are comments: they show the defaults, or an example.',
    '',
    '# The agent of: phasr run "what to do"   (phasr agents shows which there are)',
    agent === null ? '# agent = "claude"' : `agent = "${agent}"`,
    '',
    '# Its model, in its own words; left away it is the choice of the agent.',
    '# model = "opus"',
    '',
    '# What it may do without asking: "edit" files and run commands in its worktree, "ask" for everything of note,',
    '# "plan" and change nothing, "yolo" for everything.',
    '# permission = "edit"',
    '',
    '# Stop a run after this time (s, m, h). There is no limit by default.',
    '# timeout = "2h"',
    '',
    ...(isUsers
      ? [
          '# How many tasks may run at once, in all your terminals. By default as many as the memory allows, up to five.',
          '# jobs = 4',
          '',
          '[disk]',
          '# Start nothing when less than this is free.',
          '# floor = "500MB"',
          '',
        ]
      : []),
    '[limits]',
    '# How long an agent may go without any progress.',
    '# no_progress = "15m"',
    '# How long it may go on asking its model in vain.',
    '# retries = "5m"',
    ...(isUsers ? MACHINE_LIMITS : []),
    '',
    '[notify]',
    "# Ring the terminal's bell when a task wants you.",
    '# bell = true',
    '# Show a notification on the desktop.',
    '# desktop = true',
    ...(isUsers ? ['# Start a program of yours.', '# command = ["notify-me", "phasr"]'] : []),
    '',
    ...(isUsers
      ? [
          '[snapshots]',
          "# How often, at most, a working agent's worktree is kept in a snapshot (phasr history).",
          '# every = "1m"',
          '',
          '[trash]',
          '# How many days discarded and merged work stays restorable; 0 for ever.',
          '# days = 30',
          '',
        ]
      : []),
    ...(isUsers ? ISOLATION : []),
    ...(isUsers ? ['[open]', '# What opens a worktree.', '# editor = ["code", "-n"]', ''] : []),
    '# An agent of your own, for: phasr run --agent mine "what to do"',
    '# [agents.mine]',
    '# command = ["./my-agent.sh", "{prompt}"]',
  ];
  return `${parts.join('\n')}\n`;
}
