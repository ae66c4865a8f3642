/* A hash table with open addressing and one with chains, keys that are strings. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS = 200000, SLOTS = 1 << 19, ROUNDS = 6 };

struct entry {
  struct entry *next;
  unsigned hash;
  int count;
  char key[16];
};

static struct entry *buckets[SLOTS / 4];
static struct { unsigned key; int value; } slots[SLOTS];

static unsigned hash_of(const char *text) {
  unsigned hash = 2166136261u;
  while (*text) hash = (hash ^ (unsigned char)*text++) * 16777619u;
  return hash;
}

static struct entry *find(const char *key) {
  unsigned hash = hash_of(key);
  struct entry **bucket = &buckets[hash % (SLOTS / 4)];
  for (struct entry *each = *bucket; each; each = each->next)
    if (each->hash == hash && strcmp(each->key, key) == 0) return each;
  struct entry *made = malloc(sizeof *made);
  made->next = *bucket;
  made->hash = hash;
  made->count = 0;
  strcpy(made->key, key);
  return *bucket = made;
}

static int *slot_of(unsigned key) {
  unsigned at = key * 2654435761u >> 13;
  while (slots[at].key != key && slots[at].key != 0) at = (at + 1) % SLOTS;
  slots[at].key = key;
  return &slots[at].value;
}

int main(void) {
  unsigned state = 1;
  long sum = 0;
  for (int round = 0; round < ROUNDS; round++)
    for (int i = 0; i < KEYS; i++) {
      char key[16], *at = key + sizeof key - 1;
      state = state * 1103515245 + 12345;
      unsigned n = (state >> 8) % KEYS + 1;
      *at = 0;
      for (unsigned rest = n; rest; rest /= 10) *--at = '0' + rest % 10;
      sum += ++find(at)->count;
      sum ^= *slot_of(n) += i;
    }
  printf("%ld\n", sum);
  return 0;
}
