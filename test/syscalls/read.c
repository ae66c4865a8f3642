/* read(2) write(2) pread(2) pwrite(2) readv(2) writev(2) lseek(2) */
#include "check.h"
#include <sys/resource.h>
#include <sys/sendfile.h>

/* Ends by a signal. */
static void limited_writes(int limited, int source, int pipe) {
  char buffer[60] = {7};
  struct rlimit limit = {50, 50};
  struct iovec parts[2] = {{buffer, 30}, {buffer + 30, 30}};
  signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &limit);
  equal(writev(limited, parts, 2), 50);
  fails(writev(limited, parts, 2), EFBIG);
  fails(write(limited, buffer, 1), EFBIG);
  equal(write(limited, buffer, 0), 0);
  equal(pwrite(limited, buffer, 20, 40), 10);
  fails(pwrite(limited, buffer, 20, 50), EFBIG);
  equal(pwritev(limited, parts, 2, 10), 40);
  fails(pwritev(limited, parts, 2, 60), EFBIG);
  lseek(limited, 45, SEEK_SET);
  equal(write(limited, buffer, 20), 5);
  lseek(limited, 20, SEEK_SET);
  equal(sendfile(limited, source, 0, 100), 30);
  fails(sendfile(limited, source, 0, 10), EFBIG);
  equal(write(pipe, buffer, 60), 60);
  signal(SIGXFSZ, SIG_DFL);
  write(limited, buffer, 1);
}

int main(void) {
  own_directory();
  char buffer[64];
  int fd = open("file", O_RDWR | O_CREAT | O_EXCL, 0644);
  check(fd >= 0);
  equal(write(fd, "hello world", 11), 11);
  equal(lseek(fd, 0, SEEK_CUR), 11);
  equal(read(fd, buffer, 10), 0);
  equal(lseek(fd, 0, SEEK_SET), 0);
  equal(read(fd, buffer, 5), 5);
  check(memcmp(buffer, "hello", 5) == 0);
  equal(pread(fd, buffer, sizeof buffer, 6), 5);
  check(memcmp(buffer, "world", 5) == 0);
  equal(lseek(fd, 0, SEEK_CUR), 5);
  equal(pwrite(fd, "W", 1, 6), 1);
  equal(lseek(fd, 100, SEEK_END), 111);
  equal(write(fd, "x", 1), 1);
  equal(pread(fd, buffer, 4, 50), 4);
  check(memcmp(buffer, "\0\0\0\0", 4) == 0);
  fails(lseek(fd, -1, SEEK_SET), EINVAL);
  fails(lseek(fd, 0, 77), EINVAL);
  fails(pread(fd, buffer, 1, -1), EINVAL);

  struct iovec parts[3] = {{buffer, 3}, {buffer + 10, 0}, {buffer + 20, 4}};
  equal(lseek(fd, 0, SEEK_SET), 0);
  equal(readv(fd, parts, 3), 7);
  check(memcmp(buffer, "hel", 3) == 0 && memcmp(buffer + 20, "lo W", 4) == 0);
  equal(writev(fd, parts, 3), 7);
  fails(readv(fd, parts, -1), EINVAL);
  fails(readv(fd, parts, IOV_MAX + 1), EINVAL);
  fails(readv(fd, BAD, 1), EFAULT);
  equal(preadv(fd, parts, 3, 0), 7);

  fails(read(fd, BAD, 10), EFAULT);
  lseek(fd, 0, SEEK_SET);
  fails(read(fd, KERNEL, 10), EFAULT);
  char *read_only = page_with(PROT_READ);
  fails(read(fd, read_only, 10), EFAULT);
  fails(write(fd, BAD, 10), EFAULT);
  char *none = page_with(PROT_NONE);
  fails(write(fd, none, 10), EFAULT);
  equal(write(fd, read_only, 8), 8);
  equal(read(fd, BAD, 0), 0);

  /* A buffer that ends in the middle: what fits is transferred. */
  char *page = page_with(PROT_READ | PROT_WRITE);
  lseek(fd, 0, SEEK_SET);
  int got = read(fd, page + 4092, 8);
  check(got == 4 || (got == -1 && errno == EFAULT));

  fails(read(-1, buffer, 1), EBADF);
  fails(read(999, buffer, 1), EBADF);
  int only_write = open("file", O_WRONLY);
  fails(read(only_write, buffer, 1), EBADF);
  int only_read = open("file", O_RDONLY);
  fails(write(only_read, buffer, 1), EBADF);
  int directory = open(".", O_RDONLY);
  fails(read(directory, buffer, 1), EISDIR);

  int append = open("file", O_WRONLY | O_APPEND);
  struct stat st;
  fstat(fd, &st);
  lseek(append, 0, SEEK_SET);
  equal(write(append, "end", 3), 3);
  equal(lseek(append, 0, SEEK_CUR), st.st_size + 3);

  int zero = open("/dev/zero", O_RDWR), null = open("/dev/null", O_RDWR);
  memset(buffer, 1, sizeof buffer);
  equal(read(zero, buffer, 8), 8);
  check(memcmp(buffer, "\0\0\0\0\0\0\0\0", 8) == 0);
  equal(read(null, buffer, 8), 0);
  equal(write(null, buffer, 8), 8);
  int full = open("/dev/full", O_WRONLY);
  fails(write(full, buffer, 1), ENOSPC);
  int pipes[2];
  pipe(pipes);
  fails(lseek(pipes[0], 0, SEEK_SET), ESPIPE);
  fails(pread(pipes[0], buffer, 1, 0), ESPIPE);

  /* RLIMIT_FSIZE cuts every kind of write, and refuses those that begin behind it. */
  int source = open("limited-source", O_RDWR | O_CREAT | O_TRUNC, 0600), limited = open("limited", O_RDWR | O_CREAT | O_TRUNC, 0600);
  ftruncate(source, 100);
  int status = in_child(limited_writes(limited, source, pipes[1]));
  check(WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ);
  equal(lseek(limited, 0, SEEK_END), 50);
  return done();
}
