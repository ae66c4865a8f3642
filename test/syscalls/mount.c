/* mount(2) umount2(2), as root only */
#include "check.h"
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sched.h>

static int contains(const char *path, const char *text) {
  static char buffer[65536];
  int fd = open(path, O_RDONLY);
  int n = fd < 0 ? 0 : read(fd, buffer, sizeof buffer - 1);
  close(fd);
  buffer[n > 0 ? n : 0] = 0;
  return strstr(buffer, text) != 0;
}

int main(void) {
  char dir[] = "mount-XXXXXX";
  check(mkdtemp(dir) != 0);
  fails(mount("none", "no such place", "tmpfs", 0, 0), ENOENT);
  /* A name space of its own, where there are such: the host keeps its mounts. */
  int may = geteuid() == 0 && (unshare(CLONE_NEWNS) == 0 || errno != EPERM || contains("/proc/version", "cloister"));
  if (may) mount(0, "/", 0, MS_REC | MS_PRIVATE, 0);
  chdir(dir);
  mkdir("a", 0700);
  mkdir("b", 0700);
  if (may && mount("text", "a", "tmpfs", MS_NOSUID, "size=64k,mode=750") == 0) {
    struct stat st, under;
    stat("a", &st);
    stat(".", &under);
    check(st.st_dev != under.st_dev && (st.st_mode & 07777) == 0750);
    struct statfs fs;
    equal(statfs("a", &fs), 0);
    equal(fs.f_type, 0x01021994);
    check(contains("/proc/self/mounts", "/a tmpfs rw,nosuid"));
    fails(mount("text", "a", "no such type", 0, 0), ENODEV);
    fails(mount("text", "a", "tmpfs", 0, "nonsense=1"), EINVAL);
    int file = open("a/file", O_CREAT | O_RDWR, 0600);
    check(file >= 0);
    static char much[70000];
    check(write(file, much, sizeof much) <= 65536);
    fails(write(file, much, sizeof much), ENOSPC);
    fails(rename("a/file", "b/file"), EXDEV);
    fails(umount2("a", 0), EBUSY);
    close(file);
    equal(mount("a", "b", 0, MS_BIND, 0), 0);
    equal(access("b/file", F_OK), 0);
    equal(mount(0, "b", 0, MS_REMOUNT | MS_BIND | MS_RDONLY, 0), 0);
    fails(creat("b/other", 0600), EROFS);
    close(creat("a/other", 0600));
    equal(access("b/other", F_OK), 0);
    fails(rmdir("b"), EBUSY);
    equal(umount2("b", 0), 0);
    fails(access("b/other", F_OK), ENOENT);
    fails(umount2("b", 0), EINVAL);
    fails(umount2("a", 0x100), EINVAL);
    file = open("a/file", O_RDONLY);
    equal(umount2("a", MNT_DETACH), 0);
    equal(lseek(file, 0, SEEK_END) > 0, 1);
    close(file);
    fails(access("a/file", F_OK), ENOENT);
  }
  rmdir("a");
  rmdir("b");
  chdir("..");
  equal(rmdir(dir), 0);
  return done();
}
