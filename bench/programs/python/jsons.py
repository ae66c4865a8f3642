"""Encoding and decoding of nested data, in C and in Python."""
import json

rows = [{"id": n, "name": f"row {n} \u00e9\u4e2d", "tags": ["a", "b\n", str(n % 7)], "value": n / 7, "ok": n % 3 == 0, "none": None, "sub": {"x": n * n, "y": [n] * (n % 5)}} for n in range(2500)]
total = 0
for round in range(14):
    text = json.dumps(rows)
    back = json.loads(text)
    assert back == rows
    total += len(text) + sum(row["sub"]["x"] for row in back)
print(total)
pretty = json.dumps(rows[:600], indent=2, sort_keys=True, ensure_ascii=False)
print(len(pretty), json.loads(pretty) == rows[:600], pretty[:40].split())
print(len(list(json.JSONEncoder(separators=(",", ":")).iterencode(rows[:400]))))
