/**
 * A name that no other process and no earlier call has used: pid, time and chance. For temporary files and markers; it keeps no secret.
 * Not from `node:crypto`, which takes 4 ms to load.
 */
export function uniqueName(): string {
  const chance = Math.random().toString(36).slice(2, 12);
  return `${process.pid.toString(36)}-${Date.now().toString(36)}-${chance}`;
}

/** Pid, time and chance after a dot, or after `phasr-`; an ending may follow. */
const NAMED = /(?:^phasr-|\.)([0-9a-z]{1,6})-[0-9a-z]{8}-[0-9a-z]{1,10}(?:\.new|\.failed|\.lock)?$/;

/** The pid of the process that has put {@link uniqueName} into a name; undefined for any other name. */
export function findNamer(name: string): number | undefined {
  const pid = NAMED.exec(name)?.[1];
  return pid === undefined ? undefined : Number.parseInt(pid, 36);
}
