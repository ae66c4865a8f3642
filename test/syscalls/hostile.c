/* Memory accesses of every kind to every kind of forbidden page: SIGSEGV in that child only. mmap(2), sigaction(2) */
#include "check.h"

typedef void access_fn(char *);

static void load8(char *p) { (void)*(volatile uint8_t *)p; }
static void load32(char *p) { (void)*(volatile uint32_t *)p; }
static void load64(char *p) { (void)*(volatile uint64_t *)p; }
static void load_sse(char *p) { __asm__ volatile("movups (%0), %%xmm0" : : "r"(p) : "xmm0"); }
static void load_sse_aligned(char *p) { __asm__ volatile("movaps (%0), %%xmm0" : : "r"(p) : "xmm0"); }
static void load_low(char *p) { __asm__ volatile("movlps (%0), %%xmm0" : : "r"(p) : "xmm0"); }
static void load_scalar(char *p) { __asm__ volatile("movss (%0), %%xmm0" : : "r"(p) : "xmm0"); }
static void load_mmx(char *p) { __asm__ volatile("movq (%0), %%mm0; emms" : : "r"(p) : "mm0"); }
static void load_x87(char *p) { __asm__ volatile("fldt (%0); fstp %%st(0)" : : "r"(p)); }
static void load_add(char *p) { __asm__ volatile("addl (%0), %%eax" : : "r"(p) : "eax"); }
static void load_pop(char *p) { __asm__ volatile("movq %%rsp, %%rbx; movq %0, %%rsp; popq %%rax; movq %%rbx, %%rsp" : : "r"(p) : "rax", "rbx"); }
static void load_ret(char *p) { __asm__ volatile("movq %0, %%rsp; ret" : : "r"(p)); }
static void load_jump(char *p) { __asm__ volatile("jmp *(%0)" : : "r"(p)); }
static void load_call(char *p) { __asm__ volatile("call *(%0)" : : "r"(p)); }
static void load_lods(char *p) { __asm__ volatile("lodsq" : "+S"(p) : : "rax"); }
static void load_scas(char *p) { __asm__ volatile("repne scasb" : "+D"(p) : "a"(1), "c"(10000) : "cc"); }
static void load_cmps(char *p) { static char z[9000]; char *q = z; __asm__ volatile("movl $9000, %%ecx; repe cmpsb" : "+S"(p), "+D"(q) : : "rcx", "cc"); }
static void load_movs(char *p) { static char z[9000]; char *q = z; __asm__ volatile("movl $1000, %%ecx; rep movsq" : "+S"(p), "+D"(q) : : "rcx", "memory"); }
static void load_fxrstor(char *p) { __asm__ volatile("fxrstor (%0)" : : "r"(p)); }
static void store8(char *p) { *(volatile uint8_t *)p = 1; }
static void store64(char *p) { *(volatile uint64_t *)p = 1; }
static void store_sse(char *p) { __asm__ volatile("movups %%xmm0, (%0)" : : "r"(p) : "memory"); }
static void store_nt(char *p) { __asm__ volatile("movntdq %%xmm0, (%0)" : : "r"(p) : "memory"); }
static void store_scalar(char *p) { __asm__ volatile("movsd %%xmm0, (%0)" : : "r"(p) : "memory"); }
static void store_x87(char *p) { __asm__ volatile("fld1; fstpt (%0)" : : "r"(p) : "memory"); }
static void store_fxsave(char *p) { __asm__ volatile("fxsave (%0)" : : "r"(p) : "memory"); }
static void store_add(char *p) { __asm__ volatile("addl $1, (%0)" : : "r"(p) : "memory"); }
static void store_lock(char *p) { __asm__ volatile("lock incl (%0)" : : "r"(p) : "memory"); }
static void store_xchg(char *p) { __asm__ volatile("xchgq %%rax, (%0)" : : "r"(p) : "rax", "memory"); }
static void store_cmpxchg(char *p) { __asm__ volatile("lock cmpxchgq %%rbx, (%0)" : : "r"(p) : "rax", "rbx", "memory"); }
static void store_cmpxchg16b(char *p) { __asm__ volatile("lock cmpxchg16b (%0)" : : "r"(p) : "rax", "rdx", "memory", "cc"); }
static void store_xadd(char *p) { __asm__ volatile("lock xaddl %%eax, (%0)" : : "r"(p) : "rax", "memory"); }
static void store_bts(char *p) { __asm__ volatile("lock btsl $3, (%0)" : : "r"(p) : "memory"); }
static void store_stos(char *p) { __asm__ volatile("movl $3000, %%ecx; rep stosb" : "+D"(p) : "a"(1) : "rcx", "memory"); }
static void store_movs(char *p) { static char z[9000]; char *q = z; __asm__ volatile("movl $3000, %%ecx; rep movsb" : "+D"(p), "+S"(q) : : "rcx", "memory"); }
static void store_push(char *p) { __asm__ volatile("leaq 8(%0), %%rsp; pushq %%rax" : : "r"(p) : "memory"); }
static void store_call(char *p) { __asm__ volatile("leaq 8(%0), %%rsp; call 1f; 1: ud2" : : "r"(p) : "memory"); }
static void store_enter(char *p) { __asm__ volatile("leaq 8(%0), %%rsp; enter $16, $0" : : "r"(p) : "memory"); }
static void store_setcc(char *p) { __asm__ volatile("setz (%0)" : : "r"(p) : "memory"); }
static void store_libc(char *p) { memset(p, 1, 20000); }
static void store_maskmov(char *p) { __asm__ volatile("pcmpeqb %%xmm1, %%xmm1; maskmovdqu %%xmm1, %%xmm0" : : "D"(p) : "memory", "xmm1"); }
static void execute(char *p) { ((void (*)(void))p)(); }
static void execute_jump(char *p) { __asm__ volatile("jmp *%0" : : "r"(p)); }

