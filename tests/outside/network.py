"""A network that resets connections, between an HTTP client and a service on this machine."""

import collections
import select
import socket
import struct
import threading
import uuid

BEFORE, DURING, AFTER, HALF = "before it arrives", "while it runs", "before its answer", "amid its answer"
# How long a service has worked on a request when the connection is reset while it runs, in seconds.
A_MOMENT = 0.2


class Network:
    """Passes requests on to `service`. `plan` says of a request's body which fault each try meets, and by what name it is counted."""

    def __init__(self, service, plan, fresh_keys=False):
        self.service, self.plan, self.fresh_keys = service, plan, fresh_keys
        self.lock = threading.Lock()
        self.met = collections.Counter()
        self.statuses = collections.Counter()
        self.replays = 0
        self.tries = collections.Counter()
        self.keys = collections.defaultdict(set)
        listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = "http://127.0.0.1:%d" % listener.getsockname()[1]
        threading.Thread(target=self.accept, args=(listener,), daemon=True).start()

    def accept(self, listener):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with client, socket.create_connection(self.service) as server:
            while message := read(client):
                if not self.carry(*message, client, server):
                    # What lingers for no time is reset.
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return

    def carry(self, head, body, client, server):
        """Whether the connection goes on."""
        fault = self.fault_of(head, body)
        if fault == BEFORE:
            return False
        server.sendall((self.rekeyed(head) if self.fresh_keys else head) + body)
        if fault == DURING:
            select.select([server], [], [], A_MOMENT)
            return False
        answer = read(server)
        if answer is None or fault == AFTER:
            return False
        head, body = answer
        if fault == HALF:
            client.sendall(head + body[: len(body) // 2])
            return False
        self.count(head)
        client.sendall(head + body)
        return True

    def fault_of(self, head, body):
        planned = self.plan(body)
        if planned is None:
            return None
        name, faults = planned
        with self.lock:
            at = self.tries[name]
            self.tries[name] += 1
            self.keys[name].add(header(head, b"idempotency-key"))
            fault = faults[at] if at < len(faults) else None
            if fault:
                self.met[fault] += 1
            return fault

    def count(self, head):
        with self.lock:
            self.statuses[int(head.split(b" ", 2)[1])] += 1
            self.replays += header(head, b"idempotent-replayed") == b"true"

    @staticmethod
    def rekeyed(head):
        key = header(head, b"idempotency-key")
        return head if key is None else head.replace(key, uuid.uuid4().hex.encode())


def read(sender):
    """One message with its length in its head, as (head, body); `None` at the end."""
    data = b""
    try:
        while b"\r\n\r\n" not in data:
            if not (more := sender.recv(65536)):
                return None
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        length = int(header(head, b"content-length") or 0)
        while len(body) < length:
            if not (more := sender.recv(65536)):
                return None
            body += more
    except OSError:
        return None
    return head + b"\r\n\r\n", body


def header(head, name):
    for line in head.split(b"\r\n")[1:]:
        found, _, value = line.partition(b":")
        if found.strip().lower() == name:
            return value.strip()
    return None
