/**
 * The C library's memory calls over `node:ffi`. Numbers in, numbers out where the value allows it; host
 * addresses are BigInt. Foreign functions are called here, in `../process.ts` and in
 * `pal/broker/pkcs11.ts`, nowhere else.
 */

// biome-ignore format: a table
export const PROT = { NONE: 0, READ: 1, WRITE: 2 } as const;
const MAP_SHARED = 1,
  MAP_PRIVATE = 2,
  MAP_FIXED = 0x10,
  MAP_ANONYMOUS = 0x20,
  MAP_NORESERVE = 0x4000;
const MADV_DONTNEED = 4;
const FALLOC_PUNCH = 3;
const MFD_CLOEXEC = 1;
const FAILED = 0xffff_ffff_ffff_ffffn;

export interface Libc {
  addressOf(buffer: ArrayBuffer): bigint;
  /** The memory at a host address, not copied. The caller keeps it mapped. */
  view(address: bigint, length: number): ArrayBuffer;
  /** Private zero pages, replacing what is there. */
  mapAnonymous(address: bigint, length: number, prot: number): void;
  /** As fresh from the reservation: nothing may touch it. */
  unmap(address: bigint, length: number): void;
  mapPrivate(address: bigint, length: number, prot: number, fd: number, offset: number): void;
  mapShared(address: bigint, length: number, prot: number, fd: number, offset: number): void;
  /** A shared view of a file anywhere. */
  mapView(fd: number, length: number): bigint;
  unmapView(address: bigint, length: number): void;
  protect(address: bigint, length: number, prot: number): void;
  /** Private pages go back to what they were mapped as. */
  discard(address: bigint, length: number): void;
  /** Negative where it fails. `argument`: a host address. */
  ioctl(fd: number, request: bigint, argument: bigint): number;
  createFile(name: string): number;
  setSize(fd: number, size: number): void;
  punch(fd: number, offset: number, length: number): void;
  close(fd: number): void;
}

/** Loads `node:ffi` without its notice on the terminal: `status` says which back end is in use. */
export function loadFfi(): typeof import('node:ffi') | undefined {
  if (process.platform !== 'linux' || (process.arch !== 'x64' && process.arch !== 'arm64')) return undefined;
  const emitWarning = process.emitWarning;
  process.emitWarning = () => {};
  try {
    return process.getBuiltinModule('node:ffi') as typeof import('node:ffi') | undefined;
  } catch {
    return undefined;
  } finally {
    process.emitWarning = emitWarning;
  }
}

export function openLibc(): Libc | undefined {
  const ffi = loadFfi();
  if (ffi === undefined) return undefined;
  // biome-ignore format: a table
  const { functions: c } = ffi.dlopen(null, {
    mmap:          { return: 'uint64', arguments: ['uint64', 'uint64', 'int32', 'int32', 'int32', 'int64'] },
    munmap:        { return: 'int32',  arguments: ['uint64', 'uint64'] },
    mprotect:      { return: 'int32',  arguments: ['uint64', 'uint64', 'int32'] },
    madvise:       { return: 'int32',  arguments: ['uint64', 'uint64', 'int32'] },
    ioctl:         { return: 'int32',  arguments: ['int32', 'uint64', 'uint64'] },
    memfd_create:  { return: 'int32',  arguments: ['string', 'uint32'] },
    ftruncate:     { return: 'int32',  arguments: ['int32', 'int64'] },
    fallocate:     { return: 'int32',  arguments: ['int32', 'int32', 'int64', 'int64'] },
    close:         { return: 'int32',  arguments: ['int32'] },
  });
  const map = (address: bigint, length: number, prot: number, flags: number, fd: number, offset: number): bigint => {
    const result = c.mmap(address, BigInt(length), prot, flags, fd, BigInt(offset));
    if (result === FAILED) throw new RangeError('the host cannot map more memory (vm.max_map_count, or out of memory)');
    return result;
  };
  const check = (result: number, what: string): void => {
    if (result < 0) throw new RangeError(`${what} failed: the host has no memory left, or vm.max_map_count is reached`);
  };
  return {
    addressOf: (buffer) => ffi.getRawPointer(buffer),
    view: (address, length) => ffi.toArrayBuffer(address, length, false),
    mapAnonymous: (address, length, prot) => {
      map(address, length, prot, MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    },
    unmap: (address, length) => {
      map(address, length, PROT.NONE, MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    },
    mapPrivate: (address, length, prot, fd, offset) => {
      map(address, length, prot, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, fd, offset);
    },
    mapShared: (address, length, prot, fd, offset) => {
      map(address, length, prot, MAP_SHARED | MAP_FIXED, fd, offset);
    },
    mapView: (fd, length) => map(0n, length, PROT.READ | PROT.WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0),
    unmapView: (address, length) => check(c.munmap(address, BigInt(length)), 'munmap'),
    protect: (address, length, prot) => check(c.mprotect(address, BigInt(length), prot), 'mprotect'),
    discard: (address, length) => check(c.madvise(address, BigInt(length), MADV_DONTNEED), 'madvise'),
    ioctl: (fd, request, argument) => c.ioctl(fd, request, argument),
    createFile: (name) => {
      const fd = c.memfd_create(name, MFD_CLOEXEC);
      check(fd, 'memfd_create');
      return fd;
    },
    setSize: (fd, size) => check(c.ftruncate(fd, BigInt(size)), 'ftruncate'),
    punch: (fd, offset, length) => check(c.fallocate(fd, FALLOC_PUNCH, BigInt(offset), BigInt(length)), 'fallocate'),
    close: (fd) => {
      c.close(fd);
    },
  };
}
