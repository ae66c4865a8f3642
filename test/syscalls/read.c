/* read(2) write(2) pread(2) pwrite(2) readv(2) writev(2) lseek(2) */
#include "check.h"
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

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

/* A buffer that is not there matters when there is something to put into it. */
static void nowhere(void) {
  char *none = mmap(0, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *outside = (char *)-4096L;
  char buffer[300];
  struct iovec parts[2] = {{none, 10}, {buffer, 10}}, far = {outside, 10};
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = 1};
  int ends[2];
  pipe2(ends, O_NONBLOCK);
  fails(read(ends[0], none, 8), EAGAIN);
  fails(read(ends[0], outside, 8), EFAULT);
  fails(readv(ends[0], parts, 2), EAGAIN);
  fails(readv(ends[0], &far, 1), EFAULT);
  fails(pread(ends[0], none, 8, 0), ESPIPE);
  write(ends[1], "text", 4);
  fails(read(ends[0], none, 8), EFAULT);
  fails(readv(ends[0], parts, 2), EFAULT);
  equal(read(ends[0], buffer, 8), 4);
  close(ends[1]);
  equal(read(ends[0], none, 8), 0);
  socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends);
  fails(read(ends[0], none, 8), EAGAIN);
  fails(recv(ends[0], none, 8, 0), EAGAIN);
  fails(recv(ends[0], outside, 8, 0), EFAULT);
  fails(recv(ends[0], none, 8, MSG_WAITALL), EAGAIN);
  fails(recvmsg(ends[0], &message, 0), EAGAIN);
  write(ends[1], "text", 4);
  fails(read(ends[0], none, 8), EFAULT);
  fails(recv(ends[0], none, 8, 0), EFAULT);
  fails(recvmsg(ends[0], &message, 0), EFAULT);
  equal(read(ends[0], buffer, 8), 4);
  close(ends[1]);
  equal(read(ends[0], none, 8), 0);
  equal(recv(ends[0], none, 8, 0), 0);
  socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends);
  fails(recv(ends[0], none, 8, 0), EAGAIN);
  write(ends[1], "text", 4);
  fails(recv(ends[0], none, 8, 0), EFAULT);
  fails(recv(ends[0], buffer, 8, 0), EAGAIN);
  send(ends[1], "", 0, 0);
  equal(recv(ends[0], none, 8, 0), 0);
  fails(read(socket(AF_INET, SOCK_STREAM, 0), none, 8), ENOTCONN);
  fails(read(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), none, 8), EAGAIN);
  int counter = eventfd(0, EFD_NONBLOCK);
  fails(read(counter, none, 8), EAGAIN);
  fails(read(counter, none, 4), EINVAL);
  eventfd_write(counter, 3);
  fails(read(counter, none, 8), EFAULT);
  fails(read(counter, buffer, 8), EAGAIN);
  int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  fails(read(timer, none, 8), EAGAIN);
  fails(read(timer, none, 4), EINVAL);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  int signals = signalfd(-1, &set, SFD_NONBLOCK);
  fails(read(signals, none, 128), EAGAIN);
  fails(read(signals, none, 4), EINVAL);
  fails(read(inotify_init1(IN_NONBLOCK), none, 300), EAGAIN);
  fails(read(posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK), none, 8), EAGAIN);
  equal(read(open("/dev/null", O_RDONLY), none, 8), 0);
  fails(read(open("/dev/null", O_RDONLY), outside, 8), EFAULT);
  fails(read(open("/dev/zero", O_RDONLY), none, 8), EFAULT);
  fails(read(open("/proc/self/stat", O_RDONLY), none, 8), EFAULT);
  fails(read(open(".", O_RDONLY), none, 8), EISDIR);
  int file = open("/proc/self/exe", O_RDONLY);
  fails(read(file, none, 8), EFAULT);
  fails(pread(file, none, 8, 0), EFAULT);
  equal(pread(file, none, 8, 1L << 40), 0);
  lseek(file, 0, SEEK_END);
  equal(read(file, none, 8), 0);
  lseek(file, 0, SEEK_SET);
  equal(read(file, buffer, 8), 8);
}

/* Of a stream nothing goes into a buffer that ends before what there is; of a message what does not fit is lost. */
static void torn(void) {
  char *end = page_with(PROT_READ | PROT_WRITE) + 4096;
  char buffer[64], good[8];
  for (int kind = 0; kind < 3; kind++) {
    int ends[2];
    if (kind == 0) pipe2(ends, O_NONBLOCK);
    else if (kind == 1) socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends);
    else {
      struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
      socklen_t length = sizeof name;
      int listener = socket(AF_INET, SOCK_STREAM, 0);
      bind(listener, (struct sockaddr *)&name, length);
      getsockname(listener, (struct sockaddr *)&name, &length);
      listen(listener, 1);
      ends[1] = socket(AF_INET, SOCK_STREAM, 0);
      equal(connect(ends[1], (struct sockaddr *)&name, length), 0);
      ends[0] = accept4(listener, 0, 0, SOCK_NONBLOCK);
      close(listener);
    }
    struct iovec parts[2] = {{good, 4}, {BAD, 4}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    fails(readv(ends[0], parts, 2), EAGAIN);
    equal(write(ends[1], "12345678", 8), 8);
    fails(readv(ends[0], parts, 2), EFAULT);
    fails(read(ends[0], end - 4, 8), EFAULT);
    if (kind > 0) {
      fails(recvmsg(ends[0], &message, 0), EFAULT);
      fails(recvmsg(ends[0], &message, MSG_PEEK), EFAULT);
      fails(recv(ends[0], end - 4, 8, 0), EFAULT);
    }
    equal(read(ends[0], buffer, 64), 8);
    /* What fits does not notice. */
    equal(write(ends[1], "1234", 4), 4);
    equal(readv(ends[0], parts, 2), 4);
    equal(write(ends[1], "1234", 4), 4);
    equal(read(ends[0], end - 4, 8), 4);
    if (kind > 0) {
      equal(write(ends[1], "1234", 4), 4);
      equal(recvmsg(ends[0], &message, 0), 4);
      fails(recvmsg(ends[0], &message, 0), EAGAIN);
      parts[0].iov_base = BAD;
      fails(recvmsg(ends[0], &message, 0), EAGAIN);
    }
    close(ends[1]);
    equal(readv(ends[0], parts, 2), 0);
    close(ends[0]);
  }
  int ends[2];
  socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends);
  write(ends[1], "12345678", 8);
  fails(recv(ends[0], end - 4, 8, 0), EFAULT);
  fails(recv(ends[0], buffer, 8, 0), EAGAIN);
  write(ends[1], "1234", 4);
  equal(recv(ends[0], end - 4, 8, 0), 4);
}

/* preadv(2): a negative offset is none, but for -1 of the second version, which is the file's own position. */
static void offsets(int fd) {
  char buffer[4];
  struct iovec one = {buffer, 4};
  fails(preadv(fd, &one, 1, -1), EINVAL);
  fails(pwritev(fd, &one, 1, -1), EINVAL);
  fails(preadv2(fd, &one, 1, -2, 0), EINVAL);
  lseek(fd, 0, SEEK_SET);
  equal(preadv2(fd, &one, 1, -1, 0), 4);
  equal(lseek(fd, 0, SEEK_CUR), 4);
  equal(pwritev2(fd, &one, 1, -1, 0), 4);
  equal(lseek(fd, 0, SEEK_CUR), 8);
}

int main(void) {
  nowhere();
  torn();
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
  int second = open("offsets", O_RDWR | O_CREAT, 0600);
  equal(write(second, "0123456789", 10), 10);
  offsets(second);

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
