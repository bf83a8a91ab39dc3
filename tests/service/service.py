"""service: the watermark service and its certificates, for Python tests."""
import json
import os
import shutil
import subprocess
import tempfile
import time

from enclave import free_port

HOST = "watermark.internal.staging.zing.you"


class Service:
    """with Service() as service: service.address, service.folder (certificates, secrets*.json), service.log()"""

    def __init__(self, certificate="server"):
        self.folder = tempfile.mkdtemp(prefix="service-", dir=os.environ.get("TEST_TMP"))
        self.address = f"127.0.0.1:{free_port()}"
        self.certificate = certificate

    def __enter__(self):
        subprocess.run(["tests/service/certificates", self.folder], check=True)
        if self.certificate != "server":
            for kind in ("crt", "key"):
                shutil.copy(self.path(f"{self.certificate}.{kind}"), self.path(f"server.{kind}"))
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        subprocess.run(["tests/service/service", "start", self.folder, self.address], check=True)

    def stop(self):
        subprocess.run(["tests/service/service", "stop", self.folder], check=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def text(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def log(self):
        return self.text("access.log").splitlines()

    def wait_for_client(self, name, first=0):
        """Until a line from the first-th on names this client: nginx writes it after its answer."""
        for _ in range(100):
            if any(name in line for line in self.log()[first:]):
                return
            time.sleep(0.05)
        raise AssertionError(f"the service's log does not name {name}: {self.log()}")

    def connect_to(self):
        """For Enclave(connect_to=…): the measured name leads here."""
        return {f"{HOST}:8080": self.address}

    def secrets(self, form="", **more):
        """The secrets as an object: form "", "-v1" or "-ec"; more names are added."""
        return {**json.loads(self.text(f"secrets{form}.json")), **more}
