/** The terminal that this process writes to. */

import { readlinkSync } from 'node:fs';
import { isatty } from 'node:tty';

/** The device of standard error's terminal (`/dev/pts/3`); null when it is none, or where the system does not tell (only Linux does, by `/proc`). */
export function findTerminal(): string | null {
  if (!isatty(2)) return null;
  try {
    const path = readlinkSync('/proc/self/fd/2');
    return path.startsWith('/dev/') ? path : null;
  } catch {
    // Safe to ignore: no such link here, so no bell.
    return null;
  }
}
