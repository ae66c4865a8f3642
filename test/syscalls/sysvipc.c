/* sysvipc(7): shmget(2) shmop(2) shmctl(2) semget(2) semop(2) semctl(2) msgget(2) msgop(2) msgctl(2) */
#include "check.h"
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

static int exit_status(pid_t pid) {
  int status;
  waitpid(pid, &status, 0);
  return status;
}

static void memory(void) {
  key_t key = 0x5e000000 + getpid();
  fails(shmget(key, 4096, 0), ENOENT);
  fails(shmget(IPC_PRIVATE, 0, 0600), EINVAL);
  int id = shmget(key, 5000, IPC_CREAT | IPC_EXCL | 0640);
  check(id >= 0);
  fails(shmget(key, 5000, IPC_CREAT | IPC_EXCL | 0600), EEXIST);
  equal(shmget(key, 100, 0), id);
  fails(shmget(key, 9000, 0), EINVAL);
  int *a = shmat(id, 0, 0), *b = shmat(id, 0, SHM_RDONLY);
  check(a != (void *)-1 && b != (void *)-1 && a != b);
  a[0] = 42;
  equal(b[0], 42);
  struct shmid_ds ds;
  equal(shmctl(id, IPC_STAT, &ds), 0);
  check(ds.shm_segsz == 5000 && ds.shm_nattch == 2 && ds.shm_cpid == getpid() && ds.shm_perm.mode == 0640 && ds.shm_perm.__key == key && ds.shm_perm.uid == geteuid());
  pid_t child = fork();
  if (child == 0) {
    shmctl(id, IPC_STAT, &ds);
    a[1] = ds.shm_nattch;
    _exit(0);
  }
  equal(exit_status(child), 0);
  equal(a[1], 4);
  ds.shm_perm.mode = 0600;
  equal(shmctl(id, IPC_SET, &ds), 0);
  fails(shmat(id, (char *)a + 1, 0), EINVAL);
  fails(shmat(id, a, 0), EINVAL);
  check(shmat(id, (char *)a + 1, SHM_RND | SHM_REMAP) == a);
  equal(a[0], 42);
  equal(shmdt(b), 0);
  fails(shmdt(b), EINVAL);
  equal(shmctl(id, IPC_RMID, 0), 0);
  shmctl(id, IPC_STAT, &ds);
  check(ds.shm_perm.mode & SHM_DEST && ds.shm_nattch == 1);
  fails(shmget(key, 100, 0), ENOENT);
  equal(shmdt(a), 0);
  fails(shmctl(id, IPC_STAT, &ds), EINVAL);
  fails(shmat(id, 0, 0), EINVAL);
  fails(shmctl(12345678, IPC_RMID, 0), EINVAL);
}

