// Code that no compiler makes: `hostile CASE` prints what happened. The host's processor says what should.
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

typedef long function(void);
typedef unsigned char byte;

enum { PAGE = 4096, STATES = 1000 };

static byte *pages(long count, int prot) { return mmap(0, count * PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }
static byte *code_page(void) { return pages(2, PROT_READ | PROT_WRITE | PROT_EXEC); }
static long call(const void *at) { return ((function *)at)(); }
static void put32(byte *at, uint32_t value) { memcpy(at, &value, 4); }

// --- signals: where the last one happened, relative to the code in question

static sigjmp_buf after;
static volatile int last_signal, last_code;
static volatile uintptr_t last_address, last_rip;

static void note(int signal, siginfo_t *info, void *context) {
  last_signal = signal;
  last_code = info->si_code;
  last_address = (uintptr_t)info->si_addr;
  last_rip = ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
  siglongjmp(after, 1);
}

static void catch_all(void (*handler)(int, siginfo_t *, void *)) {
  static byte stack[1 << 16];
  stack_t alternative = {.ss_sp = stack, .ss_size = sizeof stack};
  sigaltstack(&alternative, 0);
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
  for (const int *each = (const int[]){SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, 0}; *each; each++) sigaction(*each, &action, 0);
}

/* Calls code that ends in a signal. */
static void attempt(const char *what, const byte *code, const byte *origin) {
  if (sigsetjmp(after, 1) == 0) {
    long result = call(code);
    printf("%s: returned %ld\n", what, result);
    return;
  }
  long address = last_address - (uintptr_t)origin;
  long rip = last_rip - (uintptr_t)origin;
  printf("%s: signal %d, rip %s%lx, ", what, last_signal, rip >= 0 && rip < 4 * PAGE ? "+" : "", rip >= 0 && rip < 4 * PAGE ? rip : (long)last_rip);
  if (address >= 0 && address < 4 * PAGE) printf("address +%lx\n", address);
  else printf("address %s\n", last_address == 0 ? "0" : "elsewhere");
}

// --- decoding

long inside(void), overlapped(long);
__asm__(".text\n inside: mov $0x00c3c0ff,%eax\n add $5,%eax\n ret\n"
        "overlapped: xor %eax,%eax\n jmp 1f\n 2: .byte 0xb8\n 1: .byte 0x83,0xc0,0x03,0x90\n sub $1,%rdi\n jg 2b\n ret\n");

static void middle(void) {
  // From the second byte on it is `inc eax; ret`; eax holds what the compiler left, so only that it returns counts.
  long whole = inside();
  long part;
  __asm__ volatile("mov $41,%%eax\n call inside+1" : "=a"(part) : : "memory", "cc");
  printf("%lx %ld %ld\n", whole, part, overlapped(1000));
  byte *code = code_page();
  // jmp to its own second byte: inc eax; ret
  memcpy(code, (byte[]){0x31, 0xc0, 0xeb, 0xff, 0xc0, 0xc3}, 6);
  printf("%ld\n", call(code));
  // Each offset into one run of bytes is a program of its own.
  memcpy(code, (byte[]){0x31, 0xc0, 0x05, 0x83, 0xc0, 0x05, 0xc3, 0xff, 0xc0, 0xc3}, 10);
  for (int round = 0; round < 3; round++) printf("%ld ", call(code));
  long from_middle;
  __asm__ volatile("xor %%eax,%%eax\n call *%1" : "=a"(from_middle) : "r"(code + 3) : "memory", "cc");
  printf("%ld\n", from_middle);
}

static void nowhere(void) {
  catch_all(note);
  byte *code = code_page();
  // jmp *rax, to various places
  memcpy(code, (byte[]){0x48, 0xb8}, 2);
  memcpy(code + 10, (byte[]){0xff, 0xe0}, 2);
  byte *data = pages(1, PROT_READ | PROT_WRITE);
  memset(data, 0xc3, PAGE);
  uintptr_t targets[] = {0, 8, (uintptr_t)data, 0x7ffffffff000};
  const char *names[] = {"null", "page 0", "data", "end of the address space"};
  for (unsigned i = 0; i < sizeof targets / sizeof *targets; i++) {
    memcpy(code + 2, &targets[i], 8);
    attempt(names[i], code, i == 2 ? data : code);
  }
  // An instruction that runs into a page that cannot be executed.
  mprotect(code + PAGE, PAGE, PROT_NONE);
  memcpy(code + PAGE - 3, (byte[]){0x90, 0xb8, 0x01}, 3);
  attempt("across the end", code + PAGE - 3, code);
  mprotect(code + PAGE, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
  memcpy(code + PAGE, (byte[]){0x02, 0x03, 0x00, 0xc3}, 4);
  attempt("across pages", code + PAGE - 3, code);
}

static void illegal(void) {
  catch_all(note);
  byte *code = code_page();
  static const struct { const char *name; byte bytes[20]; int length; } rows[] = {
    {"ud2", {0x0f, 0x0b}, 2}, {"push es", {0x06}, 1}, {"into", {0xce}, 1}, {"lock mov", {0xf0, 0x89, 0xc0}, 3}, {"lock add register", {0xf0, 0x01, 0xc0}, 3},
    {"fourteen prefixes", {0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x90}, 15},
    {"hlt", {0xf4}, 1}, {"cli", {0xfa}, 1}, {"in", {0xec}, 1}, {"int3", {0xcc}, 1}, {"int 4", {0xcd, 0x04}, 2}, {"divide", {0x31, 0xc9, 0xf7, 0xf1}, 4}, {"int 80", {0xcd, 0x50}, 2}, {"mov cs", {0x8e, 0xc8}, 2}, {"rdmsr", {0x0f, 0x32}, 2}, {"ud1", {0x0f, 0xb9, 0xc0}, 3},
  };
  for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
    memset(code, 0, 64);
    memcpy(code, (byte[]){0x31, 0xc0}, 2);
    memcpy(code + 2, rows[i].bytes, rows[i].length);
    memcpy(code + 2 + rows[i].length, (byte[]){0xc3}, 1);
    attempt(rows[i].name, code, code);
  }
}

// --- recursion

static __attribute__((noinline)) long endless(volatile long n) { return endless(n + 1) + n; }
static __attribute__((noinline)) long deep(volatile long n) { return n == 0 ? 1 : deep(n - 1) + (n & 1); }
static void *deeper(void *depth) { return (void *)deep((long)depth); }

static void recursion(void) {
  catch_all(note);
  struct rlimit limit = {1 << 20, 1 << 20};
  if (fork() == 0) {
    signal(SIGSEGV, SIG_DFL);
    endless(0);
  }
  int status;
  wait(&status);
  printf("ends with signal %d\n", WTERMSIG(status));
  for (int round = 0; round < 3; round++) {
    if (sigsetjmp(after, 1) == 0) printf("returned %ld\n", endless(0));
    else printf("signal %d, code %d, on the stack: %d\n", last_signal, last_code, labs((char *)last_address - (char *)&limit) < 16 << 20);
  }
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 256 << 20);
  pthread_t thread;
  void *result;
  pthread_create(&thread, &attributes, deeper, (void *)2000000L);
  pthread_join(thread, &result);
  printf("two million deep: %ld\n", (long)result);
}

