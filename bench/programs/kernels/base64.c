/* Table look-ups, shifts, byte stores: encoding and decoding. */
#include <stdio.h>
#include <string.h>

enum { SIZE = 3 << 20, ROUNDS = 60 };

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static unsigned char plain[SIZE], back[SIZE];
static char encoded[SIZE / 3 * 4];
static signed char value_of[256];

static void encode(void) {
  char *to = encoded;
  for (int i = 0; i < SIZE; i += 3) {
    unsigned group = plain[i] << 16 | plain[i + 1] << 8 | plain[i + 2];
    *to++ = alphabet[group >> 18];
    *to++ = alphabet[group >> 12 & 63];
    *to++ = alphabet[group >> 6 & 63];
    *to++ = alphabet[group & 63];
  }
}

static int decode(void) {
  unsigned char *to = back;
  for (unsigned i = 0; i < sizeof encoded; i += 4) {
    int group = 0;
    for (int k = 0; k < 4; k++) {
      int value = value_of[(unsigned char)encoded[i + k]];
      if (value < 0) return 0;
      group = group << 6 | value;
    }
    *to++ = group >> 16;
    *to++ = group >> 8;
    *to++ = group;
  }
  return 1;
}

int main(void) {
  unsigned state = 9;
  memset(value_of, -1, sizeof value_of);
  for (int i = 0; i < 64; i++) value_of[(unsigned char)alphabet[i]] = i;
  for (int i = 0; i < SIZE; i++) plain[i] = (state = state * 1103515245 + 12345) >> 16;
  unsigned sum = 0;
  for (int round = 0; round < ROUNDS; round++) {
    encode();
    if (!decode() || memcmp(plain, back, SIZE)) return 1;
    for (int i = 0; i < SIZE; i += 4096) sum = sum * 31 + encoded[i];
    plain[round * 7919 % SIZE] ^= round;
  }
  printf("%u\n", sum);
  return 0;
}
