"""Dictionaries, strings, lists, sorting: what scripts over data do."""
import random

random.seed(7)
syllables = ["ka", "lo", "mi", "ten", "ru", "sha", "vo", "ped", "qui", "zan"]
words = ["".join(random.choice(syllables) for _ in range(1 + random.randrange(4))) for _ in range(30000)]
counts = {}
for _ in range(30):
    for word in words:
        counts[word] = counts.get(word, 0) + 1
by_length = {}
for word, count in counts.items():
    by_length.setdefault(len(word), []).append((count, word))
for length, found in sorted(by_length.items()):
    found.sort(key=lambda each: (-each[0], each[1]))
    print(length, found[:3])
text = " ".join(words)
lines = [text[i:i + 60].strip().upper().replace("KA", "ca") for i in range(0, len(text), 60)]
table = [dict(zip(("key", "first", "size"), (line, line.split(" ")[0], len(line)))) for line in lines]
table.sort(key=lambda row: row["first"])
print(len(table), sum(row["size"] for row in table), "".join(row["first"][:1] for row in table[::101]))
grouped = {}
for row in table:
    for part in row["key"].split():
        grouped.setdefault(part[:2], set()).add(part)
print(sorted((key, len(parts)) for key, parts in grouped.items())[:5])
squares = {n: n * n for n in range(600000)}
print(sum(value for key, value in squares.items() if key % 3 == 0))
