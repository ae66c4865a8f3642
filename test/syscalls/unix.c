/* unix(7) cmsg(3) recvmsg(2) sendmmsg(2) recvmmsg(2) getsockopt(2) poll(2): names, bounds, what travels beside the bytes, ends */
#include "check.h"
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <stddef.h>

static int pollnow(int fd, short events) {
  struct pollfd p = {fd, events, 0};
  poll(&p, 1, 0);
  return p.revents;
}
static const short ALL = POLLIN | POLLOUT | POLLRDHUP;

static socklen_t name(struct sockaddr_un *a, const char *text, size_t length) {
  memset(a, 0, sizeof *a);
  a->sun_family = AF_UNIX;
  memcpy(a->sun_path, text, length);
  return offsetof(struct sockaddr_un, sun_path) + length;
}

static long send_fds(int s, const char *text, size_t length, const int *fds, int count) {
  char control[CMSG_SPACE(sizeof(int) * 8)] = {0};
  struct iovec part = {(void *)text, length};
  struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(sizeof(int) * count)};
  struct cmsghdr *h = CMSG_FIRSTHDR(&m);
  h->cmsg_level = SOL_SOCKET;
  h->cmsg_type = SCM_RIGHTS;
  h->cmsg_len = CMSG_LEN(sizeof(int) * count);
  memcpy(CMSG_DATA(h), fds, sizeof(int) * count);
  return sendmsg(s, &m, 0);
}

static int got_flags, got_fds[8], got_count;
static size_t got_control;
static long recv_fds(int s, char *buffer, size_t length, size_t room, int flags) {
  char control[CMSG_SPACE(sizeof(int) * 8)] = {0};
  struct iovec part = {buffer, length};
  struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = room ? control : 0, .msg_controllen = room};
  long got = recvmsg(s, &m, flags);
  got_flags = m.msg_flags;
  got_control = m.msg_controllen;
  got_count = 0;
  if (got < 0) return got;
  for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h))
    if (h->cmsg_type == SCM_RIGHTS) {
      got_count = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      memcpy(got_fds, CMSG_DATA(h), got_count * sizeof(int));
    }
  return got;
}

static void rights(void) {
  int s[2], p[2], three[3];
  char buffer[64];
  socketpair(AF_UNIX, SOCK_STREAM, 0, s);
  pipe(p);
  /* A stream read stops after bytes that files came with. */
  equal(write(s[0], "before", 6), 6);
  equal(send_fds(s[0], "with", 4, &p[1], 1), 4);
  equal(write(s[0], "after", 5), 5);
  equal(recv_fds(s[1], buffer, 64, 64, 0), 10);
  equal(got_count, 1);
  equal(write(got_fds[0], "x", 1), 1);
  equal(fcntl(got_fds[0], F_GETFD), 0);
  equal(recv_fds(s[1], buffer, 64, 64, 0), 5);
  equal(got_count, 0);
  equal(got_control, 0);
  /* Close-on-exec, no room, some room. */
  three[0] = three[1] = three[2] = p[0];
  send_fds(s[0], "a", 1, three, 3);
  equal(recv_fds(s[1], buffer, 64, 64, MSG_CMSG_CLOEXEC), 1);
  equal(got_count, 3);
  equal(fcntl(got_fds[2], F_GETFD), FD_CLOEXEC);
  for (int i = 0; i < 3; i++) close(got_fds[i]);
  send_fds(s[0], "b", 1, three, 3);
  equal(recv_fds(s[1], buffer, 64, 0, 0), 1);
  check(got_flags & MSG_CTRUNC);
  send_fds(s[0], "c", 1, three, 3);
  equal(recv_fds(s[1], buffer, 64, CMSG_LEN(sizeof(int) * 2), 0), 1);
  equal(got_count, 2);
  check(got_flags & MSG_CTRUNC);
  for (int i = 0; i < got_count; i++) close(got_fds[i]);
  /* A file in flight stays open; an unread one is closed with the socket. */
  send_fds(s[0], "d", 1, &p[1], 1);
  close(p[1]);
  fcntl(p[0], F_SETFL, O_NONBLOCK);
  read(p[0], buffer, 64);
  fails(read(p[0], buffer, 1), EAGAIN);
  close(s[0]);
  close(s[1]);
  int bad = 99;
  socketpair(AF_UNIX, SOCK_DGRAM, 0, s);
  fails(send_fds(s[0], "e", 1, &bad, 1), EBADF);
  /* Peeking gives the file as well and leaves it there. */
  send_fds(s[0], "f", 1, &p[0], 1);
  equal(recv_fds(s[1], buffer, 64, 64, MSG_PEEK), 1);
  equal(got_count, 1);
  equal(recv_fds(s[1], buffer, 64, 64, 0), 1);
  equal(got_count, 1);
  close(s[0]);
  close(s[1]);
}

