"""hostile: what the cases of tls_hostile.test share: how one is stated, the sentences, who is who, and how an honest peer goes on."""
import os
import subprocess
import tempfile

import raw
import tap
from raw import chain_of

SECONDS = 60  # for any one thing; nothing takes that long but what our server itself ends after ten
FOLDER = os.path.join(os.environ.get("TEST_TMP") or tempfile.mkdtemp(prefix="hostile-"), "certificates")
NAME = "watermark.test"
subprocess.run(["tests/tls/certificates", FOLDER], check=True)
US = raw.identity_of(f"{FOLDER}/client-ec-ec.crt", f"{FOLDER}/client-ec.key")  # a client
US_RSA = raw.identity_of(f"{FOLDER}/client.crt", f"{FOLDER}/client.key")  # another authority's
THEM = raw.identity_of(f"{FOLDER}/server-p256-ec.crt", f"{FOLDER}/server-p256.key")  # a server
OURS = {}  # our servers, by the kind of their keys

# RFC 5246 §7.2, RFC 7507
UNEXPECTED_MESSAGE, BAD_RECORD_MAC, RECORD_OVERFLOW, HANDSHAKE_FAILURE = 10, 20, 22, 40
BAD_CERTIFICATE, UNSUPPORTED_CERTIFICATE, UNKNOWN_CA, ILLEGAL_PARAMETER = 42, 43, 48, 47
DECODE_ERROR, DECRYPT_ERROR, PROTOCOL_VERSION, UNSUPPORTED_EXTENSION, NO_RENEGOTIATION = 50, 51, 70, 110, 100
GOES_ON, GONE, CLOSE = "goes on", "end", "close_notify"

TURN = "a handshake message came out of turn: "
MALFORMED = "a handshake message is malformed: "
CHANGED = "a record was changed on its way, or encrypted with another key: "
TOO_LARGE = "a record is larger than TLS allows: "
SHARE = "the far side's half of the key exchange is no point of its curve: "
OTHER_VERSION = "a record carries another TLS version than was agreed: "
NOT_TLS = "the far side speaks a TLS version that is not offered, or no TLS at all: "
NOTHING_COMMON = "the client offers no cipher suite, curve or signature that is taken here: "
OLD = "the client offers only versions before TLS 1.2: "
CUT = "the far side ended the connection in the middle of the handshake: "
OTHER_HANDSHAKE = "the two sides saw different handshakes: "
SIGNATURE = "the handshake is signed with another key than the certificate's: "
VERIFY = "certificate verify failed: "

SERVER_CASES, CLIENT_CASES = [], []


def client_that(ends, says=None, server="ec"):
    """A hostile client of our server, which is shown until it has done its worst. says: None where the handshake is over before."""
    def register(function):
        SERVER_CASES.append((function, ends, says, server))
        return function
    return register


def server_that(ends, says):
    """A hostile server of our client. says: None where it is served."""
    def register(function):
        CLIENT_CASES.append((function, ends, says))
        return function
    return register


def asked(client, again=""):
    """A request on an established connection, and its answer's status line."""
    client.say(f"GET /{again} HTTP/1.1\r\nHost: {NAME}\r\n\r\n".encode(), kind=raw.DATA)
    kind, answer = client.hear_record()
    tap.equal(kind, raw.DATA, "a record of the answer")
    tap.equal(answer.split(b"\r\n")[0], b"HTTP/1.1 200 OK", "the answer")
    return answer


def finish(client):
    """A client that has nothing more to say: the rest of an honest handshake, and a request."""
    client.hear_flight()
    finish_flight(client)


def finish_flight(client):
    client.say(chain_of(*US.chain))
    client.say(client.key())
    client.say(client.proof(US.key))
    enter_keys(client)


def enter_keys(client):
    client.switch()
    client.say(client.finished())
    client.hear_finished()
    asked(client)


def flipped(record, at):
    record = bytearray(record)
    record[at] ^= 1
    return bytes(record)


def before_finished(client):
    client.say(client.hello())
    client.hear_flight()
    client.say(chain_of(*US.chain))
    client.say(client.key())
    client.say(client.proof(US.key))
