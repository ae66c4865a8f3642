/* poll(2) select(2) epoll(7) eventfd(2) timerfd(2) signalfd(2) */
#include "check.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

static long elapsed_ms(struct timespec *since) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (now.tv_sec - since->tv_sec) * 1000 + (now.tv_nsec - since->tv_nsec) / 1000000;
}

int main(void) {
  int p[2], q[2];
  pipe(p);
  pipe(q);
  struct timespec since;
  struct pollfd fds[3] = {{p[0], POLLIN, 0}, {p[1], POLLOUT, 0}, {-1, POLLIN, 9}};
  equal(poll(fds, 3, -1), 1);
  check(fds[0].revents == 0 && fds[1].revents == POLLOUT && fds[2].revents == 0);
  clock_gettime(CLOCK_MONOTONIC, &since);
  equal(poll(fds, 1, 30), 0);
  check(elapsed_ms(&since) >= 30);
  fds[2].fd = 999;
  equal(poll(fds + 2, 1, 0), 1);
  equal(fds[2].revents, POLLNVAL);
  fails(poll(BAD, 1, 0), EFAULT);
  pid_t child = fork();
  if (child == 0) {
    struct timespec t = {0, 20000000};
    nanosleep(&t, 0);
    write(p[1], "z", 1);
    _exit(0);
  }
  equal(poll(fds, 1, 10000), 1);
  equal(fds[0].revents, POLLIN);
  wait_for(child);

  fd_set readable, writable;
  FD_ZERO(&readable);
  FD_ZERO(&writable);
  FD_SET(p[0], &readable);
  FD_SET(q[0], &readable);
  FD_SET(q[1], &writable);
  struct timeval tv = {1, 0};
  equal(select(q[1] + 1, &readable, &writable, 0, &tv), 2);
  check(FD_ISSET(p[0], &readable) && !FD_ISSET(q[0], &readable) && FD_ISSET(q[1], &writable));
  fails(select(-1, 0, 0, 0, &tv), EINVAL);
  tv = (struct timeval){0, 20000};
  equal(select(0, 0, 0, 0, &tv), 0);
  fails(select(10, BAD, 0, 0, &tv), EFAULT);

  int ep = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = 0x123456789abcdef}, got[4];
  equal(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &event), 0);
  fails(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &event), EEXIST);
  fails(epoll_ctl(ep, EPOLL_CTL_MOD, q[0], &event), ENOENT);
  fails(epoll_ctl(ep, EPOLL_CTL_ADD, ep, &event), EINVAL);
  fails(epoll_ctl(ep, EPOLL_CTL_ADD, 999, &event), EBADF);
  fails(epoll_ctl(ep, EPOLL_CTL_ADD, q[0], BAD), EFAULT);
  equal(epoll_wait(ep, got, 4, 0), 1);
  check(got[0].events == EPOLLIN && got[0].data.u64 == 0x123456789abcdef);
  equal(epoll_wait(ep, got, 4, 0), 1);
  event.events = EPOLLIN | EPOLLET;
  equal(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &event), 0);
  equal(epoll_wait(ep, got, 4, 0), 1);
  equal(epoll_wait(ep, got, 4, 0), 0);
  write(p[1], "more", 4);
  equal(epoll_wait(ep, got, 4, 0), 1);
  event.events = EPOLLIN | EPOLLONESHOT;
  epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &event);
  equal(epoll_wait(ep, got, 4, 0), 1);
  equal(epoll_wait(ep, got, 4, 0), 0);
  equal(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], 0), 0);
  fails(epoll_wait(ep, got, 0, 0), EINVAL);
  fails(epoll_wait(p[0], got, 4, 0), EINVAL);

  int ev = eventfd(3, EFD_NONBLOCK);
  uint64_t n;
  equal(read(ev, &n, 8), 8);
  equal(n, 3);
  fails(read(ev, &n, 8), EAGAIN);
  n = 5;
  equal(write(ev, &n, 8), 8);
  equal(write(ev, &n, 8), 8);
  equal(read(ev, &n, 8), 8);
  equal(n, 10);
  n = -1;
  fails(write(ev, &n, 8), EINVAL);
  fails(read(ev, &n, 4), EINVAL);
  int semaphore = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);
  equal(read(semaphore, &n, 8), 8);
  equal(n, 1);
  read(semaphore, &n, 8);
  fails(read(semaphore, &n, 8), EAGAIN);

  int timer = timerfd_create(CLOCK_MONOTONIC, 0);
  struct itimerspec spec = {.it_value = {0, 10000000}, .it_interval = {0, 10000000}};
  equal(timerfd_settime(timer, 0, &spec, 0), 0);
  equal(read(timer, &n, 8), 8);
  check(n >= 1);
  struct itimerspec now;
  equal(timerfd_gettime(timer, &now), 0);
  equal(now.it_interval.tv_nsec, 10000000);
  event.events = EPOLLIN;
  epoll_ctl(ep, EPOLL_CTL_ADD, timer, &event);
  equal(epoll_wait(ep, got, 4, 1000), 1);
  fails(timerfd_settime(timer, 0, BAD, 0), EFAULT);

  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, 0);
  int sig = signalfd(-1, &set, SFD_NONBLOCK);
  struct signalfd_siginfo info;
  fails(read(sig, &info, sizeof info), EAGAIN);
  kill(getpid(), SIGUSR1);
  equal(read(sig, &info, sizeof info), sizeof info);
  equal(info.ssi_signo, SIGUSR1);
  equal(info.ssi_pid, getpid());
  return done();
}
