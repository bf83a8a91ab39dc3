"""raw: one side of TLS 1.2, message by message, so that a test can say each of them wrongly, too early or twice.

The records, keys and signatures are tlslite-ng's; what is said, and when, is the caller's. Each side goes one way only: X25519
or a NIST curve, ECDSA with SHA-256 or RSA, and AES-128-GCM.
"""
import os
import ssl
import struct
from types import SimpleNamespace

from ecdsa.ecdh import ECDH
from ecdsa import curves
from tlslite.handshakehashes import HandshakeHashes
from tlslite.mathtls import calc_key
from tlslite.recordlayer import RecordLayer
from tlslite.utils.keyfactory import parsePEMKey
from tlslite.utils.x25519 import x25519, X25519_G

CCS, ALERT, HANDSHAKE, DATA = 20, 21, 22, 23
HELLO_REQUEST, CLIENT_HELLO, SERVER_HELLO, CERTIFICATE, KEY_EXCHANGE, REQUEST, DONE, VERIFY, CLIENT_KEY, FINISHED = 0, 1, 2, 11, 12, 13, 14, 15, 16, 20
TLS_1_2 = 0x0303
ECDHE_ECDSA_AES_128_GCM, ECDHE_RSA_AES_128_GCM, ECDHE_ECDSA_CHACHA20 = 0xC02B, 0xC02F, 0xCCA9
EMPTY_RENEGOTIATION_INFO = 0x00FF
SHA256_ECDSA, SHA256_RSA = 0x0403, 0x0401
P_256, X25519 = 23, 29
NIST = {23: curves.NIST256p, 24: curves.NIST384p, 25: curves.NIST521p}


class Told(Exception):
    """An alert came: (level, number)."""


class Ended(Exception):
    """The other side closed the connection: cleanly (True), or by a reset."""


def vector(size, data):
    """Bytes behind their length of so many bytes."""
    return len(data).to_bytes(size, "big") + bytes(data)


def message(kind, body=b""):
    return bytes([kind]) + vector(3, body)


def extension(kind, body=b""):
    return struct.pack(">H", kind) + vector(2, body)


def numbers(*values):
    return b"".join(struct.pack(">H", value) for value in values)


def chain_of(*certificates):
    return message(CERTIFICATE, vector(3, b"".join(vector(3, each) for each in certificates)))


SUPPORTED = [extension(10, vector(2, numbers(X25519, P_256, 24, 25))), extension(11, b"\x01\x00"),
             extension(13, vector(2, numbers(SHA256_ECDSA, SHA256_RSA)))]


