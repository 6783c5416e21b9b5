/**
 * Builds `dist/`: the program and its helper as one CommonJS file each, the library as one ES module, types beside it, and the licences of
 * what is bundled. One file, because what users feel is the start: `phasr list` took 85 ms as ES modules in chunks and 66 ms like this.
 */
import { build } from 'esbuild';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const manifest = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));

/** @type {import('esbuild').BuildOptions} */
const COMMON = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node20',
  external: Object.keys(manifest.dependencies),
  legalComments: 'none',
  // The shells' completion scripts are part of the program.
  loader: { '.bash': 'text', '.zsh': 'text', '.fish': 'text', '.ps1': 'text' },
  // Less to read at each start; names stay, for stacks in bug reports.
  minifyWhitespace: true,
  minifySyntax: true,
  metafile: true,
  logLevel: 'warning',
};
const VERSION = { PHASR_VERSION: JSON.stringify(manifest.version) };

/** CommonJS has no `import.meta.url`. */
const programs = {
  ...COMMON,
  entryPoints: { cli: 'src/cli/main.ts', helper: 'src/helper.ts' },
  outdir: 'dist',
  format: 'cjs',
  outExtension: { '.js': '.cjs' },
  define: { ...VERSION, 'import.meta.url': 'phasrFileUrl' },
  banner: { js: "const phasrFileUrl=require('node:url').pathToFileURL(__filename).href;" },
};
const library = {
  ...COMMON,
  entryPoints: { index: 'src/index.ts' },
  outdir: 'dist',
  format: 'esm',
  define: VERSION,
};

rmSync(`${root}dist`, { recursive: true, force: true });
const built = await Promise.all([build(programs), build(library)]).catch(() => {
  // esbuild has said what is wrong, and where.
  process.exit(1);
});
chmodSync(`${root}dist/cli.cjs`, 0o755);

const bundled = new Set();
for (const { metafile } of built) {
  for (const input of Object.keys(metafile.inputs)) {
    const name = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1];
    if (name !== undefined) bundled.add(name);
  }
}
const notices = [...bundled]
  .sort((a, b) => a.localeCompare(b))
  .map((name) => {
    const folder = `${root}node_modules/${name}/`;
    const licence = ['LICENSE', 'license', 'LICENSE.md', 'licence']
      .map((file) => folder + file)
      .find(existsSync);
    if (licence === undefined) throw new Error(`${name} is bundled but has no licence file`);
    const { version } = JSON.parse(readFileSync(`${folder}package.json`, 'utf8'));
    return `${name} ${version}\n\n${readFileSync(licence, 'utf8').trim()}\n`;
  });
writeFileSync(`${root}dist/THIRD-PARTY-LICENCES.txt`, notices.join(`\n${'-'.repeat(72)}\n\n`));

if (!process.argv.includes('--no-types')) {
  const tsc = `${root}node_modules/typescript/bin/tsc`;
  execFileSync(process.execPath, [tsc, '-p', `${root}tsconfig.build.json`], { stdio: 'inherit' });
}
