"""A person at a terminal: terminal.py ROWS COLUMNS COMMAND… takes steps as JSON from standard input and writes what was shown.

Steps: ["expect", TEXT] waits until TEXT is shown after what was expected before, ["type", TEXT], ["resize", ROWS, COLUMNS].
At the end the rest is shown; the exit code is the command's. A step that does not come about ends with exit code 99.
"""

import fcntl, json, os, pty, select, struct, sys, termios, time

DEADLINE = 100
rows, columns, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
steps = json.load(sys.stdin)


def resize(fd, rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


child, master = pty.fork()
if child == 0:
    resize(0, rows, columns)
    os.execvp(command[0], command)
shown, expected = b"", 0
until = time.monotonic() + DEADLINE


def more():
    global shown
    if not select.select([master], [], [], max(0, until - time.monotonic()))[0]:
        return None
    try:
        data = os.read(master, 65536)
    except OSError:
        data = b""
    shown += data
    return len(data) > 0


def end(code, note=""):
    sys.stdout.buffer.write(shown)
    sys.stdout.flush()
    sys.stderr.write(note)
    sys.exit(code)


for what, *rest in steps:
    if what == "expect":
        text = rest[0].encode()
        while (at := shown.find(text, expected)) < 0:
            if not more():
                end(99, "not shown: " + rest[0])
        expected = at + len(text)
    elif what == "type":
        os.write(master, rest[0].encode())
    else:
        resize(master, *rest)
while (there := more()):
    pass
if there is None:
    end(99, "it does not end")
end(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
