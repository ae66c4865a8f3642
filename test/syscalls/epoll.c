/* epoll(7), eventfd(2), timerfd_create(2), signalfd(2) in more depth */
#include "check.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

static struct epoll_event got[8];
static int caught;
static void handler(int signal) { caught = signal; }

static int add(int ep, int fd, unsigned events) {
  struct epoll_event event = {.events = events, .data.fd = fd};
  return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event);
}
static int mod(int ep, int fd, unsigned events) {
  struct epoll_event event = {.events = events, .data.fd = fd};
  return epoll_ctl(ep, EPOLL_CTL_MOD, fd, &event);
}

static void nested(void) {
  int a = epoll_create1(0), b = epoll_create1(0), c = epoll_create1(0), ev = eventfd(0, EFD_NONBLOCK);
  equal(add(a, b, EPOLLIN), 0);
  equal(add(b, ev, EPOLLIN), 0);
  fails(add(b, a, EPOLLIN), ELOOP);
  fails(add(a, a, EPOLLIN), EINVAL);
  equal(epoll_wait(a, got, 8, 0), 0);
  eventfd_write(ev, 1);
  equal(epoll_wait(a, got, 8, 0), 1);
  equal(got[0].data.fd, b);
  struct pollfd p = {a, POLLIN, 0};
  equal(poll(&p, 1, 0), 1);
  eventfd_t n;
  eventfd_read(ev, &n);
  equal(epoll_wait(a, got, 8, 0), 0);
  equal(poll(&p, 1, 0), 0);
  fails(add(c, b, EPOLLIN | EPOLLEXCLUSIVE), EINVAL);
  int chain[8];
  int depth = 0;
  chain[0] = ev;
  for (int i = 1; i < 8; i++) {
    chain[i] = epoll_create1(0);
    if (add(chain[i], chain[i - 1], EPOLLIN)) break;
    depth++;
  }
  equal(depth, 5);
  close(a), close(b), close(c), close(ev);
  for (int i = 1; i <= depth + 1; i++) close(chain[i]);
}

static void triggers(void) {
  int ep = epoll_create(1), p[2];
  pipe(p);
  equal(add(ep, p[0], EPOLLIN | EPOLLET), 0);
  equal(add(ep, p[1], EPOLLOUT), 0);
  equal(epoll_wait(ep, got, 8, 0), 1);
  check(got[0].data.fd == p[1] && got[0].events == EPOLLOUT);
  write(p[1], "ab", 2);
  equal(epoll_wait(ep, got, 8, 0), 2);
  equal(epoll_wait(ep, got, 8, 0), 1);
  char byte;
  read(p[0], &byte, 1);
  equal(epoll_wait(ep, got, 8, 0), 1);
  mod(ep, p[1], 0);
  equal(epoll_wait(ep, got, 8, 0), 0);
  equal(mod(ep, p[0], EPOLLIN | EPOLLONESHOT), 0);
  equal(epoll_wait(ep, got, 8, 0), 1);
  write(p[1], "c", 1);
  equal(epoll_wait(ep, got, 8, 0), 0);
  equal(mod(ep, p[0], EPOLLIN), 0);
  equal(epoll_wait(ep, got, 8, 0), 1);
  fails(add(ep, p[0], EPOLLIN), EEXIST);
  int copy = dup(p[0]);
  equal(add(ep, copy, EPOLLIN), 0);
  equal(epoll_wait(ep, got, 8, 0), 2);
  equal(epoll_wait(ep, got, 1, 0), 1);
  int first = got[0].data.fd;
  equal(epoll_wait(ep, got, 1, 0), 1);
  check(got[0].data.fd != first);
  close(copy);
  equal(epoll_wait(ep, got, 8, 0), 2);
  close(p[1]);
  equal(epoll_wait(ep, got, 8, 0), 2);
  equal(got[0].events, EPOLLIN | EPOLLHUP);
  close(p[0]);
  equal(epoll_wait(ep, got, 8, 0), 0);
  int plain = open("/proc/self/exe", O_RDONLY);
  fails(add(ep, plain, EPOLLIN), EPERM);
  int null = open("/dev/null", O_RDWR);
  if (null >= 0) fails(add(ep, null, EPOLLIN), EPERM);
  int dir = open("/", O_RDONLY);
  fails(add(ep, dir, EPOLLIN), EPERM);
  fails(epoll_ctl(ep, 7, ep, 0), EFAULT);
  fails(epoll_create(0), EINVAL);
  fails(epoll_create1(1), EINVAL);
  close(plain), close(null), close(dir), close(ep);
}

static void exclusive(void) {
  int ep = epoll_create1(0), ev = eventfd(1, 0);
  equal(add(ep, ev, EPOLLIN | EPOLLEXCLUSIVE), 0);
  equal(epoll_wait(ep, got, 8, 0), 1);
  fails(mod(ep, ev, EPOLLIN), EINVAL);
  fails(mod(ep, ev, EPOLLIN | EPOLLEXCLUSIVE), EINVAL);
  equal(epoll_ctl(ep, EPOLL_CTL_DEL, ev, 0), 0);
  fails(epoll_ctl(ep, EPOLL_CTL_DEL, ev, 0), ENOENT);
  fails(add(ep, ev, EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT), EINVAL);
  close(ep), close(ev);
}

