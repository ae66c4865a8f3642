/**
 * Where things lie in an address space. A wasm memory is as large as its highest mapped address, so everything is
 * kept low and dense, and nothing is random: the same program has the same addresses every time, which is what lets
 * translated code be made ahead of time.
 */

const MiB = 1024 * 1024;

/** Position-independent executables without a prelinked address, and where non-PIE ones usually lie. */
export const EXECUTABLE_BASE = 4 * MiB;
/** The main stack ends here unless the executable is in its way. */
export const STACK_TOP = 16 * MiB;
/** mmap without an address starts to look here … */
export const MMAP_BASE = 16 * MiB;
/** … and leaves this much for brk(2), which starts here or above a large executable. */
export const HEAP_BASE = 96 * MiB;
export const HEAP_ROOM = 416 * MiB;
/** Position-independent files of an image have fixed places from here … */
export const PRELINK_BASE = HEAP_BASE + HEAP_ROOM;
/** … to here, and mmap without an address keeps out of them. */
export const PRELINK_END = 1536 * MiB;

/** Between the stack and what lies below it. */
export const STACK_GUARD = 64 * 1024;
/** Larger stacks are cut to this, whatever RLIMIT_STACK says: they are mapped whole. */
export const STACK_LIMIT = 256 * MiB;
