/* sigaction(2) sigprocmask(2) sigaltstack(2) sigsuspend(2) sigtimedwait(2) sigqueue(3) kill(2) signal(7) */
#include "check.h"
#include <ucontext.h>

static volatile int count, order[64], at, value;
static volatile pid_t sender;
static void plain(int signal) { count++; order[at++ & 63] = signal; }
static void queued(int signal, siginfo_t *info, void *context) {
  (void)context;
  count++;
  order[at++ & 63] = signal;
  value = info->si_value.sival_int;
  sender = info->si_pid;
}
static volatile uintptr_t handler_sp;
static void note_stack(int signal) { int here; (void)signal; handler_sp = (uintptr_t)&here; }
static void nested(int signal) { if (signal == SIGUSR1) { raise(SIGUSR2); order[at++ & 63] = 1000; } else order[at++ & 63] = signal; }
static void change_context(int signal, siginfo_t *info, void *context) {
  (void)signal; (void)info;
  ucontext_t *u = context;
  u->uc_mcontext.gregs[REG_RBX] = 0x1234567890;
  u->uc_mcontext.gregs[REG_RIP] += 2;
}

static void handle(int signal, void (*handler)(int), int flags) {
  struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
  sigaction(signal, &action, 0);
}

static pid_t signal_later(int signal, int milliseconds) {
  pid_t parent = getpid(), child = fork();
  if (child == 0) {
    struct timespec t = {0, milliseconds * 1000000L};
    nanosleep(&t, 0);
    kill(parent, signal);
    _exit(0);
  }
  return child;
}

