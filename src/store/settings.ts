/**
 * The settings in force: those of the repository over those of the user over what Phasr does by itself, key by key.
 *
 * Without a file nothing is loaded and nothing parsed.
 */

import { dirname, isAbsolute, resolve, sep } from 'node:path';
import { type FileContent, readForeignFile } from './files.ts';
import { repositorySettingsPath } from './paths.ts';
import { faulty } from './settings/document.ts';
import { invalidFile } from './settings/invalid.ts';
import type {
  CustomAgentDeclaration,
  PermissionName,
  SettingsFile,
  SettingsValues,
} from './settings/values.ts';

export type { CustomAgentDeclaration, SettingsFile } from './settings/values.ts';

/** Where a value comes from. */
export type Origin = 'default' | 'user' | 'repository';

export type Setting<Value> = { readonly value: Value; readonly origin: Origin };

/** All values that hold, and where each comes from. Null where nothing is set and nothing is the default. */
export type Settings = {
  readonly agent: Setting<string | null>;
  readonly model: Setting<string | null>;
  readonly permission: Setting<PermissionName>;
  readonly jobs: Setting<number | null>;
  readonly timeoutMs: Setting<number | null>;
  readonly disk: { readonly floorBytes: Setting<number> };
  readonly limits: {
    readonly noProgressMs: Setting<number>;
    readonly retriesMs: Setting<number>;
    /** Of all processes of a run together; null: none. */
    readonly memoryBytes: Setting<number | null>;
    readonly processes: Setting<number | null>;
    /** What a run may add to its worktree and its private git dir; null: no limit. */
    readonly diskBytes: Setting<number | null>;
  };
  readonly notify: {
    readonly bell: Setting<boolean>;
    readonly desktop: Setting<boolean>;
    readonly command: Setting<readonly string[] | null>;
  };
  readonly open: { readonly editor: Setting<readonly string[] | null> };
  /** How long what was removed is kept; 0: for ever. */
  readonly trashDays: Setting<number>;
  /** How often, at most, a working agent's worktree is kept in a snapshot. */
  readonly snapshotEveryMs: Setting<number>;
  readonly queue: {
    /** Nothing more is started beside others while less than this is available. */
    readonly memoryFloorBytes: Setting<number>;
    /** Nothing more is started beside others while the load of a minute is higher than this for each core; 0: whatever it is. */
    readonly loadMax: Setting<number>;
  };
  readonly isolation: {
    /** `auto`: walls where the machine has them. */
    readonly sandbox: Setting<'auto' | 'off' | 'strict'>;
    /** What an agent in a strict sandbox may change besides its own. */
    readonly write: Setting<readonly string[]>;
    /** What an agent behind walls does not see. Null: where people keep keys and passwords in a strict sandbox, nothing in a light one. */
    readonly hide: Setting<readonly string[] | null>;
    /** Whether an agent in a strict sandbox has a network, or which hosts it reaches. */
    readonly network: Setting<boolean | readonly string[]>;
    /** What comes of a change outside a run's own place. */
    readonly detection: Setting<'block' | 'show' | 'off'>;
    /** Which of the person's variables an agent gets besides the basic ones and its own. Null: all, but none besides in a strict sandbox. */
    readonly env: Setting<'all' | readonly string[] | null>;
    /** Variables whose values are taken out of transcripts and records. */
    readonly secrets: Setting<readonly string[]>;
  };
  /** A declaration of the repository takes the place of the user's of the same name as a whole: the one's variables are not the other's. */
  readonly agents: readonly (CustomAgentDeclaration & { readonly origin: Origin })[];
  /** The files that were looked for; the later one has the last word. */
  readonly files: readonly SettingsFile[];
};

export type SettingsPlaces = {
  /** The user's file; absolute. */
  readonly userFile: string;
  /**
   * Top of the worktree that the user himself stands in; null in a bare repository, outside any, and in a task's worktree: what an agent
   * writes has no say before it is merged.
   */
  readonly worktreeRoot: string | null;
  /** To write `~` for it. */
  readonly home: string;
};

/** What a database, a commit and a small checkout need; a full disk also stops every other program. */
export const DISK_FLOOR_BYTES = 500_000_000;

/** Less than this for all programs, and the system begins to end some. */
const MEMORY_FLOOR_BYTES = 500_000_000;

const MINUTE_MS = 60_000;
const FILE_BYTES_MAX = 256 * 1024;

/** Reads both files, if they are there. Throws `settings-invalid` for the first that has problems. */
export async function readSettings(places: SettingsPlaces): Promise<Settings> {
  const user = await readFile(places.userFile, { origin: 'user', places });
  const repository =
    places.worktreeRoot === null
      ? null
      : await readFile(repositorySettingsPath(places.worktreeRoot), { origin: 'repository', places });
  return resolveSettings([user, ...(repository === null ? [] : [repository])]);
}

type Layer = { readonly file: SettingsFile; readonly values: SettingsValues | null };

