"""enclave: boots an image through `ingot run` for a test and gives it back: console, addresses, a vsock folder."""
import json
import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request

ACCELERATOR = os.environ.get("ACCELERATOR", "tcg")  # the same on every machine
BOOT_SECONDS = 120  # software emulation on a busy machine


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Enclave:
    """
    with Enclave("build/watermark.eif", connect_to={"host:8080": "127.0.0.1:4711"}, secrets="secrets.json") as enclave:
        enclave.wait("heartbeat")

    listen maps an [inbound]'s label to a port of this machine; the default gives `api` a free one (enclave.port).
    """

    def __init__(self, image, *arguments, connect_to=None, secrets=None, listen=("api",)):
        self.folder = tempfile.mkdtemp(prefix="ingot-")
        self.ports = {label: free_port() for label in listen}
        self.port = next(iter(self.ports.values()), None)
        command = ["build/ingot", "run", image, "--vsock", self.folder, "--accel", ACCELERATOR, "--times", "no", *arguments]
        for label, port in self.ports.items():
            command += ["--listen", f"{label}=127.0.0.1:{port}"]
        for name, address in (connect_to or {}).items():
            command += ["--connect-to", f"{name}={address}"]
        if secrets:
            command += ["--secrets", secrets]
        self.lines = []
        self.fresh = queue.Queue()
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, errors="replace")
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            line = line.rstrip("\r\n")
            self.lines.append(line)
            self.fresh.put((time.monotonic() - self.started, line))
        self.fresh.put((time.monotonic() - self.started, None))

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        if kind is not None and not (kind is SystemExit and value.code == 0):
            print("# the console and the parent's messages:")
            for line in self.lines[-60:]:
                print(f"#   {line}")

    def stop(self):
        """Ends the run as Ctrl-C does; returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError("ingot run did not end within 15 s of SIGTERM") from None
        self.reader.join(timeout=5)
        return status

    def wait(self, pattern, seconds=BOOT_SECONDS):
        """The first line from here on that matches, and when it came (seconds since the start)."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                when, line = self.fresh.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no line like {pattern!r} within {seconds} s") from None
            if line is None:
                raise AssertionError(f"the run ended before a line like {pattern!r}")
            if re.search(pattern, line):
                return when, line

    def ended(self, seconds=BOOT_SECONDS):
        """Waits until the run ends by itself; its exit status."""
        status = self.process.wait(timeout=seconds)
        self.reader.join(timeout=5)
        return status

    def said(self, pattern):
        return [line for line in self.lines if re.search(pattern, line)]

    def says(self, pattern, seconds=5):
        """Until a line, printed before or now, matches."""
        deadline = time.monotonic() + seconds
        while not self.said(pattern):
            if time.monotonic() > deadline:
                raise AssertionError(f"no line like {pattern!r}")
            time.sleep(0.02)

    def request(self, path, body=None, seconds=60):
        """(status, bytes) of one HTTP request to the first inbound port."""
        return request(self.port, path, body, seconds)

    def push(self, data, half_close=True, seconds=40):
        """Sends bytes to the secrets port the plain way (as socat does) and returns the answer line."""
        with self.connect(7777, seconds) as connection:
            connection.sendall(data)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
            return read_all(connection)

    def connect(self, port, seconds=40):
        """A connection to a vsock port of the enclave."""
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(seconds)
        connection.connect(os.path.join(self.folder, "enclave"))
        connection.sendall(f"CONNECT {port}\n".encode())
        answer = b""
        while not answer.endswith(b"\n"):
            byte = connection.recv(1)
            if not byte:
                connection.close()
                raise ConnectionRefusedError(f"vsock port {port}")
            answer += byte
        if not re.fullmatch(rb"OK \d+\n", answer):
            raise AssertionError(f"the hybrid socket answered {answer!r}")
        return connection


def read_all(connection):
    data = b""
    while True:
        more = connection.recv(65536)
        if not more:
            return data
        data += more


def request(port, path, body=None, seconds=60):
    call = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=body)
    if body is not None:
        call.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(call, timeout=seconds) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def build_image(folder, ini, root=None, *arguments):
    """Packs an enclave.ini (text) with the built kernel and init; the image's path."""
    path = os.path.join(folder, "enclave.ini")
    with open(path, "w", encoding="utf-8") as file:
        file.write(ini)
    image = os.path.join(folder, "image.eif")
    command = ["build/ingot", "build", "-c", path, "-o", image, *arguments]
    if root:
        command += ["--root", root]
    build = subprocess.run(command, check=False, capture_output=True, text=True)
    if build.returncode != 0:
        raise AssertionError(f"ingot build: {build.stderr}")
    return image


def write_json(path, value):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file)
    return path