// --- size

long straight(long), many_blocks(long);
__asm__(".text\n straight: mov %rdi,%rax\n .rept 33334\n lea 1(%rax,%rax,2),%rax\n ror $7,%rax\n xor $0x55,%rax\n .endr\n ret\n"
        "many_blocks: mov %rdi,%rax\n .rept 10000\n test $1,%al\n jz 1f\n lea 3(%rax,%rax,4),%rax\n 1: ror $1,%rax\n .endr\n ret\n");

/* A block for each state: adds its number and goes to another by a table, until ecx is 0. */
static byte *machine(int states, int seed) {
  byte *code = pages((states * 32 + states * 8) / PAGE + 2, PROT_READ | PROT_WRITE | PROT_EXEC);
  uint64_t *table = (uint64_t *)(code + states * 32);
  for (int i = 0; i < states; i++) {
    uint32_t next = (uint32_t)(((uint64_t)i * 7919 + seed) % states);
    table[i] = (uintptr_t)(code + i * 32);
    byte *at = code + i * 32;
    // add eax,i; dec ecx; jz 1f; jmp *[rdx+next*8]; 1: ret
    *at++ = 0x05, put32(at, i), at += 4;
    *at++ = 0xff, *at++ = 0xc9, *at++ = 0x74, *at++ = 0x06;
    *at++ = 0xff, *at++ = 0xa2, put32(at, next * 8), at += 4;
    *at++ = 0xc3;
  }
  return code;
}

