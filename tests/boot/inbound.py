"""inbound: an enclave whose ports speak TLS, its clients' certificates, and a tap on the parent instance's side, for Python tests."""
import json
import os
import select
import socket
import subprocess
import threading

from enclave import Enclave, build_image
from service import HOST

NAME = "enclave.test"
SESSIONS = 60  # image/budget.h: five eighths of the connections
INI = f"""
[image]
name = inbound
version = 1
memory = 96M
cpus = 2

[app]
run = watermark

[secrets]
mode = plain
required = MTLS_CLIENT_CERT_JSON MTLS_SERVER_CERT_JSON
again = identity

[endpoint {HOST}]
port = 8080
tls = mutual
ca = pushed
eku = required

[inbound api]
vsock = 3000
to = 127.0.0.1:3000
tls = mutual
ca = pushed

; the same clients, but only two of them
[inbound few]
vsock = 3001
to = 127.0.0.1:3001
tls = mutual
ca = ca.crt
eku = required
allow = CN=tee-client, DNS:listed.test

[inbound local]
vsock = 3002
to = 127.0.0.1:3002

[inbound status]
vsock = 7900

[limits]
connections = 96
"""
PORTS = ("api", "few", "local")


class Clients:
    """Certificates of the service's CA in a folder of tests/service/certificates: the enclave's own, and clients good and bad."""

    def __init__(self, folder):
        self.folder = folder
        for name, kind in (("enclave", "rsa:2048"), ("renewed", "ec:params")):
            self._key(name, kind, f"/CN={NAME}/O={name}")
            self._sign(name, "ca", f"subjectAltName=DNS:{NAME},IP:127.0.0.1\nextendedKeyUsage=serverAuth")
        client = "extendedKeyUsage=clientAuth"
        for name, subject, authority, extensions, days in (
                ("listed", "/CN=one/CN=two", "ca", f"{client}\nsubjectAltName=DNS:listed.test", 30),
                ("unlisted", "/CN=somebody", "ca", client, 30),
                ("purposeless", "/CN=tee-client", "ca", "keyUsage=digitalSignature", 30),
                ("expired", "/CN=tee-client", "ca", client, -1),
                ("rogue", "/CN=tee-client", "rogue-ca", client, 30)):
            self.issue(name, subject, extensions, authority, days)

    def issue(self, name, subject, extensions, authority="ca", days=30):
        self._key(name, "ec:params", subject)
        self._sign(name, authority, extensions, days)

    def _run(self, *words):
        subprocess.run(["openssl", *words], check=True, cwd=self.folder, stderr=subprocess.DEVNULL)

    def _key(self, name, kind, subject):
        if kind == "ec:params":  # a curve, as openssl 3.0 wants it for -newkey
            self._run("ecparam", "-name", "prime256v1", "-out", "params")
        self._run("req", "-new", "-newkey", kind, "-nodes", "-keyout", f"{name}.key", "-subj", subject, "-out", f"{name}.csr")

    def _sign(self, name, authority, extensions, days=30):
        with open(self.path(f"{name}.ext"), "w", encoding="ascii") as file:
            file.write(extensions)
        self._run("x509", "-req", "-in", f"{name}.csr", "-CA", f"{authority}.crt", "-CAkey", f"{authority}.key", "-CAcreateserial",
                  "-days", str(days), "-sha256", "-extfile", f"{name}.ext", "-out", f"{name}.crt")

    def path(self, name):
        return os.path.join(self.folder, name)

    def text(self, name):
        with open(self.path(name), encoding="ascii") as file:
            return file.read()

    def pair(self, name):
        return self.path(f"{name}.crt"), self.path(f"{name}.key")

    def server_identity(self, name="enclave"):
        return {"server_cert": self.text(f"{name}.crt"), "server_key": self.text(f"{name}.key"), "ca_cert": self.text("ca.crt")}

    def push(self):
        """What is pushed: both identities."""
        both = {**json.loads(self.text("secrets.json")), "MTLS_SERVER_CERT_JSON": self.server_identity()}
        return json.dumps(both).encode()


class Wiretap:
    """The parent instance between a client and a port of the enclave: all bytes that it carries are in seen."""

    def __init__(self, port):
        self.target = port
        self.seen = bytearray()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client):
        with client, socket.create_connection(("127.0.0.1", self.target)) as enclave:
            other = {client: enclave, enclave: client}
            while other:
                for side in select.select(list(other), [], [])[0]:
                    try:
                        data = side.recv(65536)
                        self.seen += data
                        if data:
                            other[side].sendall(data)
                            continue
                        other.pop(side).shutdown(socket.SHUT_WR)
                    except OSError:
                        return

    def close(self):
        self.listener.close()


def boot(folder, service, *arguments, ini=INI):
    """Builds the image beside ca.crt in folder and boots it; not yet pushed to."""
    return Enclave(build_image(folder, ini), *arguments, connect_to=service.connect_to(), listen=PORTS)