static void credentials(void) {
  int s[2], on = 1;
  char buffer[8], control[CMSG_SPACE(sizeof(struct ucred))];
  socketpair(AF_UNIX, SOCK_DGRAM, 0, s);
  equal(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on), 0);
  pid_t child = fork();
  if (child == 0) _exit(write(s[0], "hi", 2) != 2);
  struct iovec part = {buffer, 8};
  struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  equal(recvmsg(s[1], &m, 0), 2);
  struct cmsghdr *h = CMSG_FIRSTHDR(&m);
  check(h && h->cmsg_type == SCM_CREDENTIALS);
  struct ucred c;
  memcpy(&c, CMSG_DATA(h), sizeof c);
  equal(c.pid, child);
  equal(c.uid, geteuid());
  equal(wait_for(child), 0);
  close(s[0]);
  close(s[1]);
}

static void packets(void) {
  int s[2];
  char buffer[64];
  equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, s), 0);
  equal(fcntl(s[0], F_GETFD), FD_CLOEXEC);
  check(fcntl(s[0], F_GETFL) & O_NONBLOCK);
  equal(send(s[0], "hello", 5, 0), 5);
  equal(send(s[0], "world!", 6, 0), 6);
  int pending = 0;
  equal(ioctl(s[1], FIONREAD, &pending), 0);
  equal(pending, 11);
  equal(recv(s[1], buffer, 2, MSG_TRUNC), 5);
  equal(recv_fds(s[1], buffer, 3, 0, 0), 3);
  check(got_flags & MSG_TRUNC);
  fails(recv(s[1], buffer, 64, 0), EAGAIN);
  struct iovec parts[2] = {{"two ", 4}, {"parts", 5}};
  equal(writev(s[0], parts, 2), 9);
  equal(read(s[1], buffer, 64), 9);
  equal(memcmp(buffer, "two parts", 9), 0);
  struct mmsghdr many[3];
  memset(many, 0, sizeof many);
  struct iovec each[3] = {{"1", 1}, {"22", 2}, {"333", 3}};
  for (int i = 0; i < 3; i++) many[i].msg_hdr.msg_iov = &each[i], many[i].msg_hdr.msg_iovlen = 1;
  equal(sendmmsg(s[0], many, 3, 0), 3);
  equal(many[2].msg_len, 3);
  char room[4][8];
  struct iovec into[4];
  struct mmsghdr more[4];
  memset(more, 0, sizeof more);
  for (int i = 0; i < 4; i++) into[i] = (struct iovec){room[i], 8}, more[i].msg_hdr.msg_iov = &into[i], more[i].msg_hdr.msg_iovlen = 1;
  equal(recvmmsg(s[1], more, 4, 0, 0), 3);
  equal(more[1].msg_len, 2);
  close(s[0]);
  equal(recv(s[1], buffer, 64, 0), 0);
  fails(send(s[1], "x", 1, MSG_NOSIGNAL), EPIPE);
  close(s[1]);
}

