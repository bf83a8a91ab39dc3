"""traffic: `ingot relay` and `ingot proxy` as processes, the services behind them, and what their clients and metrics say."""
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import threading
import urllib.request

import tap

INGOT = os.environ.get("INGOT", "build/ingot")
PATIENCE = 20


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Served:
    """`ingot relay` or `ingot proxy` with some arguments, until the end of the block."""

    def __init__(self, verb, *words, environment=(), program=INGOT):
        self.process = subprocess.Popen([program, verb, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True, env={**os.environ, **dict(environment)})
        self.errors = []
        for line in self.process.stderr:
            self.errors.append(line.rstrip("\n"))
            if line == f"the {verb} is ready\n":
                break
        else:
            raise AssertionError(f"did not start: {self.errors}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)
        self.process.stdout.close()
        self.process.stderr.close()

    def end(self, number=signal.SIGTERM):
        """Ends it, and returns (exit status, records, the rest of what it said)."""
        self.process.send_signal(number)
        out, errors = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, [json.loads(line) for line in out.splitlines()], errors


@contextlib.contextmanager
def service(answer):
    """A listener whose every connection is given to answer(connection), in a thread of its own."""
    listener = socket.create_server(("127.0.0.1", 0))

    def attend(connection):
        with contextlib.suppress(ConnectionError):  # what the relay makes of it is asked on the other side
            answer(connection)

    def serve():
        while True:
            try:
                connection = listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=attend, args=(connection,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()


def echo(connection):
    """Gives back everything once the other side has said all."""
    with connection:
        connection.sendall(read_all(connection))


def read_all(connection):
    parts = []
    while True:
        part = connection.recv(65536)
        if not part:
            return b"".join(parts)
        parts.append(part)


def exchange(address, data):
    """Says data, ends that direction, and reads to the end."""
    kind = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(kind) as connection:
        connection.settimeout(PATIENCE)
        connection.connect(address)
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return read_all(connection)


def meet_a_reset(port):
    """Connects, and must see the connection reset: at once, or where it reads."""
    try:
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
            said = connection.recv(1)
    except ConnectionResetError:
        return
    raise AssertionError(f"no reset, but {said!r}")


def fetch(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE) as answer:
        return answer.read().decode(), answer.headers["Content-Type"]


def samples(text):
    """{(name, labels): value}; every line must be one of the exposition format's, every family announced once."""
    found, announced = {}, []
    for line in text.splitlines():
        if line.startswith("# HELP ") or line.startswith("# TYPE "):
            announced.append(tuple(line.split()[1:3]))
            continue
        match = re.fullmatch(r'([a-z_]+)\{route="((?:[^"\\\n]|\\.)*)"(?:,le="([^"]+)")?\} (\d+)', line)
        assert match, line
        base = re.sub(r"_(bucket|sum|count)$", "", match[1])
        assert ("TYPE", base) in announced or ("TYPE", match[1]) in announced, line
        key = (match[1], match[2]) + ((match[3],) if match[3] else ())
        assert key not in found, line
        found[key] = int(match[4])
    tap.equal(len(announced), len(set(announced)), "families announced")
    return found