async function readFile(
  path: string,
  { origin, places }: { readonly origin: SettingsFile['origin']; readonly places: SettingsPlaces },
): Promise<Layer> {
  const isUsers = origin === 'user';
  const ownFile = withTilde(places.userFile, places.home);
  // People keep their own settings elsewhere and link to them. A link in a repository could name anything.
  const content: FileContent =
    path === '/dev/null'
      ? { kind: 'missing' }
      : readForeignFile(path, { bytesMax: FILE_BYTES_MAX, followsLinks: isUsers });
  const file: SettingsFile = { origin, path, exists: content.kind !== 'missing' };
  if (content.kind === 'missing') return { file, values: null };
  const parsed =
    content.kind === 'unusable'
      ? faulty(content.reason)
      : (await import('./settings/settings-file.ts')).parseSettingsFile(content.bytes, { origin, ownFile });
  if ('problems' in parsed) {
    const label = isUsers ? ownFile : 'phasr.toml';
    throw invalidFile('settings-invalid', { label, path }, parsed.problems);
  }
  return { file, values: placeCommands(parsed.values, dirname(path)) };
}

/** A path with `~` for the user's home. */
export function withTilde(path: string, home: string): string {
  return path.startsWith(home + sep) ? `~${path.slice(home.length)}` : path;
}

/** A program named by a relative path is meant from where the file is; a name alone is looked for in PATH, later. */
function placeCommands(values: SettingsValues, directory: string): SettingsValues {
  const place = (command: readonly string[]): readonly string[] =>
    command.map((word, index) =>
      index === 0 && word.includes('/') && !isAbsolute(word) ? resolve(directory, word) : word,
    );
  const { notifyCommand, editor, agents } = values;
  return {
    ...values,
    notifyCommand: notifyCommand && place(notifyCommand),
    editor: editor && place(editor),
    agents: agents.map((agent) => ({
      ...agent,
      command: place(agent.command),
      resume: agent.resume && place(agent.resume),
    })),
  };
}

function resolveSettings(layers: readonly Layer[]): Settings {
  const pick = <Value>(
    read: (values: SettingsValues) => Value | undefined,
    fallback: NoInfer<Value>,
  ): Setting<Value> => {
    let picked: Setting<Value> = { value: fallback, origin: 'default' };
    for (const { file, values } of layers) {
      const value = values === null ? undefined : read(values);
      if (value !== undefined) picked = { value, origin: file.origin };
    }
    return picked;
  };
  const agents = new Map<string, Settings['agents'][number]>();
  for (const { file, values } of layers)
    for (const agent of values?.agents ?? []) agents.set(agent.name, { ...agent, origin: file.origin });
  return {
    agent: pick<string | null>(({ agent }) => agent, null),
    model: pick<string | null>(({ model }) => model, null),
    permission: pick<PermissionName>(({ permission }) => permission, 'edit'),
    jobs: pick<number | null>(({ jobs }) => jobs, null),
    timeoutMs: pick<number | null>(({ timeoutMs }) => timeoutMs, null),
    disk: { floorBytes: pick(({ floorBytes }) => floorBytes, DISK_FLOOR_BYTES) },
    limits: {
      noProgressMs: pick(({ noProgressMs }) => noProgressMs, 15 * MINUTE_MS),
      retriesMs: pick(({ retriesMs }) => retriesMs, 5 * MINUTE_MS),
      // "0" is none, as everywhere.
      memoryBytes: pick<number | null>(({ memoryBytes }) => memoryBytes || undefined, null),
      processes: pick<number | null>(({ processes }) => processes, null),
      diskBytes: pick<number | null>(({ diskBytes }) => diskBytes, null),
    },
    notify: {
      bell: pick(({ bell }) => bell, true),
      desktop: pick(({ desktop }) => desktop, true),
      command: pick<readonly string[] | null>(({ notifyCommand }) => notifyCommand, null),
    },
    open: { editor: pick<readonly string[] | null>(({ editor }) => editor, null) },
    snapshotEveryMs: pick(({ snapshotEveryMs }) => snapshotEveryMs, MINUTE_MS),
    trashDays: pick(({ trashDays }) => trashDays, 30),
    queue: {
      memoryFloorBytes: pick(({ memoryFloorBytes }) => memoryFloorBytes, MEMORY_FLOOR_BYTES),
      loadMax: pick(({ loadMax }) => loadMax, 0),
    },
    isolation: {
      sandbox: pick<'auto' | 'off' | 'strict'>(({ sandbox }) => sandbox, 'auto'),
      write: pick<readonly string[]>(({ sandboxWrite }) => sandboxWrite, []),
      hide: pick<readonly string[] | null>(({ sandboxHide }) => sandboxHide, null),
      network: pick<boolean | readonly string[]>(({ sandboxNetwork }) => sandboxNetwork, false),
      detection: pick<'block' | 'show' | 'off'>(({ detection }) => detection, 'block'),
      env: pick<'all' | readonly string[] | null>(({ allowedVariables }) => allowedVariables, null),
      secrets: pick<readonly string[]>(({ secretVariables }) => secretVariables, []),
    },
    agents: [...agents.values()],
    files: layers.map(({ file }) => file),
  };
}
