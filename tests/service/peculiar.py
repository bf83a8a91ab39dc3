#!/usr/bin/env python3
"""peculiar: a service behind mutual TLS (or in clear) that keeps connections and answers in every way a service can, good and bad.

    tests/service/peculiar.py ADDRESS:PORT [DIR [NAME]]    DIR holds NAME.crt and NAME.key (server), and ca.crt; without it: in clear

The first word of the path says how it answers; any other gets JSON of what came: {"method", "target", "fields", "size", "sha256", "connection"},
where fields are [name, value] pairs and connection counts those that were accepted. What listens is written as one line.
"""
import hashlib
import itertools
import json
import socket
import ssl
import sys
import threading
import time

NUMBERS = itertools.count(1)
SEEN = {}  # how often a path of /first-… was asked for


def answer(status, body, *fields):
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *fields]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


class Gone(Exception):
    """The connection ends here, without a goodbye."""


class Connection:
    def __init__(self, plain, stream):
        self.plain, self.stream, self.number, self.waiting, self.requests = plain, stream, next(NUMBERS), b"", 0

    def more(self):
        data = self.stream.recv(65536)
        if not data:
            raise Gone
        self.waiting += data

    def line(self):
        while b"\r\n" not in self.waiting:
            self.more()
        line, self.waiting = self.waiting.split(b"\r\n", 1)
        return line.decode("latin-1")

    def take(self, size, sink):
        while size > 0:
            if not self.waiting:
                self.more()
            part, self.waiting = self.waiting[:size], self.waiting[size:]
            sink(part)
            size -= len(part)

    def head(self):
        first = self.line().split(" ")
        fields = []
        while line := self.line():
            fields.append(line.split(": ", 1))
        return first[0], first[1], fields

    def body(self, fields, sink):
        named = {name.lower(): value for name, value in fields}
        if named.get("transfer-encoding") == "chunked":
            while size := int(self.line(), 16):
                self.take(size, sink)
                self.line()
            self.line()
        else:
            self.take(int(named.get("content-length", 0)), sink)

    def echo(self, method, target, fields):
        digest, size = hashlib.sha256(), 0

        def sink(part):
            nonlocal size
            digest.update(part)
            size += len(part)
        self.body(fields, sink)
        told = {"method": method, "target": target, "fields": fields, "size": size, "sha256": digest.hexdigest(), "connection": self.number}
        text = json.dumps(told).encode()
        self.stream.sendall(answer(200, b"" if method == "HEAD" else text, "Content-Type: application/json", "X-Request-Id: theirs") if method != "HEAD"
                            else b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(text))

    def serve(self):
        while True:
            method, target, fields = self.head()
            self.requests += 1
            word, _, rest = target.strip("/").partition("/")
            how = getattr(self, "do_" + word.replace("-", "_"), None)
            if how is None:
                self.echo(method, target, fields)
                continue
            if word not in ("early", "deaf"):
                self.body(fields, lambda part: None)
            how(rest)

    def end(self):
        """The end of a TLS connection as it should be; in clear there is no other."""
        if self.stream is not self.plain:
            self.stream.unwrap()
        raise Gone

    # ---- what it does, by the path's first word; the rest of the path says how much ----

    def do_interim(self, _):
        self.stream.sendall(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + answer(200, b"final"))

    def do_switch(self, _):
        self.stream.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")

    def do_status(self, rest):
        status = int(rest)
        self.stream.sendall(b"HTTP/1.1 %d X\r\nETag: \"a\"\r\n\r\n" % status if status in (204, 304) else answer(status, b"as asked"))

    def do_chunked(self, rest):
        self.stream.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"one ") + chunk(b"two" + rest.encode()) + b"0\r\nT: x\r\n\r\n")

    def do_until_close(self, rest):
        self.stream.sendall(b"HTTP/1.1 200 OK\r\n\r\nno length")
        if rest == "polite":
            self.end()
        raise Gone

    def do_cut(self, rest):
        self.stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * int(rest))
        raise Gone

    def do_large(self, rest):
        size = int(rest)
        self.stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        block = bytes(range(256)) * 256
        while size > 0:
            self.stream.sendall(block[:size])
            size -= min(size, len(block))

    def do_garbage(self, _):
        self.stream.sendall(b"\x00\x01 this is no HTTP\r\n\r\n")

    def do_two_lengths(self, _):
        self.stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab")

    def do_behind(self, _):
        """An answer, and bytes behind it that nobody asked for."""
        self.stream.sendall(answer(200, b"mine") + answer(200, b"someone else's"))

    def do_fields(self, _):
        self.stream.sendall(answer(200, b"", "Connection: X-Hop, keep-alive", "X-Hop: a", "Keep-Alive: timeout=5", "Proxy-Authenticate: Basic", "X-Kept: b",
                                   "Set-Cookie: a=1", "Set-Cookie: b=2"))

    def do_huge_head(self, rest):
        self.stream.sendall(answer(200, b"", *(f"X-{i}: {'x' * 100}" for i in range(int(rest)))))

    def do_silent(self, _):
        time.sleep(60)

    def do_stuck(self, _):
        """The answer stops in its middle."""
        self.stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        time.sleep(60)

    def do_drip(self, rest):
        """A byte every 0.4 s, more slowly in all than the time between two bytes would be."""
        self.stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % int(rest))
        for _ in range(int(rest)):
            time.sleep(0.4)
            self.stream.sendall(b".")

    def do_sleep(self, rest):
        time.sleep(float(rest))
        self.stream.sendall(answer(200, b"slept"))

    def do_early(self, _):
        """Answers before the body is there, and closes."""
        self.stream.sendall(answer(403, b"not this", "Connection: close"))
        time.sleep(0.2)
        self.end()

    def do_deaf(self, _):
        """Takes nothing of the body."""
        time.sleep(60)

    def do_closes(self, _):
        """A good answer, and the end, unannounced."""
        self.stream.sendall(answer(200, b"goodbye %d" % self.number))
        self.end()

    def do_dies_kept(self, _):
        """On a connection that served before: no byte of an answer."""
        if self.requests > 1:
            raise Gone
        self.stream.sendall(answer(200, b"alive %d" % self.number))

    def do_first(self, rest):
        """The first times, as often as the rest says before its next slash, no byte of an answer."""
        times, _, name = rest.partition("/")
        SEEN[name] = SEEN.get(name, 0) + 1
        if SEEN[name] <= int(times):
            raise Gone
        self.stream.sendall(answer(200, b"at the %d" % SEEN[name]))

    def do_half(self, name):
        """Some bytes of a head, and the end."""
        SEEN[name] = SEEN.get(name, 0) + 1
        self.stream.sendall(b"HTTP/1.1 2")
        raise Gone

    def do_seen(self, rest):
        self.stream.sendall(answer(200, b"%d" % SEEN.get(rest, 0)))


def serve(context, plain):
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    stream = plain
    try:
        stream = context.wrap_socket(plain, server_side=True) if context else plain
        Connection(plain, stream).serve()
    except (Gone, OSError, ssl.SSLError, ValueError):
        pass
    finally:
        if stream.fileno() >= 0:
            socket.socket(fileno=stream.detach()).close()


if not 2 <= len(sys.argv) <= 4:
    sys.exit(__doc__)
ADDRESS, PORT = sys.argv[1].rsplit(":", 1)
CONTEXT = None
if len(sys.argv) > 2:
    NAME = sys.argv[3] if len(sys.argv) > 3 else "server"
    CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    CONTEXT.load_cert_chain(f"{sys.argv[2]}/{NAME}.crt", f"{sys.argv[2]}/{NAME}.key")
    CONTEXT.load_verify_locations(f"{sys.argv[2]}/ca.crt")
    CONTEXT.verify_mode = ssl.CERT_REQUIRED
    CONTEXT.maximum_version = ssl.TLSVersion.TLSv1_2
with socket.create_server((ADDRESS, int(PORT)), backlog=256) as listener:
    print("listening", flush=True)
    while True:
        threading.Thread(target=serve, args=(CONTEXT, listener.accept()[0]), daemon=True).start()
