/* socket(2) unix(7) socketpair(2) bind(2) connect(2) accept(2) sendmsg(2) recvmsg(2) and loopback tcp(7) udp(7) */
#include "check.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

int main(void) {
  own_directory();
  int s[2];
  char buffer[100];
  for (int type = SOCK_STREAM; type <= SOCK_DGRAM; type++) {
    int inet = socket(AF_INET, type, 0), value = 0;
    socklen_t length = sizeof value;
    fails(getsockopt(inet, 500, 1, &value, &length), EOPNOTSUPP);
    fails(setsockopt(inet, 500, 1, &value, sizeof value), ENOPROTOOPT);
    close(inet);
  }
  equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
  equal(write(s[0], "ping", 4), 4);
  equal(read(s[1], buffer, 100), 4);
  equal(send(s[1], "pong", 4, 0), 4);
  equal(recv(s[0], buffer, 2, MSG_PEEK), 2);
  equal(recv(s[0], buffer, 100, 0), 4);
  fails(recv(s[0], buffer, 100, MSG_DONTWAIT), EAGAIN);
  fails(send(s[0], BAD, 4, 0), EFAULT);
  equal(shutdown(s[0], SHUT_WR), 0);
  equal(read(s[1], buffer, 1), 0);
  close(s[0]);
  fails(send(s[1], "x", 1, MSG_NOSIGNAL), EPIPE);
  fails(socketpair(AF_UNIX, SOCK_STREAM, 0, BAD), EFAULT);
  fails(socket(99, SOCK_STREAM, 0), EAFNOSUPPORT);
  fails(send(open(".", O_RDONLY), "x", 1, 0), ENOTSOCK);

  /* Datagrams keep their bounds; a descriptor travels. */
  socketpair(AF_UNIX, SOCK_DGRAM, 0, s);
  write(s[0], "one", 3);
  write(s[0], "three", 5);
  equal(read(s[1], buffer, 100), 3);
  equal(read(s[1], buffer, 2), 2);
  int p[2];
  pipe(p);
  char control[CMSG_SPACE(sizeof(int))] = {0};
  struct iovec part = {"fd", 2};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(header), &p[1], sizeof(int));
  equal(sendmsg(s[0], &message, 0), 2);
  part = (struct iovec){buffer, 100};
  memset(control, 0, sizeof control);
  equal(recvmsg(s[1], &message, 0), 2);
  header = CMSG_FIRSTHDR(&message);
  check(header && header->cmsg_type == SCM_RIGHTS);
  int received = -1;
  if (header) memcpy(&received, CMSG_DATA(header), sizeof(int));
  equal(write(received, "through", 7), 7);
  equal(read(p[0], buffer, 100), 7);

  struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "sock"};
  int server = socket(AF_UNIX, SOCK_STREAM, 0);
  equal(bind(server, (void *)&address, sizeof address), 0);
  fails(bind(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&address, sizeof address), EADDRINUSE);
  int client = socket(AF_UNIX, SOCK_STREAM, 0);
  fails(connect(client, (void *)&address, sizeof address), ECONNREFUSED);
  equal(listen(server, 5), 0);
  equal(connect(client, (void *)&address, sizeof address), 0);
  struct sockaddr_un peer;
  socklen_t length = sizeof peer;
  int accepted = accept4(server, (void *)&peer, &length, SOCK_CLOEXEC);
  check(accepted >= 0);
  equal(write(client, "hello", 5), 5);
  equal(read(accepted, buffer, 100), 5);
  length = sizeof peer;
  equal(getpeername(client, (void *)&peer, &length), 0);
  check(strcmp(peer.sun_path, "sock") == 0);
  struct ucred credentials;
  length = sizeof credentials;
  equal(getsockopt(client, SOL_SOCKET, SO_PEERCRED, &credentials, &length), 0);
  equal(credentials.pid, getpid());
  fails(accept(client, 0, 0), EINVAL);
  struct stat st;
  stat("sock", &st);
  check(S_ISSOCK(st.st_mode));

  int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  equal(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
  equal(bind(listener, (void *)&in, sizeof in), 0);
  equal(listen(listener, 5), 0);
  length = sizeof in;
  equal(getsockname(listener, (void *)&in, &length), 0);
  check(in.sin_port != 0);
  pid_t child = fork();
  if (child == 0) {
    int c = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(c, (void *)&in, sizeof in) != 0) _exit(1);
    for (int i = 0; i < 1000; i++) if (write(c, buffer, 100) != 100) _exit(2);
    _exit(0);
  }
  int tcp = accept(listener, 0, 0);
  long total = 0, got;
  while ((got = read(tcp, buffer, 100)) > 0) total += got;
  equal(total, 100000);
  equal(wait_for(child), 0);
  int u1 = socket(AF_INET, SOCK_DGRAM, 0), u2 = socket(AF_INET, SOCK_DGRAM, 0);
  in.sin_port = 0;
  equal(bind(u1, (void *)&in, sizeof in), 0);
  getsockname(u1, (void *)&in, &length);
  equal(sendto(u2, "datagram", 8, 0, (void *)&in, sizeof in), 8);
  struct sockaddr_in from;
  length = sizeof from;
  equal(recvfrom(u1, buffer, 100, 0, (void *)&from, &length), 8);
  equal(from.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
  in.sin_port = htons(1);
  fails(connect(socket(AF_INET, SOCK_STREAM, 0), (void *)&in, sizeof in), ECONNREFUSED);
  return done();
}