#define ROW(name) {#name, name}
static const struct { const char *name; access_fn *run; } reads[] = {
  ROW(load8), ROW(load32), ROW(load64), ROW(load_sse), ROW(load_sse_aligned), ROW(load_low), ROW(load_scalar), ROW(load_mmx), ROW(load_x87), ROW(load_add),
  ROW(load_pop), ROW(load_ret), ROW(load_jump), ROW(load_call), ROW(load_lods), ROW(load_scas), ROW(load_cmps), ROW(load_movs), ROW(load_fxrstor),
}, writes[] = {
  ROW(store8), ROW(store64), ROW(store_sse), ROW(store_nt), ROW(store_scalar), ROW(store_x87), ROW(store_fxsave), ROW(store_add), ROW(store_lock), ROW(store_xchg),
  ROW(store_cmpxchg), ROW(store_cmpxchg16b), ROW(store_xadd), ROW(store_bts), ROW(store_stos), ROW(store_movs), ROW(store_push), ROW(store_call), ROW(store_enter),
  ROW(store_setcc), ROW(store_libc), ROW(store_maskmov),
}, executions[] = {ROW(execute), ROW(execute_jump)};


static void attempt(const char *name, access_fn *run, const char *where, char *address) {
  char text[120];
  /* SIGSEGV needs a stack even where the stack pointer is the bad address: the default action takes none. */
  int status = in_child(run(address));
  snprintf(text, sizeof text, "%s at %s", name, where);
  /* A non-canonical stack address is #SS, which Linux makes SIGBUS. */
  int ok = WIFSIGNALED(status) && (WTERMSIG(status) == SIGSEGV || (WTERMSIG(status) == SIGBUS && (uintptr_t)address >> 47));
  check_report(ok, text, __LINE__);
  if (!ok) printf("# wait status 0x%x\n", status);
}

#define ALL(rows, where, address) for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) attempt(rows[i].name, rows[i].run, where, address)

static sigjmp_buf back;
static volatile uintptr_t fault_address;
static volatile int fault_code;
static void on_fault(int signal, siginfo_t *info, void *context) {
  (void)signal; (void)context;
  fault_address = (uintptr_t)info->si_addr;
  fault_code = info->si_code;
  siglongjmp(back, 1);
}

int main(void) {
  char *none = page_with(PROT_NONE), *read_only = page_with(PROT_READ), *plain = page_with(PROT_READ | PROT_WRITE);
  ALL(reads, "null", (char *)0);
  ALL(writes, "null", (char *)0);
  ALL(executions, "null", (char *)0);
  ALL(reads, "PROT_NONE", none + 64);
  ALL(writes, "PROT_NONE", none + 64);
  ALL(reads, "unmapped", none + 4096);
  ALL(writes, "unmapped", none + 4096);
  ALL(writes, "read-only", read_only + 64);
  ALL(writes, "text", (char *)((uintptr_t)main & ~63ul));
  ALL(executions, "data", plain + 64);
  ALL(executions, "unmapped", none + 4096);
  ALL(reads, "high canonical", (char *)0x7fffffffe000ul);
  ALL(writes, "high canonical", (char *)0x7fffffffe000ul);
  ALL(reads, "kernel", (char *)0xffffffff80000000ul);
  ALL(writes, "kernel", (char *)0xffffffff80000000ul);
  ALL(reads, "non-canonical", (char *)0x8000000000000000ul);
  ALL(writes, "non-canonical", (char *)0x4141414141414140ul);
  check(*plain == 0);

  struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
  sigaction(SIGSEGV, &action, 0);
  sigaction(SIGBUS, &action, 0);
  if (sigsetjmp(back, 1) == 0) store64(none + 8);
  equal(fault_address, (uintptr_t)none + 8);
  equal(fault_code, SEGV_ACCERR);
  if (sigsetjmp(back, 1) == 0) load8((char *)24);
  equal(fault_address, 24);
  equal(fault_code, SEGV_MAPERR);
  if (sigsetjmp(back, 1) == 0) store_stos(plain + 4000);
  equal(fault_address, (uintptr_t)plain + 4096);
  equal(plain[4095], 1);
  if (sigsetjmp(back, 1) == 0) execute(plain);
  equal(fault_address, (uintptr_t)plain);
  /* A store over a page boundary does nothing if the second page is missing. */
  memset(plain + 4080, 5, 16);
  if (sigsetjmp(back, 1) == 0) store64(plain + 4092);
  equal(plain[4092], 5);

  /* Deep recursion into the guard of the stack: on an alternate stack one can tell. */
  char *alternate = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  stack_t stack = {.ss_sp = alternate, .ss_size = 65536};
  equal(sigaltstack(&stack, 0), 0);
  action.sa_flags |= SA_ONSTACK;
  sigaction(SIGSEGV, &action, 0);
  if (sigsetjmp(back, 1) == 0) __asm__ volatile("1: pushq %%rax; jmp 1b" : : : "memory");
  check(fault_address != 0);
  equal(write(1, "", 0), 0);
  return done();
}
