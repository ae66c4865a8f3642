/* futex(2) clone(2), threads by way of pthreads(7) */
#include "check.h"
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static long counter, ready;
static __thread int mine = 5;
static int word;
static sem_t semaphore;

static long futex(int *at, int op, int value, const struct timespec *timeout, int *second, int third) { return syscall(SYS_futex, at, op, value, timeout, second, third); }

static void *count(void *arg) {
  for (int i = 0; i < 20000; i++) {
    pthread_mutex_lock(&mutex);
    counter++;
    pthread_mutex_unlock(&mutex);
  }
  mine += (long)arg;
  return (void *)(long)mine;
}

static void *waiter(void *arg) {
  pthread_mutex_lock(&mutex);
  while (!ready) pthread_cond_wait(&condition, &mutex);
  counter++;
  pthread_mutex_unlock(&mutex);
  return arg;
}

static void *spin(void *arg) {
  while (!__atomic_load_n((int *)arg, __ATOMIC_ACQUIRE)) {}
  return 0;
}

static void *sleeper(void *arg) { return (void *)futex(&word, FUTEX_WAIT_PRIVATE, 0, 0, 0, 0); }

int main(void) {
  int words[2] = {0};
  fails(syscall(SYS_futex, &words[0], FUTEX_CMP_REQUEUE, 1, -1L, &words[1], 0), EINVAL);
  fails(syscall(SYS_futex, &words[0], FUTEX_CMP_REQUEUE, -1L, 1L, &words[1], 0), EINVAL);
  equal(syscall(SYS_futex, &words[0], FUTEX_CMP_REQUEUE, 1, (long)INT_MAX, &words[1], 0), 0);
  pthread_t threads[8];
  for (long i = 0; i < 8; i++) equal(pthread_create(&threads[i], 0, count, (void *)i), 0);
  long sum = 0;
  for (int i = 0; i < 8; i++) {
    void *result;
    pthread_join(threads[i], &result);
    sum += (long)result;
  }
  equal(counter, 160000);
  equal(sum, 8 * 5 + 28);
  equal(mine, 5);
  counter = 0;
  for (int i = 0; i < 8; i++) pthread_create(&threads[i], 0, waiter, 0);
  pthread_mutex_lock(&mutex);
  ready = 1;
  pthread_cond_broadcast(&condition);
  pthread_mutex_unlock(&mutex);
  for (int i = 0; i < 8; i++) pthread_join(threads[i], 0);
  equal(counter, 8);

  int flag = 0;
  pthread_create(threads, 0, spin, &flag);
  struct timespec little = {0, 10000000};
  nanosleep(&little, 0);
  __atomic_store_n(&flag, 1, __ATOMIC_RELEASE);
  equal(pthread_join(threads[0], 0), 0);

  fails(futex(&word, FUTEX_WAIT, 1, 0, 0, 0), EAGAIN);
  fails(futex(&word, FUTEX_WAIT, 0, &little, 0, 0), ETIMEDOUT);
  equal(futex(&word, FUTEX_WAKE, 1, 0, 0, 0), 0);
  fails(futex(BAD, FUTEX_WAIT, 0, 0, 0, 0), EFAULT);
  fails(futex((int *)((char *)&word + 1), FUTEX_WAIT, 0, 0, 0, 0), EINVAL);
  fails(futex(&word, 77, 0, 0, 0, 0), ENOSYS);
  for (int i = 0; i < 4; i++) pthread_create(&threads[i], 0, sleeper, 0);
  int woken = 0;
  while (woken < 4) {
    woken += futex(&word, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0);
    sched_yield();
  }
  for (int i = 0; i < 4; i++) {
    void *result;
    pthread_join(threads[i], &result);
    equal((long)result, 0);
  }
  int *shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pid_t child = fork();
  if (child == 0) {
    while (*(volatile int *)shared == 0) futex(shared, FUTEX_WAIT, 0, 0, 0, 0);
    _exit(*shared);
  }
  nanosleep(&little, 0);
  *shared = 6;
  futex(shared, FUTEX_WAKE, 1, 0, 0, 0);
  equal(WEXITSTATUS(wait_for(child)), 6);
  sem_init(&semaphore, 0, 1);
  equal(sem_wait(&semaphore), 0);
  struct timespec deadline;
  clock_gettime(CLOCK_REALTIME, &deadline);
  fails(sem_timedwait(&semaphore, &deadline), ETIMEDOUT);
  equal(sem_post(&semaphore), 0);
  equal(sem_wait(&semaphore), 0);
  equal(syscall(SYS_gettid), getpid());
  int status = in_child({
    pthread_t other;
    int never = 0;
    pthread_create(&other, 0, spin, &never);
    exit(21);
  });
  equal(WEXITSTATUS(status), 21);
  return done();
}
