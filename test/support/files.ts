/** Every file of a worktree with its bytes, mode or link target; git's own excepted. Names that are not UTF-8 appear as latin1. */

import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';

export function listFiles(root: string, below = ''): Record<string, string> {
  const found: Record<string, string> = {};
  const at = (path: string): Buffer => Buffer.concat([Buffer.from(`${root}/`), Buffer.from(path, 'latin1')]);
  for (const entry of readdirSync(at(below), { encoding: 'buffer' })) {
    const name = entry.toString('latin1');
    if (below === '' && name === '.git') continue;
    const path = below === '' ? name : `${below}/${name}`;
    const stat = lstatSync(at(path));
    if (stat.isDirectory()) Object.assign(found, listFiles(root, path));
    else if (stat.isSymbolicLink()) found[path] = `link ${readlinkSync(at(path))}`;
    else if (!stat.isFile()) found[path] = 'special';
    else
      found[path] = `${(stat.mode & 0o777).toString(8)} ${createHash('sha256')
        .update(readFileSync(at(path)))
        .digest('hex')}`;
  }
  return found;
}
