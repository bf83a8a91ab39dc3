"""hostile_keys: clients with broken keys, certificates, signatures and sessions."""
import os

import raw
import tap
from hostile import (BAD_CERTIFICATE, BAD_RECORD_MAC, CHANGED, DECODE_ERROR, DECRYPT_ERROR, FOLDER, GOES_ON, HANDSHAKE_FAILURE,
                     ILLEGAL_PARAMETER, MALFORMED, NOTHING_COMMON, OTHER_HANDSHAKE, OURS, SHARE, SIGNATURE, THEM, UNKNOWN_CA, US,
                     US_RSA, VERIFY, asked, before_finished, client_that, finish, finish_flight, flipped, server_that)
from raw import Client, chain_of, extension, message, numbers, vector


# ---- key exchange ----


def with_share(client, share, curve=raw.X25519):
    offered = [extension(10, vector(2, numbers(curve))), *raw.SUPPORTED[1:]]
    client.say(client.hello(extensions=offered))
    client.hear_flight()
    client.say(chain_of(*US.chain))
    client.say(client.key(share))
    client.say(client.proof(US.key))
    client.switch()
    client.say(client.finished())


X, Y = bytes.fromhex("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"), bytes.fromhex(
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5")  # the generator of P-256
POINTS = [
    ("is off the curve", raw.P_256, b"\x04" + X + Y[:-1] + b"\xf4"),
    ("has zero coordinates", raw.P_256, b"\x04" + bytes(64)),
    ("is beyond the field", raw.P_256, b"\x04" + b"\xff" * 64),
    ("is the point at infinity", raw.P_256, b"\x00"),
    ("is compressed", raw.P_256, b"\x03" + X),
    ("is hybrid", raw.P_256, b"\x07" + X + Y),
    ("is empty", raw.P_256, b""),
    ("is a point of P-384 for P-256", raw.P_256, b"\x04" + bytes(95) + b"\x01"),
    ("is off the curve of P-384", 24, b"\x04" + bytes(95) + b"\x01"),
    ("is off the curve of P-521", 25, b"\x04" + bytes(131) + b"\x01"),
    ("is zero on X25519", raw.X25519, bytes(32)),
    ("is one on X25519", raw.X25519, b"\x01" + bytes(31)),
    ("is of order 8 on X25519", raw.X25519, bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800")),
    ("is p, which is zero, on X25519", raw.X25519, b"\xed" + b"\xff" * 30 + b"\x7f"),
    ("is empty on X25519", raw.X25519, b""),
    ("is too short on X25519", raw.X25519, bytes(range(31))),
    ("is too long on X25519", raw.X25519, bytes(range(33))),
]


def add_points():
    for name, curve, share in POINTS:
        def of_client(client, share=share, curve=curve):
            with_share(client, share, curve)

        def of_server(server, share=share, curve=curve):
            server.curve = curve
            server.hear_hello()
            server.say(server.hello())
            server.say(chain_of(*THEM.chain))
            server.say(server.key(THEM, share=share))
            server.say(server.request())
            server.say(message(raw.DONE))

        of_client.__name__ = of_server.__name__ = f"sends a share that {name}"
        client_that(ILLEGAL_PARAMETER, SHARE)(of_client)
        server_that(ILLEGAL_PARAMETER, SHARE)(of_server)


add_points()


# ---- RSA key exchange: there is none to probe ----


@client_that(HANDSHAKE_FAILURE, NOTHING_COMMON, server="rsa")
def offers_RSA_key_exchange_only(client):
    client.say(client.hello(suites=(0x002F, 0x0035, 0x003C, 0x003D, 0x009C, 0x009D, 0x000A)))


def padded(prefix, version=b"\x03\x03"):
    """A premaster secret, encrypted to the server as RSA key exchange has it, well or badly padded."""
    key = raw.rsa_public_of(os.path.join(FOLDER, "server.key"))
    size = (key.n.bit_length() + 7) // 8
    block = prefix + b"\x77" * (size - len(prefix) - 49) + b"\x00" + version + os.urandom(46)
    return pow(int.from_bytes(block, "big"), key.e, key.n).to_bytes(size, "big")


def add_probes():
    for name, prefix, version in (("padded well", b"\x00\x02", b"\x03\x03"), ("of another block type", b"\x00\x01", b"\x03\x03"),
                                  ("without padding", b"\x00\x00", b"\x03\x03"), ("of another version", b"\x00\x02", b"\x03\x01")):
        def probe(client, prefix=prefix, version=version):
            client.say(client.hello())
            client.hear_flight()
            client.say(chain_of(*US_RSA.chain))
            client.say(message(raw.CLIENT_KEY, vector(2, padded(prefix, version))))
        probe.__name__ = f"sends an RSA premaster secret {name} all the same"
        client_that(DECODE_ERROR, MALFORMED, server="rsa")(probe)


add_probes()


# ---- certificates of clients ----


def shows(client, *chain):
    client.say(client.hello())
    client.hear_flight()
    data = chain_of(*chain)
    client.transcript.update(bytearray(data))
    for i in range(0, len(data), 16000):
        client.raw(client.record(raw.HANDSHAKE, data[i:i + 16000]))


@client_that(HANDSHAKE_FAILURE, "the client showed no certificate: ")
def shows_no_certificate(client):
    shows(client)


@client_that(BAD_CERTIFICATE, VERIFY)
def shows_a_chain_of_ten(client):
    shows(client, *US.chain * 10)


@client_that(BAD_CERTIFICATE, VERIFY)
def shows_a_certificate_of_100_kilobytes(client):
    shows(client, b"\x30\x83\x01\x86\xa0" + bytes(100000))


@client_that(BAD_CERTIFICATE, VERIFY)
def shows_an_empty_certificate(client):
    shows(client, b"")


@client_that(BAD_CERTIFICATE, VERIFY)
def shows_a_certificate_cut_short(client):
    shows(client, US.chain[0][:-1])


@client_that(BAD_CERTIFICATE, VERIFY)
def shows_a_certificate_with_more_behind(client):
    shows(client, US.chain[0] + b"\x00")


@client_that(BAD_CERTIFICATE, VERIFY)
def shows_a_certificate_of_indefinite_length(client):
    shows(client, b"\x30\x80" + US.chain[0][4:] + b"\x00\x00")


@client_that(BAD_CERTIFICATE, VERIFY)
def shows_a_text_as_certificate(client):
    shows(client, b"-----BEGIN CERTIFICATE-----\n")


@client_that(UNKNOWN_CA, VERIFY)
def shows_a_certificate_that_was_changed(client):
    """One bit of its signature: as of another authority with the same name."""
    shows(client, flipped(US.chain[0], -1))


@client_that(UNKNOWN_CA, VERIFY + "no trusted CA vouches for it ")
def shows_a_certificate_of_another_authority(client):
    shows(client, *US_RSA.chain)


@client_that(DECRYPT_ERROR, SIGNATURE)
def signs_something_else(client):
    client.say(client.hello())
    client.hear_flight()
    client.say(chain_of(*US.chain))
    client.say(client.key())
    client.say(message(raw.VERIFY, client.signed(US.key, b"something else")))


@client_that(DECRYPT_ERROR, SIGNATURE)
def signs_with_another_key(client):
    client.say(client.hello())
    client.hear_flight()
    client.say(chain_of(*US.chain))
    client.say(client.key())
    client.say(client.proof(THEM.key))


@client_that(DECRYPT_ERROR, SIGNATURE)
def signs_with_zeros(client):
    client.say(client.hello())
    client.hear_flight()
    client.say(chain_of(*US.chain))
    client.say(client.key())
    client.say(message(raw.VERIFY, numbers(raw.SHA256_ECDSA) + vector(2, b"\x30\x06\x02\x01\x00\x02\x01\x00")))


@client_that(ILLEGAL_PARAMETER, "the key or point offered is too large: ")
def signs_with_600_bytes(client):
    client.say(client.hello())
    client.hear_flight()
    client.say(chain_of(*US.chain))
    client.say(client.key())
    client.say(message(raw.VERIFY, numbers(raw.SHA256_ECDSA) + vector(2, bytes(600))))


@client_that(DECRYPT_ERROR, OTHER_HANDSHAKE)
def finishes_another_handshake(client):
    before_finished(client)
    client.switch()
    client.say(message(raw.FINISHED, bytes(12)))


@client_that(DECRYPT_ERROR, OTHER_HANDSHAKE)
def finishes_as_the_server_would(client):
    before_finished(client)
    client.switch()
    client.say(message(raw.FINISHED, client.verified(False)))


# ---- resumption ----


def earlier_session():
    with OURS["ec"].connect() as connection:
        client = Client(connection)
        client.enter(US)
        asked(client)
        tap.equal(OURS["ec"].line().split(", ")[-1], "new", "the session to resume")
        return client


@client_that(GOES_ON)
def resumes(client):
    """That these tests can do it."""
    earlier = earlier_session()
    client.resume(earlier)
    tap.equal(client.session, earlier.session, "the session")
    client.use(earlier.master)
    client.hear_finished()
    client.switch()
    client.say(client.finished())
    asked(client)


@client_that(GOES_ON)
def resumes_a_session_that_never_was(client):
    client.say(client.hello(session=b"\x42" * 32))
    finish(client)
    assert client.session != b"\x42" * 32


@client_that(GOES_ON)
def resumes_with_another_suite(client):
    """The suite of the session is not offered: a new handshake."""
    earlier = earlier_session()
    client.say(client.hello(session=earlier.session, suites=(raw.ECDHE_ECDSA_CHACHA20,)))
    client.hear_flight()
    assert client.session != earlier.session
    finish_flight(client)


@client_that(GOES_ON)
def resumes_with_part_of_the_name(client):
    earlier = earlier_session()
    client.say(client.hello(session=earlier.session[:31]))
    finish(client)
    assert client.session != earlier.session


@client_that(BAD_RECORD_MAC, CHANGED)
def resumes_without_the_keys(client):
    earlier = earlier_session()
    client.resume(earlier)
    client.use(earlier.master)
    client.hear_finished()
    client.use(bytearray(48))
    client.switch()
    client.say(client.finished())


@client_that(DECRYPT_ERROR, OTHER_HANDSHAKE)
def resumes_and_finishes_another_handshake(client):
    earlier = earlier_session()
    client.resume(earlier)
    client.use(earlier.master)
    client.hear_finished()
    client.switch()
    client.say(message(raw.FINISHED, bytes(12)))


@client_that(GOES_ON)
def resumes_a_session_that_failed(client):
    """RFC 5246 §7.2.2: a fatal alert ends the session for good."""
    earlier = earlier_session()
    with OURS["ec"].connect() as connection:
        broken = Client(connection)
        broken.resume(earlier)
        broken.use(earlier.master)
        broken.hear_finished()
        broken.switch()
        broken.say(message(raw.FINISHED, bytes(12)))
        tap.equal(broken.ending(), DECRYPT_ERROR, "the end of the second")
    OURS["ec"].line()
    client.say(client.hello(session=earlier.session))
    finish(client)
    assert client.session != earlier.session
