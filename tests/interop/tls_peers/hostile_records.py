"""hostile_records: clients whose records, or the lengths in their messages, are broken."""
import socket

import raw
from hostile import (BAD_RECORD_MAC, CHANGED, CUT, DECODE_ERROR, GOES_ON, GONE, MALFORMED, NOT_TLS, OTHER_VERSION, PROTOCOL_VERSION,
                     RECORD_OVERFLOW, SECONDS, TOO_LARGE, TURN, UNEXPECTED_MESSAGE, US, asked, before_finished, client_that, finish,
                     finish_flight, flipped)
from raw import chain_of, message, numbers, vector


# ---- records ----


RECORD_HELLO = b"\x16\x03\x03"


@client_that(GOES_ON)
def sends_an_empty_record_before_its_hello(client):
    client.raw(client.record(raw.HANDSHAKE, b""))
    client.say(client.hello())
    finish(client)


@client_that(RECORD_OVERFLOW, TOO_LARGE)
def announces_one_byte_too_many(client):
    client.raw(client.record(raw.HANDSHAKE, client.hello(), length=2**14 + 1))


@client_that(RECORD_OVERFLOW, TOO_LARGE)
def announces_more_than_a_ciphertext_may_have(client):
    client.raw(client.record(raw.HANDSHAKE, client.hello(), length=2**14 + 2049))


@client_that(RECORD_OVERFLOW, TOO_LARGE)
def announces_65535_bytes(client):
    client.raw(client.record(raw.HANDSHAKE, client.hello(), length=65535))


@client_that(GONE, CUT)
def announces_more_than_it_sends(client):
    client.raw(client.record(raw.HANDSHAKE, client.hello()[:50], length=1000))
    client.socket.shutdown(socket.SHUT_WR)


@client_that(GONE, CUT)
def goes_after_half_a_header(client):
    client.raw(RECORD_HELLO)
    client.socket.shutdown(socket.SHUT_WR)


@client_that(PROTOCOL_VERSION, NOT_TLS)
def speaks_plain_HTTP(client):
    client.raw(b"GET / HTTP/1.1\r\nHost: watermark.test\r\n\r\n")


@client_that(PROTOCOL_VERSION, NOT_TLS)
def says_hello_in_SSL_2(client):
    client.raw(b"\x80\x2e\x01\x03\x03\x00\x15\x00\x00\x00\x10" + bytes(37))


@client_that(UNEXPECTED_MESSAGE, TURN)
def sends_a_record_of_an_unknown_type(client):
    client.raw(client.record(24, b"\x01\x00\x10" + bytes(16)))


@client_that(PROTOCOL_VERSION, OTHER_VERSION)
def changes_the_version_of_its_records(client):
    client.say(client.hello())
    client.hear_flight()
    client.raw(client.record(raw.HANDSHAKE, chain_of(*US.chain), version=0x0302))


@client_that(GOES_ON)
def sends_a_byte_at_a_time(client):
    data = client.hello()
    client.transcript.update(bytearray(data))
    for i in range(len(data)):
        client.raw(client.record(raw.HANDSHAKE, data[i:i + 1]))
    finish(client)


@client_that(GOES_ON)
def drips_the_bytes_of_its_records(client):
    client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    data = client.hello()
    client.transcript.update(bytearray(data))
    for byte in client.record(raw.HANDSHAKE, data):
        client.raw(bytes([byte]))
    finish(client)


@client_that(GOES_ON)
def floods_with_empty_records(client):
    client.raw(client.record(raw.HANDSHAKE, b"") * 20000)
    client.say(client.hello())
    finish(client)


@client_that(GOES_ON)
def floods_with_warnings(client):
    client.say(client.hello())
    client.hear_flight()
    client.raw(client.record(raw.ALERT, b"\x01\x5a") * 20000)  # user_canceled
    finish_flight(client)


@client_that(GONE, "the handshake did not come to its end")
def floods_without_end(client):
    """The time for a handshake is bounded from its start, whatever comes."""
    client.socket.settimeout(SECONDS)
    try:
        while True:
            client.socket.sendall(client.record(raw.HANDSHAKE, b"") * 500)
    except ConnectionError:
        pass


# ---- encrypted records ----


@client_that(BAD_RECORD_MAC, CHANGED)
def flips_a_bit_of_the_encrypted_Finished(client):
    before_finished(client)
    client.switch()
    client.raw(flipped(client.record(raw.HANDSHAKE, client.finished()), 5 + 8 + 3))


@client_that(BAD_RECORD_MAC, CHANGED)
def flips_a_bit_of_the_tag_of_Finished(client):
    before_finished(client)
    client.switch()
    client.raw(flipped(client.record(raw.HANDSHAKE, client.finished()), -1))


