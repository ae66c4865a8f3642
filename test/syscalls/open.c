/* open(2) openat(2) creat(2) close(2) */
#include "check.h"

int main(void) {
  own_directory();
  umask(022);
  int fd = open("a", O_CREAT | O_EXCL | O_RDWR, 0666);
  check(fd >= 3);
  struct stat st;
  fstat(fd, &st);
  equal(st.st_mode, S_IFREG | 0644);
  fails(open("a", O_CREAT | O_EXCL | O_RDWR, 0666), EEXIST);
  fails(open("missing", O_RDONLY), ENOENT);
  fails(open("", O_RDONLY), ENOENT);
  fails(open("a/b", O_RDONLY), ENOTDIR);
  fails(open("a", O_RDONLY | O_DIRECTORY), ENOTDIR);
  fails(open(".", O_WRONLY), EISDIR);
  fails(open(BAD, O_RDONLY), EFAULT);
  fails(open(KERNEL, O_RDONLY), EFAULT);
  char name[5000];
  memset(name, 'x', sizeof name);
  name[256] = 0;
  fails(open(name, O_RDONLY), ENAMETOOLONG);
  name[256] = 'x';
  name[4999] = 0;
  fails(open(name, O_RDONLY), ENAMETOOLONG);
  /* A name that runs into an unmapped page. */
  char *page = page_with(PROT_READ | PROT_WRITE);
  memset(page, 'x', 4096);
  fails(open(page + 4090, O_RDONLY), EFAULT);
  strcpy(page + 4094, "a");
  check(open(page + 4094, O_RDONLY) >= 0);

  symlink("a", "link");
  symlink("loop", "loop");
  fails(open("loop", O_RDONLY), ELOOP);
  fails(open("link", O_RDONLY | O_NOFOLLOW), ELOOP);
  check(open("link", O_RDONLY) >= 0);
  int path = open("link", O_PATH | O_NOFOLLOW);
  check(path >= 0);
  fstat(path, &st);
  check(S_ISLNK(st.st_mode));
  char c;
  fails(read(path, &c, 1), EBADF);

  write(fd, "content", 7);
  int again = open("a", O_RDWR | O_TRUNC);
  fstat(again, &st);
  equal(st.st_size, 0);
  mkdir("dir", 0755);
  int dir = open("dir", O_RDONLY | O_DIRECTORY);
  int inner = openat(dir, "inner", O_CREAT | O_WRONLY, 0600);
  check(inner >= 0);
  equal(access("dir/inner", F_OK), 0);
  fails(openat(inner, "x", O_RDONLY), ENOTDIR);
  fails(openat(-5, "x", O_RDONLY), EBADF);
  fails(openat(AT_FDCWD, "dir/", O_CREAT | O_WRONLY, 0600), EISDIR);
  int cloexec = open("a", O_RDONLY | O_CLOEXEC);
  equal(fcntl(cloexec, F_GETFD), FD_CLOEXEC);
  equal(close(cloexec), 0);
  fails(close(cloexec), EBADF);
  fails(close(-1), EBADF);
  int lowest = open("a", O_RDONLY);
  equal(lowest, cloexec);
  equal(fcntl(lowest, F_GETFL) & O_ACCMODE, O_RDONLY);
  unlink("a");
  equal(pwrite(fd, "gone but open", 13, 0), 13);
  fstat(fd, &st);
  equal(st.st_nlink, 0);
  int anonymous = open(".", O_TMPFILE | O_RDWR, 0600);
  check(anonymous >= 0 || errno == EOPNOTSUPP || errno == EISDIR);
  return done();
}
