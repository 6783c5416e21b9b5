/** Output that has no form. */

import type { StreamReader } from './agent.ts';

/** Each line is text; nothing in it says how a run ended. */
export function plainReader(): StreamReader {
  return { read: (line) => [{ kind: 'output', text: line }], finish: () => [] };
}