@client_that(BAD_RECORD_MAC, CHANGED)
def flips_a_bit_of_the_nonce_of_Finished(client):
    before_finished(client)
    client.switch()
    client.raw(flipped(client.record(raw.HANDSHAKE, client.finished()), 5))


@client_that(BAD_RECORD_MAC, CHANGED)
def encrypts_less_than_a_tag(client):
    before_finished(client)
    client.switch()
    client.raw(b"\x16\x03\x03\x00\x0a" + bytes(10))


@client_that(BAD_RECORD_MAC, CHANGED)
def encrypts_nothing_at_all(client):
    before_finished(client)
    client.switch()
    client.raw(b"\x16\x03\x03\x00\x00")


@client_that(RECORD_OVERFLOW, TOO_LARGE)
def announces_an_encrypted_record_too_large(client):
    before_finished(client)
    client.switch()
    client.raw(b"\x16\x03\x03" + numbers(2**14 + 2049))


@client_that(BAD_RECORD_MAC)
def flips_a_bit_of_its_request(client):
    client.enter(US)
    client.raw(flipped(client.record(raw.DATA, b"GET / HTTP/1.1\r\n\r\n"), 20))


@client_that(BAD_RECORD_MAC)
def flips_a_bit_of_its_requests_tag(client):
    client.enter(US)
    client.raw(flipped(client.record(raw.DATA, b"GET / HTTP/1.1\r\n\r\n"), -16))


@client_that(BAD_RECORD_MAC)
def says_its_request_as_another_type(client):
    client.enter(US)
    client.raw(b"\x16" + client.record(raw.DATA, b"GET / HTTP/1.1\r\n\r\n")[1:])


@client_that(BAD_RECORD_MAC)
def repeats_a_record(client):
    client.enter(US)
    record = client.record(raw.DATA, b"GET / HTTP/1.1\r\n")
    client.raw(record + record)


@client_that(RECORD_OVERFLOW)
def sends_2_to_the_14_and_a_byte(client):
    client.enter(US)
    client.raw(client.record(raw.DATA, b"x" * (2**14 + 1)))


@client_that(GOES_ON)
def sends_empty_application_data(client):
    client.enter(US)
    for _ in range(200):
        client.raw(client.record(raw.DATA, b""))
    asked(client)


# ---- messages: lengths ----


@client_that(DECODE_ERROR, MALFORMED)
def cuts_its_hello_short(client):
    client.say(message(raw.CLIENT_HELLO, client.hello()[4:60]))


@client_that(DECODE_ERROR, MALFORMED)
def sends_an_empty_hello(client):
    client.say(message(raw.CLIENT_HELLO))


@client_that(DECODE_ERROR, MALFORMED)
def says_more_behind_its_extensions(client):
    client.say(client.hello(behind=b"x"))


@client_that(DECODE_ERROR, MALFORMED)
def announces_a_hello_of_16_megabytes(client):
    client.say(b"\x01\xff\xff\xff" + client.hello()[4:])


@client_that(DECODE_ERROR, MALFORMED)
def lets_an_extension_overrun_the_list(client):
    client.say(client.hello(extensions=[*raw.SUPPORTED, numbers(0x1234, 100) + b"short"]))


@client_that(DECODE_ERROR, MALFORMED)
def offers_half_a_suite(client):
    hello = client.hello(suites=())
    client.say(message(raw.CLIENT_HELLO, hello[4:39] + b"\x00\x03\xc0\x2b\xc0" + hello[41:]))


@client_that(DECODE_ERROR, "the session's name is too long: ")
def offers_a_session_name_of_33_bytes(client):
    client.say(client.hello(session=bytes(33)))


@client_that(DECODE_ERROR, MALFORMED)
def sends_a_Finished_of_11_bytes(client):
    before_finished(client)
    client.switch()
    client.say(message(raw.FINISHED, client.finished()[4:15]))


@client_that(DECODE_ERROR, MALFORMED)
def sends_a_Finished_of_13_bytes(client):
    before_finished(client)
    client.switch()
    client.say(message(raw.FINISHED, client.finished()[4:] + b"x"))


@client_that(DECODE_ERROR, MALFORMED)
def says_more_behind_its_key(client):
    client.say(client.hello())
    client.hear_flight()
    client.say(chain_of(*US.chain))
    client.say(message(raw.CLIENT_KEY, client.key()[4:] + b"x"))


@client_that(DECODE_ERROR, MALFORMED)
def lets_a_certificate_overrun_its_list(client):
    client.say(client.hello())
    client.hear_flight()
    client.say(message(raw.CERTIFICATE, vector(3, b"\x00\xff\xff" + US.chain[0])))