int main(void) {
  struct sigaction old;
  sigset_t set, saved, pending;
  /* SA_RESETHAND takes the handler and nothing else. */
  handle(SIGUSR1, plain, SA_RESETHAND | SA_SIGINFO);
  raise(SIGUSR1);
  equal(sigaction(SIGUSR1, 0, &old), 0);
  check(old.sa_handler == SIG_DFL);
  check((old.sa_flags & (SA_RESETHAND | SA_SIGINFO)) == (SA_RESETHAND | SA_SIGINFO));
  count = 0;
  handle(SIGUSR1, plain, 0);
  equal(sigaction(SIGUSR1, 0, &old), 0);
  check(old.sa_handler == plain);
  raise(SIGUSR1);
  equal(count, 1);
  fails(sigaction(SIGKILL, &old, 0), EINVAL);
  fails(sigaction(65, 0, &old), EINVAL);
  fails(kill(getpid(), 65), EINVAL);
  equal(kill(getpid(), 0), 0);
  fails(syscall(SYS_rt_sigaction, SIGUSR1, BAD, 0, 8), EFAULT);
  fails(syscall(SYS_rt_sigaction, SIGUSR1, 0, BAD, 8), EFAULT);
  fails(syscall(SYS_rt_sigaction, SIGUSR1, 0, 0, 4), EINVAL);

  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGUSR2);
  sigprocmask(SIG_BLOCK, &set, &saved);
  raise(SIGUSR1);
  raise(SIGUSR1);
  equal(count, 1);
  sigpending(&pending);
  check(sigismember(&pending, SIGUSR1) == 1 && sigismember(&pending, SIGUSR2) == 0);
  sigprocmask(SIG_SETMASK, &saved, 0);
  equal(count, 2);
  fails(sigprocmask(99, &set, 0), EINVAL);
  fails(syscall(SYS_rt_sigprocmask, SIG_BLOCK, BAD, 0, 8), EFAULT);

  /* Real-time signals queue, lowest number first, with values. */
  struct sigaction action = {.sa_sigaction = queued, .sa_flags = SA_SIGINFO};
  sigaction(SIGRTMIN, &action, 0);
  sigaction(SIGRTMIN + 1, &action, 0);
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN);
  sigaddset(&set, SIGRTMIN + 1);
  sigprocmask(SIG_BLOCK, &set, 0);
  at = count = 0;
  sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 7});
  sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 8});
  sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 9});
  siginfo_t info;
  struct timespec zero = {0, 0};
  equal(sigtimedwait(&set, &info, &zero), SIGRTMIN);
  equal(info.si_value.sival_int, 8);
  equal(info.si_code, SI_QUEUE);
  sigprocmask(SIG_UNBLOCK, &set, 0);
  equal(count, 2);
  equal(sender, getpid());
  sigprocmask(SIG_BLOCK, &set, 0);
  fails(sigtimedwait(&set, &info, &zero), EAGAIN);

  /* Interrupted and restarted calls. */
  int p[2];
  char c;
  pipe(p);
  handle(SIGALRM, plain, 0);
  pid_t child = signal_later(SIGALRM, 20);
  fails(read(p[0], &c, 1), EINTR);
  wait_for(child);
  handle(SIGALRM, plain, SA_RESTART);
  count = 0;
  pid_t parent = getpid();
  child = fork();
  if (child == 0) {
    struct timespec t = {0, 20000000};
    nanosleep(&t, 0);
    kill(parent, SIGALRM);
    nanosleep(&t, 0);
    write(p[1], "x", 1);
    _exit(0);
  }
  equal(read(p[0], &c, 1), 1);
  equal(count, 1);
  wait_for(child);
  child = signal_later(SIGALRM, 20);
  struct timespec ten = {10, 0}, left;
  fails(nanosleep(&ten, &left), EINTR);
  check(left.tv_sec == 9);
  wait_for(child);
  child = signal_later(SIGALRM, 20);
  struct pollfd poll_one = {p[0], POLLIN, 0};
  fails(poll(&poll_one, 1, 5000), EINTR);
  wait_for(child);
  child = signal_later(SIGALRM, 20);
  fails(pause(), EINTR);
  wait_for(child);

  sigemptyset(&set);
  sigaddset(&set, SIGALRM);
  sigprocmask(SIG_BLOCK, &set, &saved);
  raise(SIGALRM);
  count = 0;
  sigemptyset(&set);
  fails(sigsuspend(&set), EINTR);
  equal(count, 1);
  sigprocmask(SIG_SETMASK, &saved, 0);

  handle(SIGUSR1, nested, 0);
  handle(SIGUSR2, nested, 0);
  at = 0;
  raise(SIGUSR1);
  check(at == 2 && order[0] == SIGUSR2 && order[1] == 1000);
  action = (struct sigaction){.sa_handler = nested};
  sigaddset(&action.sa_mask, SIGUSR2);
  sigaction(SIGUSR1, &action, 0);
  at = 0;
  raise(SIGUSR1);
  check(at == 2 && order[0] == 1000 && order[1] == SIGUSR2);
  handle(SIGUSR1, plain, SA_RESETHAND);
  raise(SIGUSR1);
  sigaction(SIGUSR1, 0, &old);
  check(old.sa_handler == SIG_DFL);

  char *stack = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  stack_t alternate = {.ss_sp = stack, .ss_size = 65536}, previous;
  equal(sigaltstack(&alternate, 0), 0);
  handle(SIGUSR1, note_stack, SA_ONSTACK);
  raise(SIGUSR1);
  check(handler_sp >= (uintptr_t)stack && handler_sp < (uintptr_t)stack + 65536);
  equal(sigaltstack(0, &previous), 0);
  check(previous.ss_sp == stack && previous.ss_flags == 0);
  alternate.ss_size = 100;
  fails(sigaltstack(&alternate, 0), ENOMEM);
  fails(sigaltstack(BAD, 0), EFAULT);

  /* Registers, vector and x87 state survive a handler; the handler may change them. */
  uint64_t in[2] = {0x1122334455667788, 0x99aabbccddeeff00}, out[2];
  long double x87;
  handle(SIGUSR1, plain, 0);
  __asm__ volatile("movdqu %2, %%xmm15; fldpi; movl %4, %%eax; movl %5, %%edi; movl %6, %%esi; syscall; movdqu %%xmm15, %0; fstpt %1"
                   : "=m"(out), "=m"(x87) : "m"(in), "m"(c), "i"(SYS_kill), "r"(getpid()), "i"(SIGUSR1) : "rax", "rdi", "rsi", "rcx", "r11", "xmm15", "memory");
  check(memcmp(in, out, 16) == 0);
  check(x87 == 3.14159265358979323851L);
  action = (struct sigaction){.sa_sigaction = change_context, .sa_flags = SA_SIGINFO};
  sigaction(SIGILL, &action, 0);
  uint64_t rbx;
  __asm__ volatile("xorl %%ebx, %%ebx; ud2; movq %%rbx, %0" : "=r"(rbx) : : "rbx");
  equal(rbx, 0x1234567890);

  signal(SIGFPE, SIG_DFL);
  int status = in_child(__asm__ volatile("xorl %%ecx, %%ecx; movl $1, %%eax; cltd; idivl %%ecx" : : : "rax", "rcx", "rdx"));
  check(WIFSIGNALED(status) && WTERMSIG(status) == SIGFPE);
  signal(SIGILL, SIG_DFL);
  status = in_child(__asm__ volatile("ud2"));
  check(WIFSIGNALED(status) && WTERMSIG(status) == SIGILL);
  status = in_child(__asm__ volatile("int3"));
  check(WIFSIGNALED(status) && WTERMSIG(status) == SIGTRAP);
  status = in_child(__asm__ volatile("hlt"));
  check(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);

  signal(SIGCHLD, SIG_IGN);
  child = fork();
  if (child == 0) _exit(0);
  fails(waitpid(child, &status, 0), ECHILD);
  handle(SIGCHLD, plain, 0);
  count = 0;
  in_child(0);
  equal(count, 1);
  struct itimerval timer = {.it_value = {0, 10000}};
  handle(SIGALRM, plain, 0);
  count = 0;
  equal(setitimer(ITIMER_REAL, &timer, 0), 0);
  pause();
  equal(count, 1);
  equal(alarm(100), 0);
  equal(alarm(0), 100);
  count = 0;
  timer.it_value.tv_usec = 5000;
  setitimer(ITIMER_REAL, &timer, 0);
  while (!count) {}
  equal(count, 1);
  return done();
}
