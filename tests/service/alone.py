"""alone: the gateway with no enclave around it, in clear on both sides, for Python tests."""
import socket
import subprocess
import time

from enclave import free_port

SERVICE = "127.0.0.64"  # the address of the first endpoint, inside as here
GATEWAY = """
[image]
name = alone
version = 1
memory = 64M
cpus = 1
[app]
run = gateway
[secrets]
mode = plain
required = MTLS_CLIENT_CERT_JSON
[endpoint next.test]
port = {service}
tls = none
[inbound api]
vsock = 3000
to = 127.0.0.1:{port}
{routes}
[limits]
connections = 100
"""
ROUTES = "[route GET /*]\nto = next.test\n[route POST /*]\nto = next.test\nbody = 1M\n"
PROGRAM = "build/gcc/tests/service/gateway_alone.run"


class Gateway:
    """with Gateway(folder, service's port at SERVICE) as gateway: gateway.port, at 127.0.0.1; the routes lead to the service"""

    def __init__(self, folder, service, program=PROGRAM, routes=ROUTES):
        self.folder, self.service, self.port, self.process = folder, service, free_port(), None
        self.program, self.routes = program, routes

    def __enter__(self):
        path = f"{self.folder}/enclave.ini"
        with open(path, "w", encoding="ascii") as file:
            file.write(GATEWAY.format(service=self.service, port=self.port, routes=self.routes))
        with open(f"{self.folder}/gateway.log", "wb") as log:
            self.process = subprocess.Popen([self.program, path], stderr=log)
        for _ in range(100):
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.05)
        raise AssertionError("the gateway does not listen")

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
