/**
 * How Phasr fails. Expected outcomes are values and never come through here; bugs are plain errors.
 *
 * Each code has a kind, and each edge maps kinds in one table of its own (the CLI to exit codes).
 */

export type ErrorKind = 'usage' | 'not-found' | 'refused' | 'environment' | 'corrupt';

/** Every code that can reach a person or a script. Codes are stable: scripts may branch on them. */
const KIND_OF_CODE = {
  usage: 'usage',
  'agent-missing': 'usage',
  'prompt-unusable': 'usage',
  'settings-invalid': 'usage',
  'task-file-invalid': 'usage',
  'not-a-repository': 'not-found',
  'base-not-found': 'not-found',
  'branch-not-found': 'not-found',
  'task-not-found': 'not-found',
  'snapshot-not-found': 'not-found',
  'agent-not-found': 'not-found',
  'no-commits': 'refused',
  'inside-a-task': 'refused',
  'branch-name-blocked': 'refused',
  'repository-unsupported': 'refused',
  'no-identity': 'refused',
  'settings-exist': 'refused',
  refused: 'refused',
  'worktree-broken': 'refused',
  'not-in-a-run': 'refused',
  'disk-full': 'refused',
  'git-missing': 'environment',
  'git-too-old': 'environment',
  'git-failed': 'environment',
  'git-timed-out': 'environment',
  'program-missing': 'environment',
  'platform-unsupported': 'environment',
  'storage-failed': 'environment',
  busy: 'environment',
  'repository-unreadable': 'corrupt',
  'database-corrupt': 'corrupt',
  'database-too-new': 'corrupt',
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof KIND_OF_CODE;

/** Facts about a failure, for scripts and reports; plain data only, never secrets. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

/** An operating failure: what happened to what (`message`), and what the person can do (`hint`). */
export class PhasrError extends Error {
  readonly code: ErrorCode;
  readonly hint: string;
  readonly details: ErrorDetails;

  constructor(
    code: ErrorCode,
    message: string,
    more: { hint: string; details?: ErrorDetails; cause?: unknown },
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = 'PhasrError';
    this.code = code;
    this.hint = more.hint;
    this.details = more.details ?? {};
  }

  get kind(): ErrorKind {
    return KIND_OF_CODE[this.code];
  }
}

/** Marks a place that the types say cannot be reached; getting here is a bug in Phasr. */
export function assertNever(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}

/** The system's error code (`ENOENT`, `EEXIST`, …) of whatever was thrown, if it has one. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** What a disk refuses: the system's error code, in words, and what the person can do. */
const STORAGE_FAILURES: ReadonlyMap<string, readonly [string, string]> = new Map([
  ['ENOSPC', ['the disk is full', 'Free some disk space, then try again.']],
  ['EDQUOT', ['the disk quota is used up', 'Free some disk space, then try again.']],
  ['EROFS', ['the file system is read-only', 'Make it writable, then try again.']],
  ['EACCES', ['permission denied', 'Check the permissions of that file and of its folder.']],
  ['EPERM', ['permission denied', 'Check the permissions of that file and of its folder.']],
  ['EIO', ['the disk does not work', 'Check the disk.']],
]);

/** A failure of the disk as a `storage-failed` that names the path; whatever else was thrown is given back as it is. */
export function asStorageFailure(error: unknown): unknown {
  const [what, hint] = STORAGE_FAILURES.get(systemCode(error) ?? '') ?? [];
  if (what === undefined || hint === undefined || !(error instanceof Error)) return error;
  const path = 'path' in error && typeof error.path === 'string' ? error.path : null;
  return new PhasrError('storage-failed', path === null ? what : `${path}: ${what}`, {
    hint,
    details: { path, systemCode: systemCode(error) },
    cause: error,
  });
}
