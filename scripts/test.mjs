/**
 * `npm test`: the static checks, then the tests. `npm test -- test/merge.test.ts` runs these tests alone:
 * whoever names some wants an answer fast.
 */
import { join } from 'node:path';
import { ensureInstalled, giveUp, run } from './install.mjs';

const args = process.argv.slice(2);
const isSelection = args.some((argument) => !argument.startsWith('-'));

await ensureInstalled().catch(giveUp);
if (!isSelection) {
  const code = await run(process.execPath, [join('scripts', 'check.mjs')]).catch(giveUp);
  if (code !== 0) {
    // Whoever reads only the last line must see that something failed.
    console.log('0 passed, 1 failed');
    process.exit(code);
  }
}
console.log('\n== tests');
// Nothing is printed after it: the last line is the one that counts the tests.
process.exitCode = await run(join('node_modules', '.bin', 'vitest'), ['run', ...args]).catch(giveUp);