class Side:
    """What both sides do. `client` and `server` are the two hello randoms; `suite` is what is spoken."""

    def __init__(self, connection, is_client):
        self.socket = connection
        self.layer = RecordLayer(connection)
        self.layer.client, self.layer.version = is_client, (3, 3)
        self.transcript, self.waiting, self.read = HandshakeHashes(), b"", b""
        self.client = self.server = os.urandom(32)
        self.suite, self.curve, self.master = ECDHE_ECDSA_AES_128_GCM, X25519, None
        self.secret = os.urandom(32)

    # ---- records ----

    def record(self, kind, data, length=None, version=TLS_1_2):
        """One record, encrypted once the keys are in use; its length can be a lie."""
        if self.layer._writeState.encContext is not None:  # pylint: disable=protected-access
            data = self.layer._encryptThenSeal(bytearray(data), kind)  # pylint: disable=protected-access
        return struct.pack(">BHH", kind, version, len(data) if length is None else length) + bytes(data)

    def raw(self, data):
        """Bytes as they are. The other side may have gone: what it has said is heard later."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def say(self, *messages, kind=HANDSHAKE):
        """In one record; a handshake's count in its hash."""
        data = b"".join(messages)
        if kind == HANDSHAKE:
            self.transcript.update(bytearray(data))
        self.raw(self.record(kind, data))

    def take(self, size):
        while len(self.read) < size:
            try:
                got = self.socket.recv(65536)
            except ConnectionResetError:
                raise Ended(False) from None
            if not got:
                raise Ended(True)
            self.read += got
        data, self.read = self.read[:size], self.read[size:]
        return data

    def hear_record(self):
        """Its kind and what is in it. An alert is Told."""
        kind, _, size = struct.unpack(">BHH", self.take(5))
        data = self.take(size)
        if self.layer._readState.encContext is not None:  # pylint: disable=protected-access
            data = bytes(self.layer._decryptAndUnseal(SimpleNamespace(type=kind), bytearray(data)))  # pylint: disable=protected-access
        if kind == CCS:
            self.layer.changeReadState()
        if kind == ALERT:
            raise Told(data[0], data[1])
        return kind, data

    def hear(self, wanted=None):
        """The next handshake message: its kind and body."""
        while len(self.waiting) < 4 or len(self.waiting) < 4 + int.from_bytes(self.waiting[1:4], "big"):
            kind, data = self.hear_record()
            if kind == HANDSHAKE:
                self.waiting += data
        size = 4 + int.from_bytes(self.waiting[1:4], "big")
        whole, self.waiting = self.waiting[:size], self.waiting[size:]
        self.transcript.update(bytearray(whole))
        if wanted is not None and whole[0] != wanted:
            raise AssertionError(f"message {whole[0]} came, not {wanted}")
        return whole[0], whole[4:]

    # ---- keys ----

    def share(self):
        """Our half of the key exchange."""
        if self.curve == X25519:
            return bytes(x25519(bytearray(self.secret), bytearray(X25519_G)))
        self.ecdh = ECDH(NIST[self.curve])
        self.ecdh.generate_private_key()
        return self.ecdh.get_public_key().to_string("uncompressed")

    def agree(self, theirs):
        """Their half: from here on there are keys, and switch() puts them to use."""
        if self.curve == X25519:
            secret = x25519(bytearray(self.secret), bytearray(theirs))
        else:
            self.ecdh.load_received_public_key_bytes(theirs)
            secret = bytearray(self.ecdh.generate_sharedsecret_bytes())
        self.use(calc_key((3, 3), secret, self.suite, b"master secret", client_random=bytearray(self.client),
                          server_random=bytearray(self.server), output_length=48))

    def use(self, master):
        self.master = master
        self.layer.calcPendingStates(self.suite, master, bytearray(self.client), bytearray(self.server), ["python"])

    def switch(self):
        """ChangeCipherSpec, and what it says."""
        self.say(b"\x01", kind=CCS)
        self.layer.changeWriteState()

    def verified(self, by_client):
        return bytes(calc_key((3, 3), self.master, self.suite, b"client finished" if by_client else b"server finished",
                              handshake_hashes=self.transcript, output_length=12))

    def finished(self):
        return message(FINISHED, self.verified(self.layer.client))

    def hear_finished(self):
        while self.layer._readState.encContext is None:  # pylint: disable=protected-access
            kind, _ = self.hear_record()
            assert kind == CCS, kind
        wanted = self.verified(not self.layer.client)
        assert self.hear(FINISHED)[1] == wanted

    def signed(self, key, data):
        """A signature with its algorithm and length."""
        rsa = key.key_type == "rsa"
        return struct.pack(">H", SHA256_RSA if rsa else SHA256_ECDSA) + vector(2, key.hashAndSign(bytearray(data), "PKCS1", "sha256"))

    def ending(self):
        """What the connection ends with: the number of a fatal alert, "close_notify", "end" or "reset"; all else is passed over."""
        last = None
        while True:
            try:
                self.hear_record()
            except Told as alert:
                last = "close_notify" if alert.args[1] == 0 else alert.args[1] if alert.args[0] == 2 else last
            except Ended as end:
                return last if last is not None else "end" if end.args[0] else "reset"