static void size(void) {
  long sum = 0;
  for (int i = 0; i < 300; i++) sum = sum * 31 + straight(i);
  printf("straight %lx\n", sum);
  for (int i = 0; i < 10; i++) sum = sum * 31 + many_blocks(i);
  printf("blocks %lx\n", sum);
  for (int round = 0; round < 2; round++) {
    byte *code = machine(STATES, round * 2 + 1);
    long result, steps = 3000000;
    __asm__ volatile("xor %%eax,%%eax\n call *%3" : "=a"(result), "+c"(steps) : "d"(code + STATES * 32), "r"(code) : "memory", "cc");
    printf("machine %lx\n", result);
  }
}

// --- code that changes

static byte *changing;

static void write_value(uint32_t value) { __atomic_store_n((uint32_t *)(changing + 8), value, __ATOMIC_SEQ_CST); }

/* nop × 7; mov eax,imm32 (aligned); ret */
static void make_changing(uint32_t value) {
  changing = code_page();
  memset(changing, 0x90, 7);
  changing[7] = 0xb8;
  changing[12] = 0xc3;
  write_value(value);
}

static void change(void) {
  make_changing(0);
  long sum = 0;
  for (int i = 0; i < 3000; i++) {
    write_value(i);
    sum += call(changing) * (i & 7);
    for (int k = 0; k < 50; k++) sum += call(changing);
  }
  printf("between calls %ld\n", sum);

  // Written while it cannot be executed, executed while it cannot be written.
  make_changing(1);
  sum = 0;
  for (int i = 0; i < 300; i++) {
    mprotect(changing, PAGE, PROT_READ | PROT_WRITE);
    write_value(i * 3);
    mprotect(changing, PAGE, PROT_READ | PROT_EXEC);
    sum += call(changing);
  }
  printf("either or %ld\n", sum);

  // Other pages in its place.
  byte *place = pages(1, PROT_READ | PROT_WRITE | PROT_EXEC);
  sum = 0;
  for (int i = 0; i < 50; i++) {
    mmap(place, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    place[0] = 0xb8, put32(place + 1, i), place[5] = 0xc3;
    sum += call(place);
  }
  catch_all(note);
  munmap(place, PAGE);
  printf("replaced %ld\n", sum);
  attempt("gone", place, place);
}

/* Executed here, written there: two mappings of the same pages, as compilers at run time have them that never map a page both ways. */
static void aliases(void) {
  int fd = memfd_create("code", 0);
  if (ftruncate(fd, 2 * PAGE) != 0) return;
  byte *written = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  byte *executed = mmap(0, 2 * PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
  long sum = 0;
  for (int i = 0; i < 2000; i++) {
    byte *to = written + i % 3 * 16;
    to[0] = 0xb8, put32(to + 1, i), to[5] = 0xc3;
    for (int k = 0; k < 20; k++) sum += call(executed + i % 3 * 16) * (k & 3);
  }
  printf("two mappings %ld\n", sum);
  // Cut off from the file, it stays as it is.
  catch_all(note);
  mprotect(executed, PAGE, PROT_READ);
  attempt("not executable", executed, executed);
  munmap(written, 2 * PAGE);
  mprotect(executed, PAGE, PROT_READ | PROT_EXEC);
  printf("again %ld\n", call(executed));
  sum = 0;
  for (int i = 0; i < 200; i++) {
    byte code[] = {0xb8, i, 0, 0, 0, 0xc3};
    if (pwrite(fd, code, sizeof code, PAGE) != sizeof code) return;
    sum += call(executed + PAGE) * 3;
  }
  printf("through the file %ld\n", sum);
}

static volatile uint32_t ordered, done, running, stop_threads;

static void *rewriter(void *arg) {
  while (!running) sched_yield();
  for (uint32_t value = 1; value <= 400; value++) {
    write_value(value);
    __atomic_store_n(&ordered, value, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&done, __ATOMIC_SEQ_CST) != value) sched_yield();
  }
  stop_threads = 1;
  return 0;
}

static void *runner(void *arg) {
  long calls = 0, wrong = 0;
  while (!stop_threads) {
    uint32_t value = call(changing);
    calls++;
    running = 1;
    if (value > 400) wrong++;
  }
  return (void *)(calls > 0 ? wrong : -1);
}

static void threads(void) {
  make_changing(0);
  pthread_t writer, other;
  pthread_create(&writer, 0, rewriter, 0);
  pthread_create(&other, 0, runner, 0);
  long wrong = 0;
  void *torn;
  while (!stop_threads) {
    uint32_t wanted = __atomic_load_n(&ordered, __ATOMIC_SEQ_CST), unused = 0;
    if (wanted == done) {
      sched_yield();
      continue;
    }
    // Serializes, as the manual asks for.
    __asm__ volatile("cpuid" : "+a"(unused) : : "rbx", "rcx", "rdx", "memory");
    if (call(changing) != wanted) wrong++;
    __atomic_store_n(&done, wanted, __ATOMIC_SEQ_CST);
  }
  pthread_join(writer, 0);
  pthread_join(other, &torn);
  printf("from another thread: %ld wrong, %ld torn\n", wrong, (long)torn);
}

// --- registers at a fault, after the code has become hot

static void look(int signal, siginfo_t *info, void *context) {
  greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
  struct _libc_fpstate *fp = ((ucontext_t *)context)->uc_mcontext.fpregs;
  printf("signal %d:", signal);
  for (const int *each = (const int[]){REG_RAX, REG_RBX, REG_RCX, REG_RSI, REG_RDI, REG_RBP, REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, -1}; *each >= 0; each++)
    printf(" %llx", (unsigned long long)registers[*each]);
  for (int i = 0; i < 4; i++) printf(" %x:%x", fp->_xmm[i].element[0], fp->_xmm[i].element[3]);
  printf("\n");
  // The handler mends what it finds: a result in rdx, as if the instruction had been there.
  registers[REG_RDX] = 1000;
  registers[REG_RIP] = registers[REG_R15];
}

/* Every register is live around the load; rdx is the only one that the fault may change. */
long hot_loop(const long *from, long rounds, long poison);
__asm__(".text\n hot_loop: push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n"
        "xor %eax,%eax\n mov $1,%ebx\n mov %rsi,%rcx\n mov $3,%ebp\n mov $4,%r8d\n mov $5,%r9d\n mov $6,%r10d\n mov $7,%r11d\n mov $8,%r12d\n mov $9,%r13d\n mov %rdx,%r14\n lea 2f(%rip),%r15\n"
        "pxor %xmm0,%xmm0\n pcmpeqd %xmm1,%xmm1\n movq %rbx,%xmm2\n movdqa %xmm2,%xmm3\n"
        "1: lea (%rbx,%rax,2),%rbx\n ror $3,%rbx\n add %rbx,%r8\n xor %r8,%r9\n add $1,%r10\n imul $5,%r11,%r11\n paddd %xmm1,%xmm0\n paddq %xmm2,%xmm3\n"
        "cmp %r14,%rcx\n mov %rdi,%rsi\n jne 3f\n xor %esi,%esi\n 3: mov (%rsi),%rdx\n 2: add %rdx,%rax\n sub %r13,%r12\n lea (%rbp,%rdx),%rbp\n"
        "dec %rcx\n jnz 1b\n add %rbx,%rax\n add %r9,%rax\n add %rbp,%rax\n pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n ret\n");

static void registers(void) {
  static long value = 12345;
  catch_all(look);
  printf("%lx\n", hot_loop(&value, 5000000, -1));
  for (int i = 0; i < 3; i++) printf("%lx\n", hot_loop(&value, 3000000, 1000000 - i * 333333));
}

/* Signals from a timer while registers and flags are all in use. */
static volatile long alarms;
static void count_alarm(int signal) { alarms++; }

static void interrupted(void) {
  signal(SIGALRM, count_alarm);
  struct itimerval every = {{0, 2000}, {0, 2000}};
  static long value = 12345;
  long expected = hot_loop(&value, 200000, -1), wrong = 0;
  setitimer(ITIMER_REAL, &every, 0);
  for (int i = 0; i < 400 && alarms < 60; i++) wrong += hot_loop(&value, 200000, -1) != expected;
  while (alarms < 20) wrong += hot_loop(&value, 200000, -1) != expected;
  printf("%ld wrong\n", wrong);
}

int main(int argc, char **argv) {
  static const struct { const char *name; void (*run)(void); } cases[] = {
    {"middle", middle}, {"nowhere", nowhere}, {"illegal", illegal}, {"recursion", recursion}, {"size", size}, {"change", change}, {"aliases", aliases}, {"threads", threads}, {"registers", registers}, {"interrupted", interrupted},
  };
  setvbuf(stdout, 0, _IONBF, 0);
  for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) if (argc > 1 && strcmp(argv[1], cases[i].name) == 0) return cases[i].run(), 0;
  return 2;
}