static void waiting(void) {
  int ep = epoll_create1(0), ev = eventfd(0, 0);
  add(ep, ev, EPOLLIN);
  pid_t child = fork();
  if (child == 0) {
    usleep(10000);
    eventfd_write(ev, 7);
    _exit(0);
  }
  equal(epoll_wait(ep, got, 8, -1), 1);
  eventfd_t n;
  equal(eventfd_read(ev, &n), 0);
  equal(n, 7);
  wait_for(child);
  /* A reader and a writer that must wait. */
  child = fork();
  if (child == 0) {
    eventfd_read(ev, &n);
    _exit(n == 0xfffffffffffffffeull ? 0 : 1);
  }
  equal(eventfd_write(ev, 0xfffffffffffffffeull), 0);
  equal(eventfd_write(ev, 5), 0);
  int status;
  waitpid(child, &status, 0);
  equal(status, 0);
  eventfd_read(ev, &n);
  equal(n, 5);

  sigset_t set, none;
  sigemptyset(&none);
  sigemptyset(&set);
  sigaddset(&set, SIGALRM);
  sigprocmask(SIG_BLOCK, &set, 0);
  struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
  sigaction(SIGALRM, &action, 0);
  struct itimerval soon = {.it_value = {0, 10000}};
  setitimer(ITIMER_REAL, &soon, 0);
  equal(epoll_wait(ep, got, 8, 40), 0);
  equal(caught, 0);
  fails(epoll_pwait(ep, got, 8, -1, &none), EINTR);
  equal(caught, SIGALRM);
  caught = 0;
  struct timespec timeout = {0, 5000000};
  equal(syscall(SYS_epoll_pwait2, ep, got, 8, &timeout, 0, 8), 0);
  raise(SIGALRM);
  eventfd_write(ev, 1);
  equal(epoll_pwait(ep, got, 8, -1, &none), 1);
  fails(syscall(SYS_epoll_pwait, ep, got, 8, -1, &none, 4), EINVAL);
  sigprocmask(SIG_UNBLOCK, &set, 0);
  equal(caught, SIGALRM);
  fails(epoll_wait(ep, BAD, 8, 0), EFAULT);
  equal(epoll_wait(ep, got, 8, 0), 1);
  close(ep), close(ev);
}

static void timers(void) {
  fails(timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0), EINVAL);
  fails(timerfd_create(CLOCK_MONOTONIC, 1), EINVAL);
  int timer = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
  struct itimerspec spec = {{0, 0}, {0, 0}}, now;
  uint64_t n;
  clock_gettime(CLOCK_REALTIME, &spec.it_value);
  spec.it_value.tv_sec--;
  equal(timerfd_settime(timer, TFD_TIMER_ABSTIME, &spec, 0), 0);
  struct pollfd p = {timer, POLLIN, 0};
  equal(poll(&p, 1, 1000), 1);
  equal(read(timer, &n, 8), 8);
  equal(n, 1);
  fails(read(timer, &n, 8), EAGAIN);
  fails(read(timer, &n, 4), EINVAL);
  fails(write(timer, &n, 8), EINVAL);
  spec = (struct itimerspec){{1, 0}, {100, 0}};
  equal(timerfd_settime(timer, 0, &spec, 0), 0);
  spec = (struct itimerspec){{0, 0}, {0, 0}};
  equal(timerfd_settime(timer, 0, &spec, &now), 0);
  check(now.it_interval.tv_sec == 1 && now.it_value.tv_sec >= 99);
  timerfd_gettime(timer, &now);
  check(now.it_value.tv_sec == 0 && now.it_value.tv_nsec == 0);
  spec.it_value.tv_nsec = 1000000000;
  fails(timerfd_settime(timer, 0, &spec, 0), EINVAL);
  fails(timerfd_settime(0, 0, &now, 0), EINVAL);
  close(timer);
}

static void signals(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigaddset(&set, SIGRTMIN + 1);
  sigprocmask(SIG_BLOCK, &set, 0);
  int fd = signalfd(-1, &set, 0), ep = epoll_create1(0);
  check(fd >= 0);
  add(ep, fd, EPOLLIN);
  equal(epoll_wait(ep, got, 8, 0), 0);
  pid_t child = fork();
  if (child == 0) _exit(3);
  equal(epoll_wait(ep, got, 8, -1), 1);
  struct signalfd_siginfo info[3];
  equal(read(fd, info, sizeof info), sizeof *info);
  check(info[0].ssi_signo == SIGCHLD && info[0].ssi_pid == (unsigned)child && info[0].ssi_status == 3 && info[0].ssi_code == CLD_EXITED);
  waitpid(child, 0, 0);
  sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 11});
  sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 12});
  equal(read(fd, info, sizeof info), 2 * sizeof *info);
  check(info[0].ssi_int == 11 && info[1].ssi_int == 12 && info[0].ssi_code == SI_QUEUE);
  fails(read(fd, info, 100), EINVAL);
  sigdelset(&set, SIGRTMIN + 1);
  equal(signalfd(fd, &set, 0), fd);
  raise(SIGRTMIN + 1);
  struct pollfd p = {fd, POLLIN, 0};
  equal(poll(&p, 1, 0), 0);
  fails(signalfd(ep, &set, 0), EINVAL);
  fails(signalfd(-1, &set, 1), EINVAL);
  close(fd), close(ep);
}

int main(void) {
  nested();
  triggers();
  exclusive();
  waiting();
  timers();
  signals();
  return done();
}
