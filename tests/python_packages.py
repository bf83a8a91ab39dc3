"""python_packages: Python packages for a test, installed by hash into an environment of their own."""
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys

CACHE = os.environ.get("INGOT_CACHE", os.path.expanduser("~/.cache/ingot/cache"))


def python_with(requirements):
    """The interpreter that has what the file lists, its programs beside it; made once for each list and each Python."""
    with open(requirements, "rb") as file:
        key = hashlib.sha256(file.read() + sys.version.encode()).hexdigest()[:16]
    place = os.path.join(CACHE, f"{os.path.splitext(os.path.basename(requirements))[0]}-{key}")
    done = f"{place}/complete"
    os.makedirs(CACHE, exist_ok=True)
    with open(f"{place}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(done):  # made in its last place: the scripts in it name it
            shutil.rmtree(place, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", place], check=True)
            subprocess.run([f"{place}/bin/python", "-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:", "-r", requirements], check=True)
            with open(done, "w", encoding="ascii"):
                pass
    return f"{place}/bin/python"
