/* tcp(7) udp(7) ip(7) ipv6(7) on the loopback, with connect(2), listen(2), shutdown(2), setsockopt(2), poll(2), epoll(7) */
#include "check.h"
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static int pollnow(int fd, short events, int ms) {
  struct pollfd p = {fd, events, 0};
  poll(&p, 1, ms);
  return p.revents;
}
static const short ALL = POLLIN | POLLOUT | POLLRDHUP;

static struct sockaddr_in at(uint32_t host, int port) {
  return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(host)};
}
static int listener(uint32_t host, struct sockaddr_in *a) {
  int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  socklen_t n = sizeof *a;
  *a = at(host, 0);
  bind(s, (void *)a, n);
  listen(s, 8);
  getsockname(s, (void *)a, &n);
  return s;
}
static int option(int s, int level, int name) {
  int value = -1;
  socklen_t n = sizeof value;
  return getsockopt(s, level, name, &value, &n) ? -errno : value;
}

static void streams(void) {
  struct sockaddr_in a, b, c;
  socklen_t n = sizeof b;
  char buffer[64];
  int on = 1;
  int l = listener(INADDR_ANY, &a);
  equal(a.sin_addr.s_addr, htonl(INADDR_ANY));
  a = at(INADDR_LOOPBACK, ntohs(a.sin_port));
  fails(bind(socket(AF_INET, SOCK_STREAM, 0), (void *)&a, sizeof a), EADDRINUSE);
  int s = socket(AF_INET, SOCK_STREAM, 0);
  equal(connect(s, (void *)&a, sizeof a), 0);
  fails(connect(s, (void *)&a, sizeof a), EISCONN);
  n = sizeof b;
  int t = accept4(l, (void *)&b, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
  check(t >= 0);
  equal(n, sizeof b);
  n = sizeof c;
  equal(getsockname(s, (void *)&c, &n), 0);
  equal(memcmp(&b, &c, sizeof b), 0);
  equal(c.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
  equal(getpeername(s, (void *)&c, &n), 0);
  equal(c.sin_port, a.sin_port);
  getsockname(t, (void *)&c, &n);
  equal(c.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
  equal(setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
  equal(option(s, IPPROTO_TCP, TCP_NODELAY), 1);
  equal(option(s, SOL_SOCKET, SO_PROTOCOL), IPPROTO_TCP);
  equal(option(s, SOL_SOCKET, SO_DOMAIN), AF_INET);
  equal(option(s, SOL_SOCKET, SO_ERROR), 0);
  fails(recv(t, buffer, 1, 0), EAGAIN);
  equal(send(s, "abcdef", 6, MSG_MORE), 6);
  check(pollnow(t, POLLIN, 1000) & POLLIN);
  int pending = 0;
  ioctl(t, FIONREAD, &pending);
  equal(pending, 6);
  equal(recv(t, buffer, 3, MSG_PEEK), 3);
  equal(recv(t, buffer, 64, 0), 6);
  equal(shutdown(s, SHUT_WR), 0);
  equal(pollnow(t, ALL, 1000), POLLIN | POLLOUT | POLLRDHUP);
  equal(recv(t, buffer, 64, 0), 0);
  equal(write(t, "late", 4), 4);
  equal(recv(s, buffer, 64, MSG_WAITALL), shutdown(t, SHUT_WR) == 0 ? 4 : -1);
  equal(recv(s, buffer, 64, 0), 0);
  equal(pollnow(s, ALL, 1000), POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
  close(s);
  close(t);
  /* The first write to a closed socket is swallowed, the second is not. */
  s = socket(AF_INET, SOCK_STREAM, 0);
  connect(s, (void *)&a, sizeof a);
  t = accept(l, 0, 0);
  close(t);
  equal(read(s, buffer, 1), 0);
  equal(send(s, "x", 1, MSG_NOSIGNAL), 1);
  usleep(1000);
  fails(send(s, "x", 1, MSG_NOSIGNAL), EPIPE);
  close(s);
  /* Unread data is a reset. */
  s = socket(AF_INET, SOCK_STREAM, 0);
  connect(s, (void *)&a, sizeof a);
  t = accept(l, 0, 0);
  write(s, "x", 1);
  pollnow(t, POLLIN, 1000);
  close(t);
  fails(read(s, buffer, 1), ECONNRESET);
  close(s);
  /* SIGPIPE, ENOTCONN, ECONNREFUSED. */
  s = socket(AF_INET, SOCK_STREAM, 0);
  fails(recv(s, buffer, 1, 0), ENOTCONN);
  fails(send(s, buffer, 1, MSG_NOSIGNAL), EPIPE);
  equal(pollnow(s, ALL, 0), POLLOUT | POLLHUP);
  fails(shutdown(s, SHUT_RD), ENOTCONN);
  close(l);
  fails(connect(s, (void *)&a, sizeof a), ECONNREFUSED);
  close(s);
  fails(accept(socket(AF_INET, SOCK_STREAM, 0), 0, 0), EINVAL);
  fails(listen(socket(AF_INET, SOCK_DGRAM, 0), 1), EOPNOTSUPP);
}

static void without_waiting(void) {
  struct sockaddr_in a;
  char buffer[8];
  int l = listener(INADDR_LOOPBACK, &a);
  int s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  fails(connect(s, (void *)&a, sizeof a), EINPROGRESS);
  equal(pollnow(s, POLLOUT, 1000), POLLOUT);
  equal(option(s, SOL_SOCKET, SO_ERROR), 0);
  equal(connect(s, (void *)&a, sizeof a), 0);
  fails(connect(s, (void *)&a, sizeof a), EISCONN);
  int t = accept(l, 0, 0);
  check(t >= 0);
  int e = epoll_create1(0);
  struct epoll_event event = {EPOLLIN | EPOLLET | EPOLLRDHUP, {.u64 = 7}}, got[4];
  equal(epoll_ctl(e, EPOLL_CTL_ADD, t, &event), 0);
  equal(epoll_wait(e, got, 4, 0), 0);
  write(s, "one", 3);
  equal(epoll_wait(e, got, 4, 1000), 1);
  equal(got[0].events, EPOLLIN);
  equal(epoll_wait(e, got, 4, 0), 0);
  write(s, "two", 3);
  equal(epoll_wait(e, got, 4, 1000), 1);
  equal(read(t, buffer, 8), 6);
  equal(epoll_wait(e, got, 4, 0), 0);
  close(s);
  equal(epoll_wait(e, got, 4, 1000), 1);
  equal(got[0].events, EPOLLIN | EPOLLRDHUP);
  close(t);
  close(l);
  s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  fails(connect(s, (void *)&a, sizeof a), EINPROGRESS);
  equal(pollnow(s, POLLIN | POLLOUT, 1000), POLLIN | POLLOUT | POLLERR | POLLHUP);
  equal(option(s, SOL_SOCKET, SO_ERROR), ECONNREFUSED);
  equal(option(s, SOL_SOCKET, SO_ERROR), 0);
  close(s);
}

static void datagrams(void) {
  static char large[65508];
  struct sockaddr_in a = at(INADDR_LOOPBACK, 0), b, c;
  socklen_t n = sizeof a;
  char buffer[64];
  int s = socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP), t = socket(AF_INET, SOCK_DGRAM, 0), u = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  fails(send(t, "x", 1, 0), EDESTADDRREQ);
  equal(bind(s, (void *)&a, n), 0);
  getsockname(s, (void *)&a, &n);
  equal(connect(t, (void *)&a, n), 0);
  getsockname(t, (void *)&b, &n);
  equal(b.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
  equal(send(t, "connected", 9, 0), 9);
  equal(send(t, "", 0, 0), 0);
  n = sizeof c;
  equal(recvfrom(s, buffer, 4, MSG_TRUNC, (void *)&c, &n), 9);
  equal(memcmp(&b, &c, sizeof b), 0);
  equal(recv(s, buffer, 4, 0), 0);
  /* A connected socket hears its peer only. */
  equal(sendto(u, "stranger", 8, 0, (void *)&b, n), 8);
  equal(sendto(s, "friend", 6, 0, (void *)&b, n), 6);
  equal(recv(t, buffer, 64, 0), 6);
  fails(recv(t, buffer, 64, MSG_DONTWAIT), EAGAIN);
  fails(sendto(t, large, 65508, 0, (void *)&a, n), EMSGSIZE);
  /* Nobody there. */
  close(s);
  equal(send(t, "x", 1, 0), 1);
  fails(recv(t, buffer, 1, 0), ECONNREFUSED);
  equal(connect(t, (void *)&(struct sockaddr){AF_UNSPEC}, sizeof(struct sockaddr)), 0);
  fails(send(t, "x", 1, 0), EDESTADDRREQ);
  close(t);
  close(u);
}

/** How getaddrinfo(3) sorts what it has found: one socket is connected to each address in turn. */
static void disconnecting(void) {
  struct sockaddr none = {AF_UNSPEC};
  struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(9), .sin6_addr = IN6ADDR_LOOPBACK_INIT}, name;
  socklen_t n = sizeof name;
  int s = socket(AF_INET6, SOCK_DGRAM, 0);
  equal(connect(s, (void *)&six, sizeof six), 0);
  equal(getsockname(s, (void *)&name, &n), 0);
  check(IN6_IS_ADDR_LOOPBACK(&name.sin6_addr) && name.sin6_port != 0);
  equal(connect(s, &none, sizeof none), 0);
  equal(getsockname(s, (void *)&name, &n), 0);
  check(IN6_IS_ADDR_UNSPECIFIED(&name.sin6_addr) && name.sin6_port == 0);
  six.sin6_addr = (struct in6_addr){{{[10] = 255, 255, 127, 0, 0, 1}}};
  equal(connect(s, (void *)&six, sizeof six), 0);
  equal(getsockname(s, (void *)&name, &n), 0);
  check(IN6_IS_ADDR_V4MAPPED(&name.sin6_addr));
  close(s);
  /* What bind(2) was asked for stays. */
  struct sockaddr_in a = at(INADDR_ANY, 0), b, to = at(INADDR_LOOPBACK, 9);
  s = socket(AF_INET, SOCK_DGRAM, 0);
  equal(bind(s, (void *)&a, sizeof a), 0);
  n = sizeof a;
  equal(getsockname(s, (void *)&a, &n), 0);
  close(s);
  s = socket(AF_INET, SOCK_DGRAM, 0);
  equal(bind(s, (void *)&a, sizeof a), 0);
  equal(connect(s, (void *)&to, sizeof to), 0);
  equal(getsockname(s, (void *)&b, &n), 0);
  equal(b.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
  equal(connect(s, &none, sizeof none), 0);
  equal(getsockname(s, (void *)&b, &n), 0);
  equal(b.sin_addr.s_addr, htonl(INADDR_ANY));
  equal(b.sin_port, a.sin_port);
  close(s);
  /* The address that was asked for stays without its port. */
  a = at(0x7f000002, 0);
  s = socket(AF_INET, SOCK_DGRAM, 0);
  equal(bind(s, (void *)&a, sizeof a), 0);
  equal(connect(s, &none, sizeof none), 0);
  equal(getsockname(s, (void *)&b, &n), 0);
  equal(b.sin_addr.s_addr, htonl(0x7f000002));
  equal(b.sin_port, 0);
  equal(connect(s, (void *)&to, sizeof to), 0);
  equal(getsockname(s, (void *)&b, &n), 0);
  equal(b.sin_addr.s_addr, htonl(0x7f000002));
  check(b.sin_port != 0);
  close(s);
}

static void ports(void) {
  struct sockaddr_in a;
  int on = 1;
  int l = listener(INADDR_LOOPBACK, &a);
  int s = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  fails(bind(s, (void *)&a, sizeof a), EADDRINUSE);
  struct sockaddr_in other = at(0x7f000002, ntohs(a.sin_port));
  equal(bind(s, (void *)&other, sizeof other), 0);
  equal(listen(s, 1), 0);
  fails(bind(s, (void *)&other, sizeof other), EINVAL);
  int c = socket(AF_INET, SOCK_STREAM, 0);
  equal(connect(c, (void *)&other, sizeof other), 0);
  int t = accept(s, 0, 0);
  socklen_t n = sizeof other;
  getsockname(t, (void *)&other, &n);
  equal(ntohl(other.sin_addr.s_addr), 0x7f000002);
  close(c), close(t), close(s), close(l);
  s = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  equal(bind(s, (void *)&a, sizeof a), 0);
  close(s);
  a = at(0x08080808, 0);
  fails(bind(socket(AF_INET, SOCK_STREAM, 0), (void *)&a, sizeof a), EADDRNOTAVAIL);
  fails(bind(socket(AF_INET, SOCK_STREAM, 0), (void *)&a, 4), EINVAL);
  fails(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP), EPROTONOSUPPORT);
  fails(socket(AF_INET, SOCK_SEQPACKET, 0), ESOCKTNOSUPPORT);
  fails(socketpair(AF_INET, SOCK_STREAM, 0, &(int[2]){0}[0]), EOPNOTSUPP);
}

static void six(void) {
  struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_ANY_INIT}, b;
  socklen_t n = sizeof a;
  int l = socket(AF_INET6, SOCK_STREAM, 0), off = 0;
  if (l < 0) return;
  setsockopt(l, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  equal(bind(l, (void *)&a, n), 0);
  equal(listen(l, 4), 0);
  getsockname(l, (void *)&a, &n);
  a.sin6_addr = in6addr_loopback;
  int s = socket(AF_INET6, SOCK_STREAM, 0);
  equal(connect(s, (void *)&a, sizeof a), 0);
  n = sizeof b;
  int t = accept(l, (void *)&b, &n);
  equal(n, sizeof b);
  check(IN6_IS_ADDR_LOOPBACK(&b.sin6_addr));
  close(s), close(t);
  struct sockaddr_in four = at(INADDR_LOOPBACK, ntohs(a.sin6_port));
  s = socket(AF_INET, SOCK_STREAM, 0);
  equal(connect(s, (void *)&four, sizeof four), 0);
  n = sizeof b;
  t = accept(l, (void *)&b, &n);
  check(IN6_IS_ADDR_V4MAPPED(&b.sin6_addr));
  equal(write(t, "dual", 4), 4);
  char buffer[8];
  equal(read(s, buffer, 8), 4);
  close(s), close(t), close(l);
}

/* 8 MiB through a small buffer, between two processes. */
static void bulk(void) {
  struct sockaddr_in a;
  int l = listener(INADDR_LOOPBACK, &a);
  static unsigned char block[70000];
  pid_t child = fork();
  if (child == 0) {
    int s = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(s, (void *)&a, sizeof a)) _exit(1);
    unsigned next = 0;
    for (long sent = 0; sent < 8 << 20;) {
      size_t want = sizeof block < (8 << 20) - sent ? sizeof block : (8 << 20) - sent;
      for (size_t i = 0; i < want; i++) block[i] = (next + i) * 7 >> 3;
      if (send(s, block, want, 0) != (long)want) _exit(2);
      next += want, sent += want;
    }
    _exit(0);
  }
  int t = accept(l, 0, 0);
  long total = 0, got;
  unsigned bad = 0;
  while ((got = recv(t, block, 33333, 0)) > 0) {
    for (long i = 0; i < got; i++) bad |= block[i] ^ (unsigned char)((unsigned)(total + i) * 7 >> 3);
    total += got;
  }
  equal(total, 8 << 20);
  equal(bad, 0);
  equal(wait_for(child), 0);
  close(t), close(l);
}

int main(void) {
  signal(SIGPIPE, SIG_IGN);
  streams();
  without_waiting();
  datagrams();
  disconnecting();
  ports();
  six();
  bulk();
  return done();
}
