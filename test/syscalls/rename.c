/* rename(2) renameat2(2) link(2) symlink(2) readlink(2) unlink(2) mkdir(2) rmdir(2) getdents(2) chdir(2) getcwd(2) */
#include "check.h"
#include <dirent.h>

static int entries(const char *path) {
  DIR *dir = opendir(path);
  int count = 0;
  if (!dir) return -1;
  while (readdir(dir)) count++;
  closedir(dir);
  return count;
}

int main(void) {
  own_directory();
  close(creat("a", 0644));
  close(creat("b", 0644));
  struct stat a, b;
  stat("a", &a);
  equal(rename("a", "b"), 0);
  stat("b", &b);
  equal(a.st_ino, b.st_ino);
  fails(rename("a", "c"), ENOENT);
  mkdir("d", 0755);
  mkdir("d/e", 0755);
  fails(rename("d", "d/e/f"), EINVAL);
  fails(rename("b", "d"), EISDIR);
  fails(rename("d", "b"), ENOTDIR);
  mkdir("empty", 0755);
  fails(rename("empty", "d"), ENOTEMPTY);
  equal(rename("d", "empty"), 0);
  equal(access("empty/e", F_OK), 0);
  close(creat("x", 0644));
  fails(renameat2(AT_FDCWD, "x", AT_FDCWD, "b", RENAME_NOREPLACE), EEXIST);
  stat("x", &a);
  equal(renameat2(AT_FDCWD, "x", AT_FDCWD, "b", RENAME_EXCHANGE), 0);
  stat("b", &b);
  equal(a.st_ino, b.st_ino);
  equal(rename("b", "b"), 0);

  equal(link("b", "hard"), 0);
  stat("hard", &a);
  equal(a.st_nlink, 2);
  equal(rename("b", "hard"), 0);
  equal(access("b", F_OK), 0);
  fails(link("b", "hard"), EEXIST);
  fails(link("empty", "l"), EPERM);
  equal(unlink("hard"), 0);
  fails(unlink("hard"), ENOENT);
  fails(unlink("empty"), EISDIR);
  fails(rmdir("b"), ENOTDIR);
  fails(rmdir("empty"), ENOTEMPTY);
  fails(rmdir("empty/e/."), EINVAL);
  equal(rmdir("empty/e"), 0);
  fails(mkdir("empty", 0755), EEXIST);
  fails(mkdir("no/such", 0755), ENOENT);
  fails(mkdir(BAD, 0755), EFAULT);

  equal(symlink("target/of/it", "sym"), 0);
  char buffer[64];
  equal(readlink("sym", buffer, sizeof buffer), 12);
  equal(readlink("sym", buffer, 3), 3);
  fails(readlink("b", buffer, 3), EINVAL);
  fails(readlink("sym", BAD, 12), EFAULT);
  fails(readlink("sym", buffer, 0), EINVAL);
  fails(symlink("", "emptylink"), ENOENT);
  fails(symlink("x", "sym"), EEXIST);

  for (int i = 0; i < 300; i++) {
    char name[40];
    sprintf(name, "empty/some-longer-file-name-%d", i);
    close(creat(name, 0644));
  }
  equal(entries("empty"), 302);
  char raw[256];
  int dir = open("empty", O_RDONLY);
  fails(syscall(SYS_getdents64, dir, raw, 4), EINVAL);
  fails(syscall(SYS_getdents64, dir, BAD, 4096), EFAULT);
  int file = open("b", O_RDONLY);
  fails(syscall(SYS_getdents64, file, raw, sizeof raw), ENOTDIR);
  int total = 0, got;
  while ((got = syscall(SYS_getdents64, dir, raw, sizeof raw)) > 0) {
    for (int at = 0; at < got; at += *(unsigned short *)(raw + at + 16)) total++;
  }
  equal(total, 302);

  char cwd[200];
  check(getcwd(cwd, sizeof cwd) != 0);
  equal(chdir("empty"), 0);
  char below[300];
  check(getcwd(below, sizeof below) && strncmp(cwd, below, strlen(cwd)) == 0 && strcmp(below + strlen(cwd), "/empty") == 0);
  fails(syscall(SYS_getcwd, cwd, 2), ERANGE);
  fails(syscall(SYS_getcwd, BAD, 100), EFAULT);
  equal(chdir(".."), 0);
  fails(chdir("b"), ENOTDIR);
  equal(fchdir(dir), 0);
  equal(chdir(check_dir), 0);
  return done();
}
