/** mount(2) flags, statfs(2) magic numbers and layout. */

// biome-ignore format: a table
export const
  MS_RDONLY = 1, MS_NOSUID = 2, MS_NODEV = 4, MS_NOEXEC = 8, MS_SYNCHRONOUS = 16, MS_REMOUNT = 32, MS_MANDLOCK = 64, MS_DIRSYNC = 128, MS_NOATIME = 1024, MS_NODIRATIME = 2048,
  MS_BIND = 4096, MS_MOVE = 8192, MS_REC = 16384, MS_SILENT = 32768, MS_UNBINDABLE = 1 << 17, MS_PRIVATE = 1 << 18, MS_SLAVE = 1 << 19, MS_SHARED = 1 << 20, MS_RELATIME = 1 << 21, MS_STRICTATIME = 1 << 24,
  MNT_FORCE = 1, MNT_DETACH = 2, MNT_EXPIRE = 4, UMOUNT_NOFOLLOW = 8;

/** f_type of struct statfs. */
// biome-ignore format: a table
export const FS_MAGIC = {
  tmpfs: 0x0102_1994, proc: 0x9fa0, devpts: 0x1cd1, devtmpfs: 0x0102_1994, sysfs: 0x6265_6572, overlay: 0x794c_7630, image: 0xef53, pipefs: 0x5049_5045, sockfs: 0x534f_434b, anon: 0x0904_1934,
} as const;

export const STATFS_BYTES = 120;
