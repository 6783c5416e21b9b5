/** What all groups of measurements have in common. */

/** @import { Measured } from './report.mjs' */
/** @import { World } from './world.mjs' */

/**
 * @typedef {object} Bench
 * @property {World} world
 * @property {number} rounds
 * @property {(name: string) => boolean} wants Whether a measurement was asked for.
 * @property {(measured: Measured) => void} report
 */

/** From this number of files on, the limits for large repositories hold. */
export const LARGE_FILES = 50_000;
