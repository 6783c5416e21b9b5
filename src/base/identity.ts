/** A process that cannot be mistaken for a later one with the same number. */
export type ProcessIdentity = {
  readonly pid: number;
  /** Opaque; equal texts mean the same start (boot and start time). */
  readonly startedAt: string;
};

/** One text for one process, to store and to compare. */
export function identityKey(identity: ProcessIdentity): string {
  return `${identity.pid} ${identity.startedAt}`;
}

/** The reverse of {@link identityKey}; undefined for anything else. */
export function parseIdentityKey(text: string): ProcessIdentity | undefined {
  const match = /^(\d{1,10}) (.+)$/s.exec(text);
  return match?.[2] === undefined ? undefined : { pid: Number(match[1]), startedAt: match[2] };
}
