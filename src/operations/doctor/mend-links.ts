/** Mends a task's links, and remembers what each said before. */

import { mendLink, type WrongLink } from '../../git/task-links.ts';
import type { Reversal } from '../../store/repairs.ts';

/** What came of it: how each that was mended is taken back, and which could not be. */
export type MendedLinks = { readonly back: readonly Reversal[]; readonly kept: readonly WrongLink[] };

/** Mends links one by one, each below the real folder that `topOf` gives for it. */
export function mendLinks(links: readonly WrongLink[], topOf: (link: WrongLink) => string): MendedLinks {
  const back: Reversal[] = [];
  const kept: WrongLink[] = [];
  for (const link of links) {
    const top = topOf(link);
    const { path, found, wanted } = link;
    if (mendLink(link, top)) back.push({ kind: 'text', path, top, before: found ?? null, after: wanted });
    else kept.push(link);
  }
  return { back, kept };
}
