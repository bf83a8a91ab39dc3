"""pinned: what decides an image, read from the lock files and the tree, for the scripts that write it down."""
import hashlib
import os
import re
import time
import urllib.parse
import uuid
from typing import NamedTuple

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(HERE)
# What /init and the kernel are made from; the tool, which makes the image, has its own folder.
RUNTIME_FOLDERS = ("base", "crypto", "net", "tls", "attest", "app", "image", "init")
RUNTIME_RECIPES = ("kernel", "musl", "libraries", "programs", "root")
# The pinned sources whose code is in kernel and /init, and what the compiler itself adds to every program (start-up objects, libgcc.a).
KERNEL_SOURCES = ("linux",)
INIT_SOURCES = ("musl", "bearssl", "inih", "jansson", "tinycbor")
COMPILER_CODE = "libgcc-12-dev"
TOOL_SOURCES = ("yaml", "zlib")


class Pin(NamedTuple):
    sha256: str
    size: int
    name: str
    version: str
    arch: str  # "" for a source
    path: str  # below the root of a mirror

    @property
    def file(self):
        return os.path.basename(self.path)

    @property
    def purl(self):
        """A package of Debian's by its file; anything else is upstream's source, which no package manager names."""
        match = re.fullmatch(r"([^_]+)_([^_]+)_([^_]+)\.deb", self.file)
        if match:
            package, _, arch = match.groups()
            version = self.version if self.arch or self.name == "linux" else match.group(2)
            return f"pkg:deb/debian/{escape(package)}@{escape(version)}?arch={arch}"
        return f"pkg:generic/{escape(self.name)}@{escape(self.version)}?checksum=sha256:{self.sha256}"


def escape(text):
    """As the purl specification has it: ':' stays, '+' and '~' don't need to be told apart from blanks."""
    return urllib.parse.quote(text, safe=":.-_~")


def lock(name, folder=HERE):
    """The pins of NAME.lock, in its order."""
    pins = []
    with open(os.path.join(folder, f"{name}.lock"), encoding="utf-8") as lines:
        for line in lines:
            words = line.split()
            if words and not line.startswith("#"):
                arch = words[4] if len(words) == 6 else ""
                pins.append(Pin(words[0], int(words[1]), words[2], words[3], arch, words[-1]))
    return pins


def sources(names):
    """The pins of these sources, in this order."""
    pins = {pin.name: pin for pin in lock("sources")}
    return [pins[name] for name in names]


def licences():
    """{name: SPDX expression}."""
    found = {}
    with open(os.path.join(HERE, "licences"), encoding="utf-8") as lines:
        for line in lines:
            if not line.startswith("#"):
                name, _, _, expression = line.rstrip("\n").split(" ", 3)
                found[name] = expression
    return found


def version():
    with open(os.path.join(TOP, "VERSION"), encoding="utf-8") as file:
        return file.read().strip()


def epoch():
    with open(os.path.join(HERE, "epoch"), encoding="utf-8") as file:
        return int(file.read())


def epoch_text():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch()))


def code(folders):
    return [f"{folder}/{name}" for folder in folders for name in os.listdir(os.path.join(TOP, folder)) if name.endswith((".c", ".h"))]


def patches(name):
    return sorted(f"reproducible/patches/{file}" for file in os.listdir(os.path.join(HERE, "patches")) if file.startswith(f"{name}-"))


def runtime_files():
    """The project's own files that decide kernel and /init, sorted."""
    files = code(RUNTIME_FOLDERS)
    files += [f"reproducible/recipes/{recipe}.sh" for recipe in RUNTIME_RECIPES]
    files += [patch for name in KERNEL_SOURCES + INIT_SOURCES for patch in patches(name)]
    return sorted(files + ["reproducible/kernel.config", "reproducible/libraries.sh", "VERSION", "LICENSE"])


def build_files():
    """Everything of the project that a build of an image reads, sorted."""
    scripts = ["common.sh", "enter", "epoch", "fetch", "part", "pinned.py", "provenance", "root", "sbom", "licences", "sources.lock", "toolchain.lock"]
    files = runtime_files() + code(("tools", "tools/emulator")) + [patch for name in TOOL_SOURCES for patch in patches(name)]
    return sorted(set(files + [f"reproducible/{name}" for name in scripts] + ["Makefile"]))


def read(path):
    with open(path, "rb") as file:
        return file.read()


def digest(path):
    return hashlib.sha256(read(path)).hexdigest()


def content_digest(files):
    """One SHA-256 over many files: of what `sha256sum FILE…` prints of them, sorted by path."""
    return hashlib.sha256("".join(f"{digest(os.path.join(TOP, file))}  {file}\n" for file in files).encode()).hexdigest()


def identifier(text):
    """A UUID that is a function of the text (RFC 9562, version 8: the first 122 bits of its SHA-256)."""
    raw = bytearray(hashlib.sha256(text.encode()).digest()[:16])
    raw[6] = raw[6] & 0x0F | 0x80
    raw[8] = raw[8] & 0x3F | 0x80
    return f"urn:uuid:{uuid.UUID(bytes=bytes(raw))}"
