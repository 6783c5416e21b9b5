/**
 * The transcript of a run: what its agent printed, bounded on disk.
 *
 * The agent writes straight into `output`, so nothing is lost when its supervisor dies. When that file grows over {@link SEGMENT_BYTES_MAX} the supervisor keeps its head (once) and its tail beside it and
 * empties it; the agent goes on appending. A run thus holds at most the first {@link HEAD_BYTES_MAX} and at least the last {@link SEGMENT_BYTES_MAX} bytes that were printed, in at most
 * {@link TRANSCRIPT_BYTES_MAX} bytes on disk (plus what is printed between two looks). A reader sees a line in between that says how much is missing.
 */

import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { readPlainText } from './files.ts';

const MIB = 1024 * 1024;
export const HEAD_BYTES_MAX = 4 * MIB;
export const SEGMENT_BYTES_MAX = 12 * MIB;
/** Head, kept tail, and the file being written. */
export const TRANSCRIPT_BYTES_MAX = HEAD_BYTES_MAX + 2 * SEGMENT_BYTES_MAX;
const BUFFER_BYTES = 64 * 1024;

export type TranscriptLimits = { readonly headBytesMax: number; readonly segmentBytesMax: number };
const LIMITS: TranscriptLimits = { headBytesMax: HEAD_BYTES_MAX, segmentBytesMax: SEGMENT_BYTES_MAX };

/** A stretch of a transcript: bytes of a file, or the mark of what is missing. */
export type TranscriptPart =
  | { readonly kind: 'bytes'; readonly path: string; readonly start: number; readonly end: number }
  | { readonly kind: 'gap'; readonly droppedBytes: number };

function headPath(outputPath: string): string {
  return `${outputPath}.head`;
}
function tailPath(outputPath: string): string {
  return `${outputPath}.tail`;
}
function gapPath(outputPath: string): string {
  return `${outputPath}.gap`;
}

/** Keeps the transcript within its limits; to be called again and again while the agent lives. Cheap when there is nothing to do. */
export function boundTranscript(outputPath: string, limits: TranscriptLimits = LIMITS): void {
  const size = fileSize(outputPath);
  if (size <= limits.segmentBytesMax) return;
  const output = openSync(outputPath, constants.O_RDWR | constants.O_NOFOLLOW);
  try {
    const isFirst = fileSize(headPath(outputPath)) === 0;
    const kept = isFirst ? Math.min(size, limits.headBytesMax) : 0;
    if (isFirst) copyRange(output, { start: 0, end: kept, to: headPath(outputPath) });
    const dropped = readDropped(outputPath) + (isFirst ? 0 : fileSize(tailPath(outputPath)));
    const end = fstatSync(output).size;
    const start = Math.max(kept, end - limits.segmentBytesMax);
    copyRange(output, { start, end, to: tailPath(outputPath) });
    // What is printed between these two calls is missing as well; it is counted.
    const late = fstatSync(output).size - end;
    ftruncateSync(output, 0);
    writeFileSync(gapPath(outputPath), `${dropped + (start - kept) + late}\n`);
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
      writeSync(to, buffer, 0, read);
      at += read;
    }
  } finally {
    closeSync(to);
  }
  renameSync(partial, range.to);
}

/** The stretches that make up a transcript now, in order. */
export function listTranscriptParts(outputPath: string): readonly TranscriptPart[] {
  const part = (path: string): TranscriptPart => ({ kind: 'bytes', path, start: 0, end: fileSize(path) });
  const parts: TranscriptPart[] = [];
  const dropped = readDropped(outputPath);
  if (fileSize(headPath(outputPath)) > 0) parts.push(part(headPath(outputPath)));
  if (dropped > 0) parts.push({ kind: 'gap', droppedBytes: dropped });
  if (fileSize(tailPath(outputPath)) > 0) parts.push(part(tailPath(outputPath)));
  if (fileSize(outputPath) > 0) parts.push(part(outputPath));
  return parts;
}

/** Reads a part piece by piece, so that its size does not matter. */
export function* readPart(part: {
  readonly path: string;
  readonly start: number;
  readonly end: number;
}): Generator<Buffer> {
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
  const size = fileSize(outputPath);
  if (size === 0) return '';
  const chunks = [...readPart({ path: outputPath, start: Math.max(0, size - 4096), end: size })];
  const lines = Buffer.concat(chunks)
    .toString('utf8')
    .split(/[\r\n]+/);
  return lines.findLast((line) => line.trim() !== '') ?? '';
}

/** Bytes printed so far, the dropped ones included. */
export function transcriptBytes(outputPath: string): number {
  return [headPath(outputPath), tailPath(outputPath), outputPath]
    .map(fileSize)
    .reduce((sum, size) => sum + size, readDropped(outputPath));
}

/** The size of the file being written; smaller than before means that it was emptied. */
export function liveBytes(outputPath: string): number {
  return fileSize(outputPath);
}

/** Removes a transcript for good, before a run number is used again. */
export function removeTranscript(outputPath: string): void {
  for (const path of [outputPath, headPath(outputPath), tailPath(outputPath), gapPath(outputPath)])
    rmSync(path, { force: true });
}

function readDropped(outputPath: string): number {
  return Number(readPlainText(gapPath(outputPath)) ?? 0) || 0;
}

function fileSize(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
