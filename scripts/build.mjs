/** Builds `dist/`: one bundle with shared chunks (start-up is what users feel), types beside it, and the licences of what is bundled. */
import { build } from 'esbuild';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const manifest = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));

rmSync(`${root}dist`, { recursive: true, force: true });
const result = await build({
  absWorkingDir: root,
  entryPoints: { cli: 'src/cli/main.ts', helper: 'src/helper.ts', index: 'src/index.ts' },
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  chunkNames: 'chunk-[hash]',
  external: Object.keys(manifest.dependencies),
  define: { PHASR_VERSION: JSON.stringify(manifest.version) },
  // Bundled CommonJS (commander) asks for `require`.
  banner: {
    js: "import { createRequire as phasrCreateRequire } from 'node:module'; const require = phasrCreateRequire(import.meta.url);",
  },
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
});
chmodSync(`${root}dist/cli.js`, 0o755);

const bundled = new Set();
for (const input of Object.keys(result.metafile.inputs)) {
  const name = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1];
  if (name !== undefined) bundled.add(name);
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
  execFileSync(
    process.execPath,
    [`${root}node_modules/typescript/bin/tsc`, '-p', `${root}tsconfig.build.json`],
    { stdio: 'inherit' },
  );
}
