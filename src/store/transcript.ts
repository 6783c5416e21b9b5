/**
 * The transcript of a run: what its agent printed, bounded on disk.
 *
 * The agent writes straight into `output`, so nothing is lost when its supervisor dies. A run keeps the first {@link HEAD_BYTES_MAX} and the last
 * {@link TAIL_BYTES_MIN} bytes at least; when it holds {@link TRANSCRIPT_BYTES_MAX}, the middle is given back to the file system, in one of two ways:
 *
 * - As a hole in the file, where the system can make one: exact, nothing else changes, positions stay.
 * - Else head and tail are copied beside the file, which is then emptied under the agent's hands; the agent goes on appending. Bytes printed in the very
 *   instant of emptying are lost, and counted only as far as they were seen.
 *
 * Readers see a gap in between that says how much is missing.
 */

import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs';
import { readPlainText, writeWhole } from './files.ts';

const MIB = 1024 * 1024;
export const HEAD_BYTES_MAX = 4 * MIB;
export const TAIL_BYTES_MIN = 12 * MIB;
/** Head, and up to twice the tail before the middle is given back again. */
export const TRANSCRIPT_BYTES_MAX = HEAD_BYTES_MAX + 2 * TAIL_BYTES_MIN;
const BUFFER_BYTES = 64 * 1024;

export type TranscriptLimits = { readonly headBytesMax: number; readonly tailBytesMin: number };
const LIMITS: TranscriptLimits = { headBytesMax: HEAD_BYTES_MAX, tailBytesMin: TAIL_BYTES_MIN };

/** A stretch of a transcript: bytes of a file, or the mark of what is missing. */
export type TranscriptPart =
  | { readonly kind: 'bytes'; readonly path: string; readonly start: number; readonly end: number }
  | { readonly kind: 'gap'; readonly droppedBytes: number };

/** What is missing: a hole in the file itself, or so many bytes between the copies of head and tail. */
type Gap =
  | { readonly kind: 'none' }
  | { readonly kind: 'hole'; readonly start: number; readonly end: number }
  | { readonly kind: 'dropped'; readonly bytes: number };

/** A stretch of the live file that may be given back. */
export type Trim = { readonly start: number; readonly end: number };

/** What to give back now so that the transcript keeps its limits; undefined when it does. Reads two sizes. */
export function planTrim(outputPath: string, limits: TranscriptLimits = LIMITS): Trim | undefined {
  const size = fileSize(outputPath);
  const gap = readGap(outputPath);
  if (gap.kind === 'dropped') return size > limits.tailBytesMin ? { start: 0, end: size } : undefined;
  const start = gap.kind === 'hole' ? gap.end : limits.headBytesMax;
  return size - start > 2 * limits.tailBytesMin ? { start, end: size - limits.tailBytesMin } : undefined;
}

/** Makes readers skip a stretch, before it becomes a hole. Gives how to take that back when no hole could be made. */
export function announceHole(
  outputPath: string,
  { end }: Trim,
  limits: TranscriptLimits = LIMITS,
): () => void {
  const before = readPlainText(gapPath(outputPath));
  writeWhole(gapPath(outputPath), `hole ${limits.headBytesMax} ${end}\n`);
  return () => writeWhole(gapPath(outputPath), before ?? 'none\n');
}

/** True when a transcript's middle was already dropped by emptying; a hole is then no longer tried. */
export function isEmptied(outputPath: string): boolean {
  return readGap(outputPath).kind === 'dropped';
}

/** Keeps head and tail beside the live file and empties it. For file systems without holes. */
export function emptyTranscript(outputPath: string, limits: TranscriptLimits = LIMITS): void {
  const output = openSync(outputPath, constants.O_RDWR | constants.O_NOFOLLOW);
  try {
    const gap = readGap(outputPath);
    const isFirst = gap.kind !== 'dropped';
    const kept = isFirst ? Math.min(fstatSync(output).size, limits.headBytesMax) : 0;
    if (isFirst) copyRange(output, { start: 0, end: kept, to: headPath(outputPath) });
    const dropped = gap.kind === 'dropped' ? gap.bytes + fileSize(tailPath(outputPath)) : 0;
    const end = fstatSync(output).size;
    const start = Math.max(kept, end - limits.tailBytesMin);
    copyRange(output, { start, end, to: tailPath(outputPath) });
    const late = fstatSync(output).size - end;
    ftruncateSync(output, 0);
    writeWhole(gapPath(outputPath), `dropped ${dropped + (start - kept) + late}\n`);
  } finally {
    closeSync(output);
  }
}