static void ends(void) {
  int s[2];
  char buffer[64];
  signal(SIGPIPE, SIG_IGN);
  socketpair(AF_UNIX, SOCK_STREAM, 0, s);
  equal(pollnow(s[0], ALL), POLLOUT);
  write(s[0], "x", 1);
  equal(pollnow(s[1], ALL), POLLIN | POLLOUT);
  equal(shutdown(s[0], SHUT_WR), 0);
  equal(pollnow(s[1], ALL), POLLIN | POLLOUT | POLLRDHUP);
  equal(recv(s[1], buffer, 64, MSG_WAITALL), 1);
  equal(recv(s[1], buffer, 64, 0), 0);
  fails(send(s[0], "y", 1, 0), EPIPE);
  equal(write(s[1], "back", 4), 4);
  close(s[1]);
  equal(pollnow(s[0], ALL), POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
  equal(read(s[0], buffer, 64), 4);
  equal(read(s[0], buffer, 64), 0);
  close(s[0]);
  /* Unread bytes at the end are a reset. */
  socketpair(AF_UNIX, SOCK_STREAM, 0, s);
  write(s[0], "lost", 4);
  close(s[1]);
  fails(read(s[0], buffer, 4), ECONNRESET);
  equal(read(s[0], buffer, 4), 0);
  close(s[0]);
  /* A full buffer: non-blocking writes stop, room comes back. */
  socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s);
  static char block[65536];
  long total = 0, got;
  while ((got = write(s[0], block, sizeof block)) > 0) total += got;
  check(got == -1 && errno == EAGAIN);
  check(total >= 65536);
  equal(pollnow(s[0], POLLOUT), 0);
  long back = 0;
  while ((got = read(s[1], block, sizeof block)) > 0) back += got;
  equal(back, total);
  equal(pollnow(s[0], POLLOUT), POLLOUT);
  close(s[0]);
  close(s[1]);
  /* SIGPIPE comes unless it is not wanted. */
  socketpair(AF_UNIX, SOCK_STREAM, 0, s);
  close(s[1]);
  equal(in_child({ signal(SIGPIPE, SIG_DFL); send(s[0], "x", 1, MSG_NOSIGNAL); write(s[0], "x", 1); }), SIGPIPE);
  close(s[0]);
  /* SO_RCVTIMEO. */
  socketpair(AF_UNIX, SOCK_STREAM, 0, s);
  struct timeval t = {0, 20000}, back_t;
  socklen_t n = sizeof back_t;
  equal(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t), 0);
  fails(recv(s[0], buffer, 1, 0), EAGAIN);
  equal(getsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &back_t, &n), 0);
  equal(back_t.tv_usec, 20000);
  fails(read(s[0], buffer, 1), EAGAIN);
  close(s[0]);
  close(s[1]);
}

static void names(void) {
  struct sockaddr_un a, b;
  char buffer[64];
  int d = socket(AF_UNIX, SOCK_DGRAM, 0), c = socket(AF_UNIX, SOCK_DGRAM, 0);
  char unique[32];
  int length = sprintf(unique, "%ccheck-%d", 0, getpid());
  socklen_t n = name(&a, unique, length), m;
  equal(bind(d, (void *)&a, n), 0);
  fails(bind(c, (void *)&a, n), EADDRINUSE);
  fails(bind(d, (void *)&a, n), EINVAL);
  m = sizeof b;
  equal(getsockname(d, (void *)&b, &m), 0);
  equal(m, n);
  equal(memcmp(&a, &b, n), 0);
  equal(sendto(c, "anonymous", 9, 0, (void *)&a, n), 9);
  m = sizeof b;
  equal(recvfrom(d, buffer, 64, 0, (void *)&b, &m), 9);
  equal(m, 0);
  equal(bind(c, (void *)&(sa_family_t){AF_UNIX}, sizeof(sa_family_t)), 0);
  m = sizeof b;
  getsockname(c, (void *)&b, &m);
  equal(m, 8);
  equal(b.sun_path[0], 0);
  equal(connect(c, (void *)&a, n), 0);
  equal(send(c, "auto", 4, 0), 4);
  m = sizeof b;
  equal(recvfrom(d, buffer, 64, 0, (void *)&b, &m), 4);
  equal(m, 8);
  equal(sendto(d, "reply", 5, 0, (void *)&b, m), 5);
  equal(recv(c, buffer, 64, 0), 5);
  close(d);
  fails(send(c, "x", 1, 0), ECONNREFUSED);
  fails(send(c, "x", 1, 0), ENOTCONN);
  close(c);
  /* Paths. */
  n = name(&a, "dgram", 6);
  fails(connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&a, n), ENOENT);
  d = socket(AF_UNIX, SOCK_DGRAM, 0);
  equal(bind(d, (void *)&a, n), 0);
  fails(connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&a, n), EPROTOTYPE);
  fails(open("dgram", O_RDWR), ENXIO);
  close(d);
  fails(connect(socket(AF_UNIX, SOCK_DGRAM, 0), (void *)&a, n), ECONNREFUSED);
  equal(unlink("dgram"), 0);
  close(open("plain", O_CREAT, 0644));
  n = name(&a, "plain", 6);
  fails(connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&a, n), ECONNREFUSED);
  fails(bind(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&a, n), EADDRINUSE);
  n = name(&a, "none/here", 10);
  fails(bind(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&a, n), ENOENT);
  fails(bind(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&a, 1), EINVAL);
  fails(bind(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&a, 200), EINVAL);
  fails(listen(socket(AF_UNIX, SOCK_STREAM, 0), 1), EINVAL);
  fails(listen(socket(AF_UNIX, SOCK_DGRAM, 0), 1), EOPNOTSUPP);
  m = sizeof b;
  fails(getpeername(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&b, &m), ENOTCONN);
  fails(recv(socket(AF_UNIX, SOCK_STREAM, 0), buffer, 1, 0), EINVAL);
  fails(send(socket(AF_UNIX, SOCK_STREAM, 0), buffer, 1, 0), ENOTCONN);
  equal(pollnow(socket(AF_UNIX, SOCK_STREAM, 0), ALL), POLLOUT | POLLHUP);
}

