/** YAML and JSON as documents: plain data only, no tags, no code, bounded in size, depth and repetition. */

import { isAlias, isMap, isScalar, isSeq, Lexer, type Node, parseDocument } from 'yaml';
import {
  type Document,
  type Faulty,
  faulty,
  newOffsets,
  type Offsets,
  type Path,
  positionAt,
  type Problem,
  PROBLEMS_MAX,
} from './document.ts';

/** The parser takes 10 µs for each and more for each nested one; a file of 500 tasks has some 20,000. */
const TOKENS_MAX = 200_000;
const DEPTH_MAX = 32;
/** An alias repeats what it names: a few of them make a file of any size. */
const ALIASES_MAX = 1000;
const VALUES_MAX = 100_000;

/** Reads one YAML 1.2 document. */
export function readYaml(text: string): Document | Faulty {
  const tooLarge = findExcess(text);
  if (tooLarge !== undefined) return tooLarge;
  const parsed = parseDocument(text, {
    version: '1.2',
    schema: 'core',
    merge: false,
    resolveKnownTags: false,
    // Its own check compares each key with each other one.
    uniqueKeys: false,
    prettyErrors: false,
    // At `silent` further documents in the file would be left out without a word.
    logLevel: 'error',
  });
  const wrong = [...parsed.errors, ...parsed.warnings].slice(0, PROBLEMS_MAX);
  if (wrong.length > 0)
    return {
      problems: wrong.map(({ code, message, pos: [offset] }) => ({
        position: positionAt(text, offset),
        key: null,
        message:
          code === 'MULTIPLE_DOCS'
            ? 'a second document begins here; one file is one document'
            : `not valid YAML: ${message}`,
        hint: null,
      })),
    };
  const reading: Reading = {
    text,
    offsets: newOffsets(),
    problems: [],
    anchors: new Map(),
    values: 0,
    aliases: 0,
  };
  const value = readNode(reading, parsed.contents, []);
  if (reading.problems.length > 0) return { problems: reading.problems };
  return { value, locate: (path, part) => positionAt(text, reading.offsets.locate(path, part)) };
}

/** Reads JSON as the standard has it. YAML contains JSON, so its parser knows the positions. */
export function readJson(text: string): Document | Faulty {
  const document = readYaml(text);
  if ('problems' in document)
    return {
      problems: document.problems.map((problem) => ({
        ...problem,
        message: problem.message.replace(/^not valid YAML: /, 'not valid JSON: '),
      })),
    };
  try {
    JSON.parse(text);
    return document;
  } catch {
    // Safe to ignore: that it is no JSON is the answer; its words differ from one version of Node to the next.
    return faulty(
      'not valid JSON, although it is YAML: perhaps a comment, a comma too many, or other quotes than "',
      {
        hint: 'Name it .yaml, or correct it.',
      },
    );
  }
}

/** What would take the parser too long, found by cutting the text into tokens alone. */
function findExcess(text: string): Faulty | undefined {
  let tokens = 0;
  let depth = 0;
  for (const token of new Lexer().lex(text)) {
    if (++tokens > TOKENS_MAX)
      return faulty(`more than ${TOKENS_MAX} words and signs are too many`, {
        hint: 'Put long prompts into files (prompt_file).',
      });
    if (token === '[' || token === '{') depth++;
    if (token === ']' || token === '}') depth--;
    if (depth > DEPTH_MAX) return tooDeep();
  }
  return undefined;
}

function tooDeep(): Faulty {
  return faulty(`more than ${DEPTH_MAX} lists and tables inside each other are too many`);
}

type Reading = {
  readonly text: string;
  readonly offsets: Offsets;
  readonly problems: Problem[];
  /** The parser finds an alias's node by going through the document from its start. */
  readonly anchors: Map<string, Node>;
  values: number;
  aliases: number;
};

function report(reading: Reading, node: Node | null, message: string): undefined {
  const position = positionAt(reading.text, node?.range?.[0] ?? 0);
  if (reading.problems.length < PROBLEMS_MAX)
    reading.problems.push({ position, key: null, message, hint: null });
  return undefined;
}

function readNode(reading: Reading, node: Node | null, path: Path): unknown {
  if (++reading.values > VALUES_MAX) {
    // Said once; then everything is read as nothing.
    if (reading.values === VALUES_MAX + 1)
      report(reading, node, `more than ${VALUES_MAX} values are too many`);
    return undefined;
  }
  if (path.length > DEPTH_MAX) return report(reading, node, tooDeep().problems[0]?.message ?? '');
  if (node === null) return null;
  if (isAlias(node)) {
    if (++reading.aliases > ALIASES_MAX)
      return reading.aliases === ALIASES_MAX + 1
        ? report(reading, node, `more than ${ALIASES_MAX} aliases (*name) are too many`)
        : undefined;
    const target = reading.anchors.get(node.source);
    return target === undefined
      ? report(reading, node, `there is no &${node.source} before this`)
      : readNode(reading, target, path);
  }
  if (node.anchor !== undefined) reading.anchors.set(node.anchor, node);
  if (isMap(node)) return readMap(reading, node.items as readonly Pair[], path);
  if (isSeq(node))
    return node.items.map((item, index) => {
      const offset = (item as Node | null)?.range?.[0] ?? 0;
      reading.offsets.set([...path, index], { key: offset, value: offset });
      return readNode(reading, item as Node | null, [...path, index]);
    });
  return isScalar(node) ? node.value : report(reading, node, 'this is neither text nor a list nor a table');
}

type Pair = { readonly key: Node | null; readonly value: Node | null };

function readMap(reading: Reading, pairs: readonly Pair[], path: Path): Record<string, unknown> {
  const map: Record<string, unknown> = {};
  for (const { key, value } of pairs) {
    if (!isScalar(key) || typeof key.value !== 'string') {
      report(reading, key, 'a key is text; put it in quotes');
      continue;
    }
    const name = key.value;
    if (Object.hasOwn(map, name)) {
      report(reading, key, `${JSON.stringify(name)} is here twice`);
      continue;
    }
    const offset = key.range?.[0] ?? 0;
    reading.offsets.set([...path, name], { key: offset, value: value?.range?.[0] ?? offset });
    const read = readNode(reading, value, [...path, name]);
    // An assignment to `__proto__` would make no property.
    Object.defineProperty(map, name, { value: read, enumerable: true, writable: true, configurable: true });
  }
  return map;
}