class Client(Side):
    """The client: of our server."""

    def __init__(self, connection):
        super().__init__(connection, True)
        self.session, self.signed_part = b"", b""

    def hello(self, *, version=TLS_1_2, session=b"", suites=(ECDHE_ECDSA_AES_128_GCM, ECDHE_RSA_AES_128_GCM, EMPTY_RENEGOTIATION_INFO),
              compression=b"\x00", extensions=None, behind=b""):
        body = struct.pack(">H", version) + self.client + vector(1, session) + vector(2, numbers(*suites)) + vector(1, compression)
        return message(CLIENT_HELLO, body + vector(2, b"".join(SUPPORTED if extensions is None else extensions)) + behind)

    def hear_hello(self):
        body = self.hear(SERVER_HELLO)[1]
        self.server, size = body[2:34], body[34]
        self.session = body[35:35 + size]
        self.suite, = struct.unpack(">H", body[35 + size:37 + size])

    def hear_flight(self):
        """From its hello to its hello's end."""
        self.hear_hello()
        self.hear(CERTIFICATE)
        body = self.hear(KEY_EXCHANGE)[1]
        self.curve, = struct.unpack(">H", body[1:3])
        self.theirs = body[4:4 + body[3]]
        self.hear(REQUEST)
        self.hear(DONE)

    def key(self, share=None):
        """ClientKeyExchange, with the right share where none is given."""
        mine = self.share()
        self.agree(self.theirs)
        return message(CLIENT_KEY, vector(1, mine if share is None else share))

    def proof(self, key):
        """CertificateVerify, over what was said so far."""
        return message(VERIFY, self.signed(key, self.transcript.digest("intrinsic")))

    def enter(self, identity, **hello):
        """All of it, as it should be."""
        self.say(self.hello(**hello))
        self.hear_flight()
        self.say(chain_of(*identity.chain))
        self.say(self.key())
        self.say(self.proof(identity.key))
        self.switch()
        self.say(self.finished())
        self.hear_finished()

    def resume(self, earlier, **hello):
        """With the keys of an earlier connection: its hello and the server's are said."""
        self.say(self.hello(**{"session": earlier.session, **hello}))
        self.hear_hello()


class Server(Side):
    """The server: of our client."""

    def __init__(self, connection):
        super().__init__(connection, False)
        self.server = os.urandom(32)

    def hear_hello(self):
        body = self.hear(CLIENT_HELLO)[1]
        self.client = body[2:34]
        self.offered = body[35:35 + body[34]]

    def hello(self, *, version=TLS_1_2, session=b"\x05" * 32, suite=None, compression=0, extensions=(extension(0xFF01, b"\x00"),), behind=b""):
        body = struct.pack(">H", version) + self.server + vector(1, session) + struct.pack(">HB", suite or self.suite, compression)
        return message(SERVER_HELLO, body + (vector(2, b"".join(extensions)) if extensions else b"") + behind)

    def key(self, identity, share=None, curve=None, signature=None):
        """ServerKeyExchange, truly signed whatever is in it."""
        mine = self.share()
        self.params = b"\x03" + struct.pack(">H", curve or self.curve) + vector(1, mine if share is None else share)
        return message(KEY_EXCHANGE, self.params + (signature or self.signed(identity.key, self.client + self.server + self.params)))

    def request(self):
        return message(REQUEST, vector(1, b"\x40\x01") + vector(2, numbers(SHA256_ECDSA, SHA256_RSA)) + vector(2, b""))

    def flight(self, identity):
        self.hear_hello()
        self.say(self.hello())
        self.say(chain_of(*identity.chain))
        self.say(self.key(identity))
        self.say(self.request())
        self.say(message(DONE))

    def hear_flight(self):
        """The client's, up to its Finished."""
        self.hear(CERTIFICATE)
        share = self.hear(CLIENT_KEY)[1]
        self.agree(share[1:])
        self.hear(VERIFY)
        self.hear_finished()

    def enter(self, identity):
        self.flight(identity)
        self.hear_flight()
        self.switch()
        self.say(self.finished())


def identity_of(certificate, key):
    """A chain in DER and a private key, of PEM files."""
    with open(key, encoding="ascii") as file:
        private = parsePEMKey(file.read(), private=True, implementations=["python"])
    return SimpleNamespace(chain=der_of(certificate), key=private)


def rsa_public_of(path):
    with open(path, encoding="ascii") as file:
        return parsePEMKey(file.read(), private=True, implementations=["python"])


def der_of(path):
    with open(path, encoding="ascii") as file:
        blocks = file.read().split("-----END CERTIFICATE-----\n")[:-1]
    return [ssl.PEM_cert_to_DER_cert(block[block.index("-----BEGIN"):] + "-----END CERTIFICATE-----\n") for block in blocks]
