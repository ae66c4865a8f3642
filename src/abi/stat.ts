/** File types, modes, struct stat and struct statx (stat(2), statx(2), inode(7)). */

// biome-ignore format: a table
export const
  S_IFMT = 0o170000, S_IFSOCK = 0o140000, S_IFLNK = 0o120000, S_IFREG = 0o100000, S_IFBLK = 0o060000, S_IFDIR = 0o040000, S_IFCHR = 0o020000, S_IFIFO = 0o010000,
  S_ISUID = 0o4000, S_ISGID = 0o2000, S_ISVTX = 0o1000, S_IXGRP = 0o010;

export const isDir = (mode: number): boolean => (mode & S_IFMT) === S_IFDIR;
export const isReg = (mode: number): boolean => (mode & S_IFMT) === S_IFREG;
export const isLnk = (mode: number): boolean => (mode & S_IFMT) === S_IFLNK;
export const isChr = (mode: number): boolean => (mode & S_IFMT) === S_IFCHR;
export const isFifo = (mode: number): boolean => (mode & S_IFMT) === S_IFIFO;
export const isSock = (mode: number): boolean => (mode & S_IFMT) === S_IFSOCK;

export const STAT_BYTES = 144;
export const STATX_BYTES = 256;
export const STATX_BASIC_STATS = 0x7ff, STATX_MNT_ID = 0x1000, STATX_RESERVED = 0x8000_0000;
export const STATX_ATTR_MOUNT_ROOT = 0x2000;

/** Device numbers as user space sees them (makedev(3)). */
export const makedev = (major: number, minor: number): number => ((minor & 0xff) | ((major & 0xfff) << 8)) + (minor >>> 8) * 0x10_0000;
export const major = (dev: number): number => (dev >>> 8) & 0xfff;
export const minor = (dev: number): number => (dev & 0xff) | ((dev >>> 20) << 8);

/** DT_* of struct linux_dirent64: the type bits of the mode. */
export const direntType = (mode: number): number => (mode & S_IFMT) >>> 12;
