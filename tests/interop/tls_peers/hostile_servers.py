"""hostile_servers: servers that break TLS for our client."""
import socket

import raw
import tap
from hostile import (BAD_CERTIFICATE, BAD_RECORD_MAC, CHANGED, CUT, DECODE_ERROR, DECRYPT_ERROR, GOES_ON, GONE, HANDSHAKE_FAILURE,
                     ILLEGAL_PARAMETER, MALFORMED, NOT_TLS, NO_RENEGOTIATION, OTHER_HANDSHAKE, PROTOCOL_VERSION, RECORD_OVERFLOW,
                     SIGNATURE, THEM, TOO_LARGE, TURN, UNEXPECTED_MESSAGE, UNSUPPORTED_CERTIFICATE, UNSUPPORTED_EXTENSION, US,
                     VERIFY, asked, flipped, server_that)
from raw import chain_of, extension, message, numbers, vector


def serve(server):
    """The request, and an answer."""
    assert server.hear_record()[1].startswith(b"GET / HTTP/1.1\r\n")
    server.say(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes", kind=raw.DATA)


def answer(server, *messages):
    """To the client's hello."""
    server.hear_hello()
    for each in messages:
        server.say(each)


def before_its_finished(server):
    server.flight(THEM)
    server.hear_flight()


@server_that(GOES_ON, None)
def does_all_right(server):
    """That these tests can do it."""
    server.enter(THEM)
    serve(server)


@server_that(GOES_ON, None)
def says_all_in_one_record(server):
    server.hear_hello()
    server.say(server.hello(), chain_of(*THEM.chain), server.key(THEM), server.request(), message(raw.DONE))
    server.hear_flight()
    server.switch()
    server.say(server.finished())
    serve(server)


@server_that(RECORD_OVERFLOW, TOO_LARGE)
def announces_a_record_too_large(server):
    server.hear_hello()
    server.raw(server.record(raw.HANDSHAKE, server.hello(), length=2**14 + 1))


@server_that(RECORD_OVERFLOW, TOO_LARGE)
def announces_an_encrypted_record_too_large(server):
    before_its_finished(server)
    server.switch()
    server.raw(b"\x16\x03\x03" + numbers(2**14 + 2049))


@server_that(GONE, CUT)
def announces_a_record_larger_than_it_sends(server):
    server.hear_hello()
    server.raw(server.record(raw.HANDSHAKE, server.hello()[:50], length=1000))
    server.socket.shutdown(socket.SHUT_WR)


@server_that(PROTOCOL_VERSION, NOT_TLS)
def answers_in_plain_HTTP(server):
    server.raw(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@server_that(UNEXPECTED_MESSAGE, TURN)
def sends_a_record_of_a_type_unknown(server):
    server.hear_hello()
    server.raw(server.record(24, bytes(19)))


@server_that(PROTOCOL_VERSION, NOT_TLS)
def chooses_TLS_1_1(server):
    answer(server, server.hello(version=0x0302))


@server_that(PROTOCOL_VERSION, NOT_TLS)
def chooses_SSL_3(server):
    answer(server, server.hello(version=0x0300))


@server_that(PROTOCOL_VERSION, NOT_TLS)
def chooses_TLS_1_3(server):
    answer(server, server.hello(version=0x0304))


@server_that(ILLEGAL_PARAMETER, "the far side chose a cipher suite that is not offered: ")
def chooses_RSA_key_exchange(server):
    answer(server, server.hello(suite=0x009C))


@server_that(ILLEGAL_PARAMETER, "the far side chose a cipher suite that is not offered: ")
def chooses_a_CBC_suite(server):
    answer(server, server.hello(suite=0xC009))


@server_that(ILLEGAL_PARAMETER, "the far side chose a cipher suite that is not offered: ")
def chooses_no_encryption(server):
    answer(server, server.hello(suite=0x0001))


@server_that(ILLEGAL_PARAMETER, "the far side asks for compression: ")
def chooses_compression(server):
    answer(server, server.hello(compression=1))


@server_that(UNSUPPORTED_EXTENSION, "the far side answered with an extension nobody asked for: ")
def answers_an_extension_that_was_not_sent(server):
    answer(server, server.hello(extensions=[extension(0xABCD)]))


@server_that(UNSUPPORTED_EXTENSION, "the far side answered with an extension nobody asked for: ")
def answers_an_extension_twice(server):
    answer(server, server.hello(extensions=[extension(0xFF01, b"\x00")] * 2))


@server_that(HANDSHAKE_FAILURE, "the sign of secure renegotiation is wrong: ")
def answers_of_an_earlier_handshake(server):
    """RFC 5746 §3.4: not empty in a first handshake."""
    answer(server, server.hello(extensions=[extension(0xFF01, vector(1, bytes(24)))]))


@server_that(DECODE_ERROR, MALFORMED)
def says_more_behind_its_hello(server):
    answer(server, server.hello(behind=b"x"))


@server_that(DECODE_ERROR, MALFORMED)
def cuts_its_server_hello_short(server):
    answer(server, message(raw.SERVER_HELLO, server.hello()[4:40]))


@server_that(DECODE_ERROR, "the session's name is too long: ")
def names_the_session_with_33_bytes(server):
    answer(server, server.hello(session=bytes(33)))


@server_that(DECODE_ERROR, "the end of the server's hello is malformed: ")
def says_more_in_its_hellos_end(server):
    server.hear_hello()
    server.say(server.hello())
    server.say(chain_of(*THEM.chain))
    server.say(server.key(THEM))
    server.say(message(raw.DONE, b"x"))


@server_that(UNEXPECTED_MESSAGE, TURN)
def says_more_behind_its_hellos_end(server):
    server.hear_hello()
    server.say(server.hello())
    server.say(chain_of(*THEM.chain))
    server.say(server.key(THEM))
    server.say(message(raw.DONE), message(raw.DONE))


@server_that(UNEXPECTED_MESSAGE, TURN)
def begins_with_its_certificate(server):
    answer(server, chain_of(*THEM.chain))


@server_that(UNEXPECTED_MESSAGE, TURN)
def says_its_hello_twice(server):
    answer(server, server.hello(), server.hello())


@server_that(UNEXPECTED_MESSAGE, TURN)
def leaves_its_certificate_out(server):
    server.hear_hello()
    server.say(server.hello())
    server.say(server.key(THEM))


@server_that(UNEXPECTED_MESSAGE, TURN)
def leaves_its_key_out(server):
    answer(server, server.hello(), chain_of(*THEM.chain), message(raw.DONE))


@server_that(UNEXPECTED_MESSAGE, TURN)
def says_its_key_twice(server):
    server.hear_hello()
    server.say(server.hello())
    server.say(chain_of(*THEM.chain))
    server.say(server.key(THEM))
    server.say(server.key(THEM))


@server_that(UNEXPECTED_MESSAGE, TURN)
def gives_a_ticket_that_nobody_asked_for(server):
    """RFC 5077 §3.3, before its ChangeCipherSpec."""
    before_its_finished(server)
    server.say(message(4, bytes(4) + vector(2, bytes(32))))


@server_that(UNEXPECTED_MESSAGE, TURN)
def asks_for_a_certificate_twice(server):
    server.hear_hello()
    server.say(server.hello())
    server.say(chain_of(*THEM.chain))
    server.say(server.key(THEM))
    server.say(server.request())
    server.say(server.request())


@server_that(UNEXPECTED_MESSAGE, TURN)
def sends_Finished_without_ChangeCipherSpec(server):
    before_its_finished(server)
    server.say(server.finished())


@server_that(UNEXPECTED_MESSAGE, TURN)
def changes_ciphers_at_once(server):
    server.hear_hello()
    server.say(server.hello())
    server.say(b"\x01", kind=raw.CCS)


@server_that(UNEXPECTED_MESSAGE, TURN)
def sends_application_data_at_once(server):
    server.hear_hello()
    server.say(server.hello())
    server.say(b"HTTP/1.1 200 OK\r\n\r\n", kind=raw.DATA)


@server_that(UNEXPECTED_MESSAGE, TURN)
def answers_before_Finished(server):
    before_its_finished(server)
    server.switch()
    server.say(b"HTTP/1.1 200 OK\r\n\r\n", kind=raw.DATA)


@server_that(DECRYPT_ERROR, OTHER_HANDSHAKE)
def finishes_another_handshake(server):
    before_its_finished(server)
    server.switch()
    server.say(message(raw.FINISHED, bytes(12)))


@server_that(DECRYPT_ERROR, OTHER_HANDSHAKE)
def finishes_as_the_client_would(server):
    before_its_finished(server)
    server.switch()
    server.say(message(raw.FINISHED, server.verified(True)))


@server_that(BAD_RECORD_MAC, CHANGED)
def flips_a_bit_of_its_Finished(server):
    before_its_finished(server)
    server.switch()
    server.raw(flipped(server.record(raw.HANDSHAKE, server.finished()), 20))


@server_that(BAD_RECORD_MAC, CHANGED)
def flips_a_bit_of_its_answer(server):
    server.enter(THEM)
    server.hear_record()
    server.raw(flipped(server.record(raw.DATA, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), 20))


@server_that(BAD_RECORD_MAC, CHANGED)
def flips_a_bit_of_its_answers_tag(server):
    server.enter(THEM)
    server.hear_record()
    server.raw(flipped(server.record(raw.DATA, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), -1))


@server_that(DECRYPT_ERROR, SIGNATURE)
def signs_its_key_with_another(server):
    server.hear_hello()
    server.say(server.hello())
    server.say(chain_of(*THEM.chain))
    server.say(server.key(US))


@server_that(DECRYPT_ERROR, SIGNATURE)
def signs_the_key_of_another_handshake(server):
    server.hear_hello()
    server.say(server.hello())
    server.say(chain_of(*THEM.chain))
    mine = server.share()
    server.say(server.key(THEM, share=mine, signature=server.signed(THEM.key, bytes(64) + b"\x03\x00\x1d" + vector(1, mine))))


@server_that(HANDSHAKE_FAILURE, "there is no algorithm that both sides take: ")
def signs_with_SHA_1(server):
    server.hear_hello()
    server.say(server.hello())
    server.say(chain_of(*THEM.chain))
    server.say(server.key(THEM, signature=numbers(0x0203) + vector(2, bytes(70))))


@server_that(HANDSHAKE_FAILURE, "there is no algorithm that both sides take: ")
def chooses_a_curve_that_is_not_offered(server):
    server.hear_hello()
    server.say(server.hello())
    server.say(chain_of(*THEM.chain))
    server.say(server.key(THEM, curve=22))


@server_that(BAD_CERTIFICATE, VERIFY)
def shows_a_chain_of_twenty(server):
    answer(server, server.hello(), chain_of(*THEM.chain * 20))


@server_that(BAD_CERTIFICATE, VERIFY)
def shows_a_certificate_of_100_kilobytes(server):
    server.hear_hello()
    server.say(server.hello())
    data = chain_of(b"\x30\x83\x01\x86\xa0" + bytes(100000))
    for i in range(0, len(data), 16000):
        server.raw(server.record(raw.HANDSHAKE, data[i:i + 16000]))


@server_that(GOES_ON, None)
def names_60_kilobytes_of_authorities(server):
    server.hear_hello()
    server.say(server.hello())
    server.say(chain_of(*THEM.chain))
    server.say(server.key(THEM))
    data = message(raw.REQUEST, b"\x01\x40" + vector(2, numbers(raw.SHA256_ECDSA)) + vector(2, vector(2, bytes(1000)) * 60))
    server.transcript.update(bytearray(data))
    for i in range(0, len(data), 16000):
        server.raw(server.record(raw.HANDSHAKE, data[i:i + 16000]))
    server.say(message(raw.DONE))
    server.hear_flight()
    server.switch()
    server.say(server.finished())
    serve(server)


@server_that(BAD_CERTIFICATE, VERIFY)
def shows_a_malformed_certificate(server):
    answer(server, server.hello(), chain_of(THEM.chain[0][:-2]))


@server_that(UNEXPECTED_MESSAGE, TURN)
def shows_no_certificate(server):
    answer(server, server.hello(), chain_of())


@server_that(UNSUPPORTED_CERTIFICATE, VERIFY + "the certificate is for another purpose ")
def shows_a_clients_certificate(server):
    answer(server, server.hello(), chain_of(*US.chain))


@server_that(GOES_ON, None)
def asks_to_renegotiate(server):
    """Declined by a warning, and the connection goes on."""
    server.enter(THEM)
    server.say(message(raw.HELLO_REQUEST))
    try:
        while server.hear_record()[0] == raw.DATA:
            pass
    except raw.Told as alert:
        tap.equal(alert.args, (1, NO_RENEGOTIATION), "the warning")
    else:
        raise AssertionError("it is not declined")
    server.say(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes", kind=raw.DATA)


@server_that(GOES_ON, None)
def floods_with_warnings(server):
    server.hear_hello()
    server.raw(server.record(raw.ALERT, b"\x01\x5a") * 20000)
    server.say(server.hello())
    server.say(chain_of(*THEM.chain))
    server.say(server.key(THEM))
    server.say(server.request())
    server.say(message(raw.DONE))
    server.hear_flight()
    server.switch()
    server.say(server.finished())
    serve(server)


@server_that(GONE, "the connection ended without close_notify: ")
def cuts_its_answer_short(server):
    server.enter(THEM)
    server.hear_record()
    server.say(b"HTTP/1.1 200 OK\r\n\r\nhalf of", kind=raw.DATA)
    server.socket.shutdown(socket.SHUT_WR)
