"""Classes, inheritance, method calls, queues: a simulated operating system's tasks that pass packets to each other."""


class Packet:
    def __init__(self, kind, source):
        self.kind = kind
        self.source = source
        self.data = [0, 0, 0, 0]
        self.at = 0


class Task:
    def __init__(self, system, name, priority):
        self.system = system
        self.name = name
        self.priority = priority
        self.queue = []
        self.held = False
        self.runs = 0

    def ready(self):
        return not self.held and self.queue

    def run(self):
        self.runs += 1
        self.handle(self.queue.pop(0))

    def send(self, name, packet):
        packet.source = self.name
        self.system.tasks[name].queue.append(packet)
        self.system.sent += 1

    def handle(self, packet):
        raise NotImplementedError


class Idle(Task):
    def __init__(self, system, name, rounds):
        super().__init__(system, name, 0)
        self.rounds = rounds
        self.control = 1

    def ready(self):
        return self.rounds > 0

    def run(self):
        self.runs += 1
        self.rounds -= 1
        self.control = self.control >> 1 if not self.control & 1 else self.control >> 1 ^ 0xD008
        self.system.tasks["disk" if self.control & 1 else "net"].held = False


class Device(Task):
    def handle(self, packet):
        self.held = True
        self.system.handled += 1
        self.send(packet.source if packet.kind == "work" else "handler", packet)


class Handler(Task):
    def handle(self, packet):
        packet.data[packet.at % 4] += packet.at
        packet.at += 1
        self.system.handled += 1
        self.send("worker" if packet.at % 3 else ("disk", "net")[packet.at & 1], packet)


class Worker(Task):
    def handle(self, packet):
        letter = (packet.at * 7) % 26
        for i in range(4):
            letter = (letter + 1) % 26
            packet.data[i] = ord("A") + letter
        packet.kind = "device" if packet.kind == "work" else "work"
        self.send("handler", packet)


class System:
    def __init__(self, rounds):
        self.sent = self.handled = 0
        self.tasks = {}
        for task in (Idle(self, "idle", rounds), Worker(self, "worker", 10), Handler(self, "handler", 20), Device(self, "disk", 30), Device(self, "net", 30)):
            self.tasks[task.name] = task
        self.order = sorted(self.tasks.values(), key=lambda task: -task.priority)

    def schedule(self):
        while True:
            for task in self.order:
                if task.ready():
                    task.run()
                    break
            else:
                return


system = System(60000)
for kind in ("work", "device", "work", "device"):
    system.tasks["handler"].queue.append(Packet(kind, "handler"))
system.schedule()
print(system.sent, system.handled, [(task.name, task.runs, len(task.queue)) for task in system.order])