static void semaphores(void) {
  int id = semget(IPC_PRIVATE, 3, 0600);
  check(id >= 0);
  fails(semget(IPC_PRIVATE, 0, 0600), EINVAL);
  unsigned short values[3] = {1, 2, 3};
  equal(semctl(id, 0, SETALL, values), 0);
  equal(semctl(id, 1, GETVAL), 2);
  struct sembuf both[2] = {{0, -1, 0}, {1, -5, IPC_NOWAIT}};
  fails(semop(id, both, 2), EAGAIN);
  equal(semctl(id, 0, GETVAL), 1);
  both[1].sem_op = -2;
  equal(semop(id, both, 2), 0);
  equal(semctl(id, 0, GETALL, values), 0);
  check(values[0] == 0 && values[1] == 0 && values[2] == 3);
  equal(semctl(id, 0, GETPID), getpid());
  struct sembuf zero = {2, 0, IPC_NOWAIT}, down = {0, -1, 0}, up = {0, 1, 0}, far = {9, 1, 0};
  fails(semop(id, &zero, 1), EAGAIN);
  fails(semop(id, &far, 1), EFBIG);
  fails(semop(id, &up, 0), EINVAL);
  fails(semctl(id, 0, SETVAL, 40000), ERANGE);
  fails(semctl(id, 5, GETVAL), EINVAL);
  struct timespec soon = {0, 10000000};
  fails(semtimedop(id, &down, 1, &soon), EAGAIN);
  pid_t child = fork();
  if (child == 0) {
    usleep(20000);
    equal(semctl(id, 0, GETNCNT), 1);
    semop(id, &up, 1);
    _exit(0);
  }
  equal(semop(id, &down, 1), 0);
  equal(exit_status(child), 0);
  equal(semctl(id, 0, GETNCNT), 0);
  /* What a process has taken comes back when it ends. */
  semctl(id, 0, SETVAL, 4);
  child = fork();
  if (child == 0) {
    struct sembuf undone = {0, -3, SEM_UNDO};
    semop(id, &undone, 1);
    _exit(semctl(id, 0, GETVAL));
  }
  equal(WEXITSTATUS(exit_status(child)), 1);
  equal(semctl(id, 0, GETVAL), 4);
  struct semid_ds ds;
  equal(semctl(id, 0, IPC_STAT, &ds), 0);
  check(ds.sem_nsems == 3 && ds.sem_otime != 0);
  child = fork();
  if (child == 0) {
    usleep(20000);
    semctl(id, 0, IPC_RMID);
    _exit(0);
  }
  down.sem_op = -10;
  fails(semop(id, &down, 1), EIDRM);
  exit_status(child);
  fails(semop(id, &up, 1), EINVAL);
}

static void messages(void) {
  struct {
    long type;
    char text[9000];
  } m;
  int id = msgget(IPC_PRIVATE, 0600);
  check(id >= 0);
  m.type = 3, strcpy(m.text, "three");
  equal(msgsnd(id, &m, 6, 0), 0);
  m.type = 1, strcpy(m.text, "one");
  equal(msgsnd(id, &m, 4, 0), 0);
  m.type = 2, strcpy(m.text, "two");
  equal(msgsnd(id, &m, 4, 0), 0);
  struct msqid_ds ds;
  equal(msgctl(id, IPC_STAT, &ds), 0);
  check(ds.msg_qnum == 3 && ds.__msg_cbytes == 14 && ds.msg_qbytes >= 14 && ds.msg_lspid == getpid());
  fails(msgrcv(id, &m, 100, 7, IPC_NOWAIT), ENOMSG);
  fails(msgrcv(id, &m, 2, 2, IPC_NOWAIT), E2BIG);
  equal(msgrcv(id, &m, 100, -2, 0), 4);
  check(m.type == 1 && !strcmp(m.text, "one"));
  equal(msgrcv(id, &m, 100, 3, MSG_EXCEPT), 4);
  check(m.type == 2);
  equal(msgrcv(id, &m, 2, 0, MSG_NOERROR), 2);
  check(m.type == 3 && !memcmp(m.text, "th", 2));
  m.type = 0;
  fails(msgsnd(id, &m, 1, 0), EINVAL);
  m.type = 1;
  fails(msgsnd(id, &m, 8193, 0), EINVAL);
  while (msgsnd(id, &m, 4000, IPC_NOWAIT) == 0);
  equal(errno, EAGAIN);
  pid_t child = fork();
  if (child == 0) {
    usleep(20000);
    _exit(msgrcv(id, &m, 9000, 0, 0) == 4000 ? 0 : 1);
  }
  equal(msgsnd(id, &m, 4000, 0), 0);
  equal(exit_status(child), 0);
  while (msgrcv(id, &m, 9000, 0, IPC_NOWAIT) >= 0);
  child = fork();
  if (child == 0) {
    usleep(20000);
    msgctl(id, IPC_RMID, 0);
    _exit(0);
  }
  fails(msgrcv(id, &m, 9000, 0, 0), EIDRM);
  exit_status(child);
  fails(msgctl(id, IPC_STAT, &ds), EINVAL);
}

int main(void) {
  memory();
  semaphores();
  messages();
  return done();
}
