"""Compiling and matching of regular expressions."""
import re

state = 3


def random(limit):
    global state
    state = (state * 1103515245 + 12345) % 2147483648
    return (state >> 8) % limit


parts = ["GET /index.html?id=17 ", "10.0.0.255 ", "[24/Nov/2026:03:17:58 +0000] ", "user@example.org ", "\"Mozilla/5.0 (X11; Linux x86_64)\" ", "404 ", "aaaaaaaab ", "<a href='x'>text</a> ", "0x7fff ", "-12.5e3 ", "\n"]
text = "".join(parts[random(len(parts))] for _ in range(16000))
patterns = [
    r"\b(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\b",
    r"(?P<user>[\w.]+)@(?P<host>[\w.]+)\.(?:org|com)",
    r"(?m)^(GET|POST) (/\S*?)(?:\?(\S*))?(?= )",
    r"<(\w+)(?: [^>]*)?>(.*?)</\1>",
    r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?",
    r"(?:a|aa)+b",
    r"\[([^\]]+)\] .*?\"([^\"]*)\"",
]
for pattern in patterns:
    found = re.findall(pattern, text)
    print(len(found), found[:1])
print(len(re.sub(r"(\w+)@(\w+)", lambda match: match[2] + match[1].upper(), text)), len(re.split(r"[\s\"']+", text)))
for n in range(60):
    re.compile(rf"(?:x{n}|[a-{chr(98 + n % 20)}]){{{n % 5 + 2},{n + 9}}}(?=\d{n}|$)").search(text[:20000])
re.purge()
