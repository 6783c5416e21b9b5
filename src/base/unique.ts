/**
 * A name that no other process and no earlier call has used: pid, time and chance. For temporary files and markers; it keeps no secret.
 * Not from `node:crypto`, which takes 4 ms to load.
 */
export function uniqueName(): string {
  const chance = Math.random().toString(36).slice(2, 12);
  return `${process.pid.toString(36)}-${Date.now().toString(36)}-${chance}`;
}
