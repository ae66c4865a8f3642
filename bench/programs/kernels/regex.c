/* A backtracking matcher: literals, '.', classes, '*', '+', '?', groups with alternatives; calls and branches on bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { LITERAL, ANY, CLASS, GROUP };

struct piece {
  enum kind kind;
  char literal;
  unsigned char set[32];
  struct branch *branches;
  int least, most;
  struct piece *next;
};
struct branch {
  struct piece *first;
  struct branch *next;
};

static const char *pattern;

static struct branch *alternatives(void);

static struct piece *one(void) {
  struct piece *made = calloc(1, sizeof *made);
  made->least = made->most = 1;
  char c = *pattern++;
  if (c == '(') {
    made->kind = GROUP;
    made->branches = alternatives();
    pattern++;
  } else if (c == '[') {
    made->kind = CLASS;
    int inverse = *pattern == '^' && pattern++;
    for (; *pattern != ']'; pattern++) {
      int to = pattern[1] == '-' ? pattern[2] : *pattern;
      for (int each = *pattern; each <= to; each++) made->set[each >> 3] |= 1 << (each & 7);
      if (to != *pattern) pattern += 2;
    }
    pattern++;
    if (inverse) for (int i = 0; i < 32; i++) made->set[i] = ~made->set[i];
  } else if (c == '.') {
    made->kind = ANY;
  } else {
    made->literal = c == '\\' ? *pattern++ : c;
  }
  if (*pattern == '*') made->least = 0, made->most = 1 << 30, pattern++;
  else if (*pattern == '+') made->most = 1 << 30, pattern++;
  else if (*pattern == '?') made->least = 0, pattern++;
  return made;
}

static struct branch *alternatives(void) {
  struct branch *first = 0, **end = &first;
  do {
    struct branch *made = calloc(1, sizeof *made);
    struct piece **last = &made->first;
    while (*pattern && *pattern != '|' && *pattern != ')') *last = one(), last = &(*last)->next;
    *end = made;
    end = &made->next;
  } while (*pattern == '|' && pattern++);
  return first;
}

/* What is left to match after a piece, innermost first. */
struct rest {
  const struct piece *piece;
  int count;
  const struct rest *outer;
};

static const char *match(const struct piece *piece, int count, const char *text, const struct rest *outer) {
  if (!piece) return outer ? match(outer->piece, outer->count, text, outer->outer) : text;
  if (piece->kind == GROUP) {
    if (count < piece->most) {
      struct rest again = {piece, count + 1, outer};
      for (const struct branch *each = piece->branches; each; each = each->next) {
        const char *end = match(each->first, 0, text, &again);
        if (end) return end;
      }
    }
    return count >= piece->least ? match(piece->next, 0, text, outer) : 0;
  }
  const char *end = text;
  int found = 0;
  for (; found < piece->most && *end && *end != '\n'; found++, end++) {
    unsigned char c = *end;
    if (piece->kind == LITERAL ? c != piece->literal : piece->kind == CLASS && !(piece->set[c >> 3] >> (c & 7) & 1)) break;
  }
  for (; found >= piece->least; found--, end--) {
    const char *matched = match(piece->next, 0, end, outer);
    if (matched) return matched;
  }
  return 0;
}

static char text[2000000];

int main(void) {
  static const char *const patterns[] = {"[a-z]+@[a-z]+\\.(com|org|net)", "(ab|a)(c|bcd)*d?e", "[0-9]+-[0-9]+(-[0-9]+)?", "x.*y.*z", "(([a-f]|[0-9])[a-f0-9])+:", "([^ ]+ )?the [a-z]*ing"};
  static const char *const words[] = {"user", "@", "host", ".org", " ", "abcde", "12-34", "-56", "x", "y z", " the ", "running", "c0ffee:", "abab", "\n", ".com", "a", "bcdbcd", "e ", "9"};
  unsigned state = 5, length = 0;
  while (length < sizeof text - 16) {
    const char *word = words[(state = state * 1103515245 + 12345) >> 16 & 15 ? (state >> 20) % 20 : 14];
    strcpy(text + length, word);
    length += strlen(word);
  }
  unsigned long sum = 0;
  for (unsigned i = 0; i < sizeof patterns / sizeof *patterns; i++) {
    pattern = patterns[i];
    struct branch *expression = alternatives();
    struct piece whole = {.kind = GROUP, .branches = expression, .least = 1, .most = 1};
    int matches = 0;
    for (const char *at = text; *at;) {
      const char *end = match(&whole, 0, at, 0);
      if (end && end > at) matches++, sum = sum * 31 + (end - at), at = end;
      else at++;
    }
    printf("%d ", matches);
  }
  printf("%lu\n", sum);
  return 0;
}