function copyRange(
  from: number,
  range: { readonly start: number; readonly end: number; readonly to: string },
): void {
  const partial = `${range.to}.new`;
  const to = openSync(partial, 'w', 0o600);
  try {
    const buffer = Buffer.allocUnsafe(BUFFER_BYTES);
    for (let at = range.start; at < range.end;) {
      const read = readSync(from, buffer, 0, Math.min(buffer.length, range.end - at), at);
      if (read === 0) break;
      for (let written = 0; written < read;) written += writeSync(to, buffer, written, read - written);
      at += read;
    }
    // The only copy, as soon as the live file is emptied.
    fsyncSync(to);
  } finally {
    closeSync(to);
  }
  renameSync(partial, range.to);
}

/** The stretches that make up a transcript now, in order; stretches without bytes are left out. */
export function listTranscriptParts(outputPath: string): readonly TranscriptPart[] {
  const part = (path: string, start: number, end: number): TranscriptPart => ({
    kind: 'bytes',
    path,
    start,
    end,
  });
  const size = fileSize(outputPath);
  const gap = readGap(outputPath);
  const parts = ((): TranscriptPart[] => {
    switch (gap.kind) {
      case 'none':
        return [part(outputPath, 0, size)];
      case 'hole':
        return [
          part(outputPath, 0, gap.start),
          { kind: 'gap', droppedBytes: gap.end - gap.start },
          part(outputPath, gap.end, size),
        ];
      case 'dropped':
        return [
          part(headPath(outputPath), 0, fileSize(headPath(outputPath))),
          { kind: 'gap', droppedBytes: gap.bytes },
          part(tailPath(outputPath), 0, fileSize(tailPath(outputPath))),
          part(outputPath, 0, size),
        ];
    }
  })();
  return parts.filter((piece) => (piece.kind === 'gap' ? piece.droppedBytes > 0 : piece.end > piece.start));
}

/** Reads a part piece by piece, so that its size does not matter. */
export function* readPart(part: {
  readonly path: string;
  readonly start: number;
  readonly end: number;
}): Generator<Buffer> {
  // Before the first byte there may be no file.
  if (part.start >= part.end) return;
  const file = openSync(part.path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    for (let at = part.start; at < part.end;) {
      const buffer = Buffer.allocUnsafe(Math.min(BUFFER_BYTES, part.end - at));
      const read = readSync(file, buffer, 0, buffer.length, at);
      if (read === 0) return;
      yield buffer.subarray(0, read);
      at += read;
    }
  } finally {
    closeSync(file);
  }
}

/** The last line with something in it, from at most the last 4 KiB; for one-line views. */
export function readLastLine(outputPath: string): string {
  const lines = readLastWords(outputPath).split(/[\r\n]+/);
  return lines.findLast((line) => line.trim() !== '') ?? '';
}

/** At most the last 4 KiB, as text; empty when nothing was printed. */
export function readLastWords(outputPath: string): string {
  const size = fileSize(outputPath);
  const chunks = [...readPart({ path: outputPath, start: Math.max(0, size - 4096), end: size })];
  return Buffer.concat(chunks).toString('utf8');
}

/** Bytes printed so far, the missing ones included. */
export function transcriptBytes(outputPath: string): number {
  return listTranscriptParts(outputPath)
    .map((part) => (part.kind === 'gap' ? part.droppedBytes : part.end - part.start))
    .reduce((sum, bytes) => sum + bytes, 0);
}

/** The size of the file being written; smaller than before means that it was emptied. */
export function liveBytes(outputPath: string): number {
  return fileSize(outputPath);
}

/** Where the bytes after the missing ones begin in the live file; what a follower has not read before is gone. */
export function firstLiveByte(outputPath: string): number {
  const gap = readGap(outputPath);
  return gap.kind === 'hole' ? gap.end : 0;
}

function readGap(outputPath: string): Gap {
  const text = readPlainText(gapPath(outputPath)) ?? '';
  const [, start, end] = /^hole (\d+) (\d+)\n$/.exec(text) ?? [];
  if (start !== undefined && end !== undefined)
    return { kind: 'hole', start: Number(start), end: Number(end) };
  const bytes = /^dropped (\d+)\n$/.exec(text)?.[1];
  return bytes === undefined ? { kind: 'none' } : { kind: 'dropped', bytes: Number(bytes) };
}

function headPath(outputPath: string): string {
  return `${outputPath}.head`;
}

function tailPath(outputPath: string): string {
  return `${outputPath}.tail`;
}

function gapPath(outputPath: string): string {
  return `${outputPath}.gap`;
}

function fileSize(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
