"""pinned: Python packages for a test, installed by hash into an environment of their own."""
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile

CACHE = os.environ.get("INGOT_CACHE", os.path.expanduser("~/.cache/ingot/cache"))


def python_with(requirements):
    """The interpreter that has what the file lists; made once for each list and each Python."""
    with open(requirements, "rb") as file:
        key = hashlib.sha256(file.read() + sys.version.encode()).hexdigest()[:16]
    name = os.path.splitext(os.path.basename(requirements))[0]
    place = os.path.join(CACHE, f"{name}-{key}")
    if not os.path.isdir(place):
        os.makedirs(CACHE, exist_ok=True)
        new = tempfile.mkdtemp(prefix=f".new-{name}-", dir=CACHE)
        try:
            subprocess.run([sys.executable, "-m", "venv", new], check=True)
            subprocess.run([f"{new}/bin/python", "-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:", "-r", requirements], check=True)
            os.rename(new, place)
        except OSError:
            if not os.path.isdir(place):  # another run was faster
                raise
        finally:
            shutil.rmtree(new, ignore_errors=True)
    return f"{place}/bin/python"
