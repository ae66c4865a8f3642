/*
 * The mixture that embedded processors are compared with: a linked list that is searched, sorted and reversed, matrices of
 * short integers, a state machine over text, each result folded into a CRC.
 */
#include <stdio.h>
#include <string.h>

enum { ITEMS = 120, N = 12, ROUNDS = 36000 };

typedef unsigned short u16;

static u16 crc(u16 sum, u16 value) {
  for (int i = 0; i < 16; i++, value >>= 1) sum = sum >> 1 ^ ((sum ^ value) & 1 ? 0xa001 : 0);
  return sum;
}

struct item {
  struct item *next;
  short key, order;
};

static struct item items[ITEMS];

static int by_key(const struct item *a, const struct item *b) { return a->key - b->key; }
static int by_order(const struct item *a, const struct item *b) { return a->order - b->order; }

static struct item *merge_sort(struct item *list, int count, int (*compare)(const struct item *, const struct item *)) {
  if (count == 1) {
    list->next = 0;
    return list;
  }
  struct item *middle = list;
  for (int i = 0; i < count / 2; i++) middle = middle->next;
  struct item *b = merge_sort(middle, count - count / 2, compare);
  struct item *a = merge_sort(list, count / 2, compare), *first, **end = &first;
  while (a && b) {
    struct item **from = compare(a, b) <= 0 ? &a : &b;
    *end = *from;
    end = &(*end)->next;
    *from = (*from)->next;
  }
  *end = a ? a : b;
  return first;
}

static struct item *reverse(struct item *list) {
  struct item *done = 0;
  while (list) {
    struct item *next = list->next;
    list->next = done;
    done = list;
    list = next;
  }
  return done;
}

static u16 lists(u16 sum, int seed) {
  for (int i = 0; i < ITEMS; i++) items[i] = (struct item){i + 1 < ITEMS ? &items[i + 1] : 0, (short)(i * 7919 + seed), (short)i};
  struct item *list = merge_sort(items, ITEMS, by_key);
  for (int wanted = 0; wanted < ITEMS; wanted += 9) {
    struct item *each = list;
    while (each && each->order != wanted) each = each->next;
    sum = crc(sum, each ? each->key : 0);
    list = reverse(list);
  }
  list = merge_sort(list, ITEMS, by_order);
  return crc(sum, list->next->key);
}

static short a[N][N], b[N][N];
static int c[N][N];

static u16 matrices(u16 sum, int seed) {
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) a[i][j] = (seed + i * 3 - j) % 211, b[i][j] = (i ^ j) + seed % 17;
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) {
      int total = 0;
      for (int k = 0; k < N; k++) total += a[i][k] * b[k][j];
      c[i][j] = total;
    }
  int total = 0, last = 0;
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) {
      total += c[i][j] > last ? 10 : c[i][j] >> 2 & 15;
      last = c[i][j];
      a[i][j] = (short)(c[i][j] >> 3);
    }
  return crc(sum, (u16)total);
}

enum state { START, SIGN, DIGITS, POINT, FRACTION, EXPONENT, EXPONENT_SIGN, SCIENTIFIC, WRONG, STATES };

static enum state next_state(enum state state, char c) {
  int digit = c >= '0' && c <= '9';
  switch (state) {
    case START: return digit ? DIGITS : c == '+' || c == '-' ? SIGN : c == '.' ? POINT : WRONG;
    case SIGN: return digit ? DIGITS : c == '.' ? POINT : WRONG;
    case DIGITS: return digit ? DIGITS : c == '.' ? FRACTION : c == 'e' || c == 'E' ? EXPONENT : WRONG;
    case POINT: return digit ? FRACTION : WRONG;
    case FRACTION: return digit ? FRACTION : c == 'e' || c == 'E' ? EXPONENT : WRONG;
    case EXPONENT: return digit ? SCIENTIFIC : c == '+' || c == '-' ? EXPONENT_SIGN : WRONG;
    case EXPONENT_SIGN: case SCIENTIFIC: return digit ? SCIENTIFIC : WRONG;
    default: return WRONG;
  }
}

static u16 machine(u16 sum, int seed) {
  static char text[] = "5012,-7.25,+3e8,.5,12x4,6.02e+23,T0.3,-,99e,1.5e-7,0xff,8765.4321,--1,+.5e2,3,14,15.9,26e5";
  int seen[STATES] = {0};
  enum state state = START;
  text[seed % (sizeof text - 1)] ^= 1;
  for (const char *at = text; *at; at++) {
    if (*at == ',') seen[state]++, state = START;
    else state = next_state(state, *at);
  }
  text[seed % (sizeof text - 1)] ^= 1;
  for (int i = 0; i < STATES; i++) sum = crc(sum, seen[i]);
  return sum;
}

int main(void) {
  u16 sum = 0;
  for (int round = 0; round < ROUNDS; round++) sum = machine(matrices(lists(sum, round), round), round);
  printf("%04x\n", sum);
  return 0;
}
