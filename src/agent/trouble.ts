/**
 * What kind of trouble an agent is in, from an HTTP status where it gives one, else from its words. Words are read here and in the readers
 * alone: they are the agent's dialect, and the only thing that some agents give.
 */

import type { Trouble, TroubleKind } from './event.ts';

const MESSAGE_CHARACTERS_MAX = 500;

/** In this order: the first that fits. */
const WORDS: readonly (readonly [RegExp, TroubleKind])[] = [
  [
    /\b429\b|rate.?limit|too many requests|quota|resource.?exhausted|usage limit|credit balance/i,
    'rate-limit',
  ],
  [
    /\b40[13]\b|authenticat|unauthori[sz]ed|api.?key|not logged in|log ?in required|forbidden|invalid.?token/i,
    'authentication',
  ],
  [/\b5\d\d\b|overloaded|high demand|server.?error|internal error|bad gateway|unavailable/i, 'server'],
  [
    /ECONN|ENOTFOUND|ETIMEDOUT|EAI_AGAIN|socket hang up|network|connection|fetch failed|stream disconnected|timed? ?out/i,
    'network',
  ],
  [/\b4\d\d\b|invalid.?(?:request|argument)|bad request/i, 'request'],
];

/** A trouble from what the agent says; the status decides where there is one. */
export function makeTrouble(message: string, status: number | undefined): Trouble {
  const kind = kindOfStatus(status) ?? WORDS.find(([words]) => words.test(message))?.[1] ?? 'unknown';
  return { kind, message: inOneLine(message).slice(0, MESSAGE_CHARACTERS_MAX) };
}

/** What an agent that has not said how it ended printed last on standard error; null when that was nothing. */
export function readLastTrouble(words: string): Trouble | null {
  const message = inOneLine(words).slice(-MESSAGE_CHARACTERS_MAX);
  return message === '' ? null : makeTrouble(message, undefined);
}

function inOneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}

function kindOfStatus(status: number | undefined): TroubleKind | undefined {
  if (status === undefined || status < 400) return undefined;
  if (status === 429) return 'rate-limit';
  if (status === 401 || status === 403) return 'authentication';
  return status >= 500 ? 'server' : 'request';
}
