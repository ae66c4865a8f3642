/* link(2) symlink(2) readlink(2) unlink(2) rmdir(2) mknod(2) getdents(2) chdir(2) statfs(2): names */
#include "check.h"
#include <dirent.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

static struct stat st;
static int links(const char *path) { return stat(path, &st) == 0 ? (int)st.st_nlink : -1; }

int main(void) {
  char dir[] = "link-XXXXXX", text[PATH_MAX + 1], here[PATH_MAX];
  check(mkdtemp(dir) != 0);
  chdir(dir);
  int fd = open("a", O_CREAT | O_RDWR, 0644);
  write(fd, "data", 4);

  equal(link("a", "b"), 0);
  equal(links("a"), 2);
  fails(link("a", "b"), EEXIST);
  fails(link("none", "c"), ENOENT);
  mkdir("d", 0755);
  fails(link("d", "e"), EPERM);
  fails(link("a", "d"), EEXIST);
  fails(link("a", "a/x"), ENOTDIR);
  symlink("a", "s");
  equal(link("s", "s2"), 0);
  lstat("s2", &st);
  check(S_ISLNK(st.st_mode));
  equal(linkat(AT_FDCWD, "s", AT_FDCWD, "c", AT_SYMLINK_FOLLOW), 0);
  equal(links("c"), 3);
  fails(linkat(AT_FDCWD, "a", AT_FDCWD, "x", 0x80), EINVAL);

  equal(readlink("s", text, sizeof text), 1);
  equal(readlink("s", text, 1), 1);
  fails(readlink("s", text, 0), EINVAL);
  fails(readlink("a", text, sizeof text), EINVAL);
  fails(readlink("none", text, sizeof text), ENOENT);
  fails(symlink("", "x"), ENOENT);
  fails(symlink("x", "s"), EEXIST);
  memset(text, 'x', PATH_MAX);
  text[PATH_MAX] = 0;
  fails(open(text, O_RDONLY), ENAMETOOLONG);
  text[256] = 0;
  fails(open(text, O_RDONLY), ENAMETOOLONG);
  fails(open("a/", O_RDONLY), ENOTDIR);
  fails(open(KERNEL, O_RDONLY), EFAULT);

  /* A file without a name gets one. */
  int nameless = open(".", O_TMPFILE | O_RDWR, 0600);
  check(nameless >= 0);
  fstat(nameless, &st);
  equal(st.st_nlink, 0);
  write(nameless, "named", 5);
  char proc[64];
  snprintf(proc, sizeof proc, "/proc/self/fd/%d", nameless);
  equal(linkat(AT_FDCWD, proc, AT_FDCWD, "named", AT_SYMLINK_FOLLOW), 0);
  equal(links("named"), 1);
  equal(st.st_size, 5);
  close(nameless);
  equal(unlink("named"), 0);

  /* Open, unlinked. */
  unlink("b");
  unlink("c");
  equal(links("a"), 1);
  unlink("a");
  fstat(fd, &st);
  equal(st.st_nlink, 0);
  equal(pread(fd, text, 4, 0), 4);
  snprintf(proc, sizeof proc, "/proc/self/fd/%d", fd);
  int n = readlink(proc, text, sizeof text - 1);
  text[n] = 0;
  check(strstr(text, "/a (deleted)") != 0);
  int again = open(proc, O_RDONLY);
  check(again >= 0);
  equal(pread(again, text, 4, 0), 4);
  close(again);
  fails(unlink("a"), ENOENT);
  fails(unlink("d"), EISDIR);
  fails(unlinkat(AT_FDCWD, "d", 0x8000), EINVAL);
  fails(rmdir("s"), ENOTDIR);
  fails(rmdir("."), EINVAL);
  fails(rmdir("d/.."), ENOTEMPTY);
  fails(unlink(""), ENOENT);

  /* Directories without a name. */
  getcwd(here, sizeof here);
  chdir("d");
  rmdir("../d");
  check(getcwd(text, sizeof text) == 0 && errno == ENOENT);
  fails(open("x", O_CREAT | O_RDWR, 0600), ENOENT);
  fails(mkdir("x", 0700), ENOENT);
  equal(chdir(".."), 0);
  check(getcwd(text, sizeof text) != 0 && strcmp(text, here) == 0);
  check(getcwd(text, 2) == 0 && errno == ERANGE);
  fails(chdir("s2"), ENOENT);

  /* Nodes. */
  equal(mkfifo("p", 0640), 0);
  stat("p", &st);
  check(S_ISFIFO(st.st_mode) && (st.st_mode & 07777) == 0640);
  fails(open("p", O_WRONLY | O_NONBLOCK), ENXIO);
  int reader = open("p", O_RDONLY | O_NONBLOCK);
  int writer = open("p", O_WRONLY | O_NONBLOCK);
  check(reader >= 0 && writer >= 0);
  equal(write(writer, "x", 1), 1);
  equal(read(reader, text, 4), 1);
  fails(read(reader, text, 4), EAGAIN);
  close(writer);
  equal(read(reader, text, 4), 0);
  fails(mknod("p", S_IFIFO | 0600, 0), EEXIST);
  fails(mknod("q", S_IFDIR | 0600, 0), EPERM);
  if (geteuid() == 0 && mknod("null", S_IFCHR | 0666, makedev(1, 3)) == 0) {
    stat("null", &st);
    equal(st.st_rdev, makedev(1, 3));
    unlink("null");
  }

  /* Listing. */
  mkdir("many", 0755);
  for (int i = 0; i < 500; i++) {
    snprintf(text, sizeof text, "many/a name that is long enough to need several calls %d", i);
    close(open(text, O_CREAT | O_WRONLY, 0600));
  }
  DIR *d = opendir("many");
  int seen = 0, dots = 0;
  for (struct dirent *e; (e = readdir(d)) != 0;) {
    if (e->d_name[0] == '.') dots += e->d_type == DT_DIR;
    else seen += e->d_type == DT_REG && e->d_ino != 0;
  }
  equal(seen, 500);
  equal(dots, 2);
  rewinddir(d);
  long third = 0;
  for (int i = 0; i < 3; i++) {
    third = telldir(d);
    readdir(d);
  }
  seekdir(d, third);
  char name[256];
  strcpy(name, readdir(d)->d_name);
  seekdir(d, third);
  check(strcmp(name, readdir(d)->d_name) == 0);
  rewinddir(d);
  seen = 0;
  for (struct dirent *e; (e = readdir(d)) != 0;) {
    if (e->d_name[0] != '.') seen += unlinkat(dirfd(d), e->d_name, 0) == 0;
  }
  closedir(d);
  equal(rmdir("many"), 0);
  fails(syscall(SYS_getdents64, fd, text, 1000), ENOTDIR);

  struct statfs fs;
  equal(statfs(".", &fs), 0);
  check(fs.f_bsize > 0 && fs.f_namelen == 255);
  fails(fstatfs(999, &fs), EBADF);
  unlink("p");
  unlink("s");
  unlink("s2");
  chdir("..");
  equal(rmdir(dir), 0);
  return done();
}