static void backlog(void) {
  struct sockaddr_un a;
  char buffer[8];
  socklen_t n = name(&a, "queue", 6);
  int l = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), c[3];
  bind(l, (void *)&a, n);
  equal(listen(l, 1), 0);
  fails(accept(l, 0, 0), EAGAIN);
  equal(pollnow(l, ALL), 0);
  for (int i = 0; i < 3; i++) c[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
  equal(connect(c[0], (void *)&a, n), 0);
  equal(connect(c[1], (void *)&a, n), 0);
  fails(connect(c[2], (void *)&a, n), EAGAIN);
  equal(pollnow(l, ALL), POLLIN);
  equal(write(c[0], "early", 5), 5);
  pid_t child = fork();
  if (child == 0) {
    fcntl(c[2], F_SETFL, 0);
    if (connect(c[2], (void *)&a, n) != 0) _exit(1);
    _exit(read(c[2], buffer, 8) != 2);
  }
  int s = accept(l, 0, 0);
  check(s >= 0);
  check(!(fcntl(s, F_GETFL) & O_NONBLOCK));
  equal(read(s, buffer, 8), 5);
  int s2 = accept(l, 0, 0);
  check(s2 >= 0);
  // With room in the queue again, whatever the child has done: a full one answers first.
  fails(connect(c[0], (void *)&a, n), EISCONN);
  fcntl(l, F_SETFL, 0);
  int s3 = accept(l, 0, 0);
  check(s3 >= 0);
  equal(write(s3, "ok", 2), 2);
  equal(wait_for(child), 0);
  int type = 0, listening = 0;
  socklen_t m = sizeof type;
  equal(getsockopt(l, SOL_SOCKET, SO_ACCEPTCONN, &listening, &m), 0);
  equal(listening, 1);
  equal(getsockopt(l, SOL_SOCKET, SO_TYPE, &type, &m), 0);
  equal(type, SOCK_STREAM);
  fails(getsockopt(l, SOL_SOCKET, 9999, &type, &m), ENOPROTOOPT);
  fails(setsockopt(l, SOL_SOCKET, SO_TYPE, &type, sizeof type), ENOPROTOOPT);
}

int main(void) {
  own_directory();
  rights();
  credentials();
  packets();
  ends();
  names();
  backlog();
  /* A buffer that ends in the middle is no message, and nothing of it goes into a stream. */
  char *end = (char *)mmap(0, 2 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) + 4096;
  mprotect(end, 4096, PROT_NONE);
  for (int kind = 0; kind < 3; kind++) {
    int ends[2];
    equal(socketpair(AF_UNIX, (const int[]){SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET}[kind], 0, ends), 0);
    struct iovec both[2] = {{"hello", 5}, {end - 3, 6}};
    fails(write(ends[0], end - 6, 10), EFAULT);
    fails(send(ends[0], end - 6, 10, 0), EFAULT);
    fails(writev(ends[0], both, 2), EFAULT);
    struct msghdr torn = {.msg_iov = both, .msg_iovlen = 2};
    fails(sendmsg(ends[0], &torn, 0), EFAULT);
    char got[8];
    fails(recv(ends[1], got, 8, MSG_DONTWAIT), EAGAIN);
    close(ends[0]);
    close(ends[1]);
  }
  return done();
}
