/** How many columns a text takes on a terminal, and texts cut or filled to a number of columns. */

/**
 * East Asian wide and fullwidth characters (Unicode 16, UAX #11), without emoji, which a property of their own names. Blocks that are wide but for
 * holes where nothing is assigned are taken whole.
 */
const WIDE =
  /[\u1100-\u115F\u2329\u232A\u2630-\u2637\u268A-\u268F\u2E80-\u303E\u3041-\u3247\u3250-\uA4CF\uA960-\uA97C\uAC00-\uD7A3\uF900-\uFAFF\uFE10-\uFE19\uFE30-\uFE6B\uFF01-\uFF60\uFFE0-\uFFE6\u{16FE0}-\u{18DFF}\u{1AFF0}-\u{1B2FF}\u{1D300}-\u{1D376}\u{1F200}-\u{1F265}\u{20000}-\u{3FFFD}]/u;

/** Marks over or around the character before, joiners, and the second and third part of a Hangul syllable. */
const NARROWEST = /\p{Mn}|\p{Me}|\u200D|\uFE0F|[\u1160-\u11FF\uD7B0-\uD7FB]/u;

/** Shown as a picture two columns wide. */
const EMOJI = /\p{Emoji_Presentation}|\uFE0F/u;

const PLAIN = /^[\u0020-\u007E]*$/;

let segmenter: Intl.Segmenter | undefined;

/** What a person takes for one character: a letter with its marks, an emoji of several parts. */
export function* graphemes(text: string): Generator<string> {
  if (PLAIN.test(text)) {
    yield* text;
    return;
  }
  segmenter ??= new Intl.Segmenter('en', { granularity: 'grapheme' });
  for (const { segment } of segmenter.segment(text)) yield segment;
}

/**
 * The columns of one grapheme. Where terminals differ it is the larger number: a line that is a column short harms nobody, one that is too long
 * breaks the picture.
 */
export function graphemeWidth(grapheme: string): number {
  if (PLAIN.test(grapheme)) return grapheme.length;
  if (EMOJI.test(grapheme)) return 2;
  let width = 0;
  for (const character of grapheme) {
    if (NARROWEST.test(character)) continue;
    width += WIDE.test(character) ? 2 : 1;
  }
  return width;
}

/** The columns of a text without colours, tabs or other control characters. */
export function textWidth(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let width = 0;
  for (const grapheme of graphemes(text)) width += graphemeWidth(grapheme);
  return width;
}

/** Cuts a text without colours at a number of columns, with `…` as the last one. */
export function cutToWidth(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text;
  let cut = '';
  let width = 0;
  for (const grapheme of graphemes(text)) {
    width += graphemeWidth(grapheme);
    if (width > columns - 1) break;
    cut += grapheme;
  }
  return `${cut}…`;
}

/** Fills a text up to a number of columns. */
export function padToWidth(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - textWidth(text)));
}
