/** Unix sockets have short names (unix(7): 108 bytes); a long path is reached through a descriptor of its directory. */

import { openSync } from 'node:fs';
import { basename, dirname } from 'node:path';

const LONGEST = 100;

export function socketPath(path: string): string {
  if (Buffer.byteLength(path) <= LONGEST) return path;
  // The descriptor stays open for as long as the process needs the name.
  return `/proc/self/fd/${openSync(dirname(path), 'r')}/${basename(path)}`;
}
