/** A directory of the host, in memory. */

import type { HostDirectory } from '../../src/base/host-files.ts';

export function memoryDirectory(): HostDirectory {
  const files = new Map<string, Uint8Array>();
  return {
    open: () => undefined,
    list: () => [...files.keys()],
    load: (name) => files.get(name),
    remove: (name) => void files.delete(name),
    replace: (name, content) => void files.set(name, content.slice()),
    sync() {},
    lock: () => ({ release() {} }),
  };
}
