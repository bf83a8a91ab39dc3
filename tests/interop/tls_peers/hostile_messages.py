"""hostile_messages: clients that say things out of turn, or offer what nobody should take."""
import raw
import tap
from hostile import (CLOSE, CUT, GOES_ON, GONE, HANDSHAKE_FAILURE, NOTHING_COMMON, NO_RENEGOTIATION, OLD, OTHER_VERSION, PROTOCOL_VERSION,
                     TURN, UNEXPECTED_MESSAGE, US, asked, before_finished, client_that, finish)
from raw import chain_of, extension, message, numbers, vector


# ---- messages: order ----


@client_that(UNEXPECTED_MESSAGE, TURN)
def begins_with_a_key(client):
    client.say(message(raw.CLIENT_KEY, vector(1, bytes(32))))


@client_that(UNEXPECTED_MESSAGE, TURN)
def begins_with_Finished(client):
    client.say(message(raw.FINISHED, bytes(12)))


@client_that(UNEXPECTED_MESSAGE, TURN)
def begins_with_ChangeCipherSpec(client):
    client.say(b"\x01", kind=raw.CCS)


@client_that(UNEXPECTED_MESSAGE, TURN)
def begins_with_application_data(client):
    client.say(b"GET / HTTP/1.1\r\n\r\n", kind=raw.DATA)


@client_that(UNEXPECTED_MESSAGE, TURN)
def says_more_in_the_record_of_its_hello(client):
    client.say(client.hello(), chain_of(*US.chain))


@client_that(UNEXPECTED_MESSAGE, TURN)
def says_hello_twice(client):
    client.say(client.hello())
    client.hear_flight()
    client.say(client.hello())


@client_that(UNEXPECTED_MESSAGE, TURN)
def leaves_its_certificate_out(client):
    client.say(client.hello())
    client.hear_flight()
    client.say(client.key())


@client_that(UNEXPECTED_MESSAGE, TURN)
def shows_its_certificate_twice(client):
    client.say(client.hello())
    client.hear_flight()
    client.say(chain_of(*US.chain))
    client.say(chain_of(*US.chain))


@client_that(UNEXPECTED_MESSAGE, TURN)
def leaves_CertificateVerify_out(client):
    client.say(client.hello())
    client.hear_flight()
    client.say(chain_of(*US.chain))
    client.say(client.key())
    client.switch()
    client.say(client.finished())


@client_that(UNEXPECTED_MESSAGE, TURN)
def sends_Finished_before_ChangeCipherSpec(client):
    before_finished(client)
    client.say(client.finished())


@client_that(UNEXPECTED_MESSAGE, TURN)
def changes_ciphers_before_there_are_keys(client):
    client.say(client.hello())
    client.hear_flight()
    client.say(b"\x01", kind=raw.CCS)


@client_that(UNEXPECTED_MESSAGE, TURN)
def changes_ciphers_twice(client):
    before_finished(client)
    client.switch()
    client.say(b"\x01", kind=raw.CCS)


@client_that(UNEXPECTED_MESSAGE, "the change of ciphers is malformed: ")
def changes_ciphers_to_2(client):
    before_finished(client)
    client.say(b"\x02", kind=raw.CCS)


@client_that(UNEXPECTED_MESSAGE, TURN)
def sends_application_data_in_the_handshake(client):
    client.say(client.hello())
    client.hear_flight()
    client.say(b"GET / HTTP/1.1\r\n\r\n", kind=raw.DATA)


@client_that(UNEXPECTED_MESSAGE, TURN)
def sends_application_data_before_Finished(client):
    before_finished(client)
    client.switch()
    client.say(b"GET / HTTP/1.1\r\n\r\n", kind=raw.DATA)


@client_that(UNEXPECTED_MESSAGE, TURN)
def sends_the_servers_messages(client):
    client.say(message(raw.SERVER_HELLO, client.hello()[4:]))


@client_that(UNEXPECTED_MESSAGE)
def sends_Finished_again(client):
    client.enter(US)
    client.say(client.finished())


@client_that(GOES_ON)
def asks_to_renegotiate(client):
    """RFC 5246 §7.2.2: declined by a warning, and the connection goes on."""
    client.enter(US)
    client.say(client.hello())
    try:
        client.hear_record()
    except raw.Told as alert:
        tap.equal(alert.args, (1, NO_RENEGOTIATION), "the warning")
    else:
        raise AssertionError("it is not declined")
    asked(client)


@client_that(UNEXPECTED_MESSAGE, TURN)
def sends_a_message_that_nobody_knows(client):
    client.say(client.hello())
    client.hear_flight()
    client.say(message(99, b"?"))


@client_that(UNEXPECTED_MESSAGE)
def sends_a_message_that_nobody_knows_later(client):
    client.enter(US)
    client.say(message(99, b"?"))


@client_that(UNEXPECTED_MESSAGE)
def changes_ciphers_later(client):
    client.enter(US)
    client.say(b"\x01", kind=raw.CCS)


@client_that(GONE, "the far side gave up: ")
def gives_up_by_a_fatal_alert(client):
    client.say(client.hello())
    client.hear_flight()
    client.say(b"\x02\x5a", kind=raw.ALERT)


@client_that(CLOSE, CUT)
def closes_in_the_handshake(client):
    client.say(client.hello())
    client.hear_flight()
    client.say(b"\x01\x00", kind=raw.ALERT)


@client_that(GONE, "the far side sent an alert that nobody here knows: ")
def sends_an_alert_that_nobody_knows(client):
    client.say(client.hello())
    client.say(b"\x02\xc8", kind=raw.ALERT)


# ---- versions and suites ----


@client_that(PROTOCOL_VERSION, OLD)
def knows_TLS_1_1_only(client):
    client.say(client.hello(version=0x0302))


@client_that(PROTOCOL_VERSION, OLD)
def knows_TLS_1_0_only(client):
    client.say(client.hello(version=0x0301))


@client_that(PROTOCOL_VERSION, OLD)
def knows_SSL_3_only(client):
    client.say(client.hello(version=0x0300))


@client_that(PROTOCOL_VERSION, OTHER_VERSION)
def knows_nothing_but_version_2(client):
    client.say(client.hello(version=0x0200))


@client_that(GOES_ON)
def knows_versions_yet_to_come(client):
    client.say(client.hello(version=0x03ff))
    finish(client)


@client_that(PROTOCOL_VERSION, OLD)
def falls_back(client):
    """RFC 7507 §3: inappropriate_fallback, or this one where the version is not spoken at all."""
    client.say(client.hello(version=0x0302, suites=(raw.ECDHE_ECDSA_AES_128_GCM, 0x5600)))


@client_that(GOES_ON)
def says_that_it_falls_back_and_does_not(client):
    client.say(client.hello(suites=(raw.ECDHE_ECDSA_AES_128_GCM, 0x5600)))
    finish(client)


WEAK = (0x0000, 0x0004, 0x0005, 0x0003, 0x0009, 0x000A, 0x0018, 0x0034, 0x0033, 0x0039, 0x009E, 0xC007, 0xC008, 0xC018)


@client_that(HANDSHAKE_FAILURE, NOTHING_COMMON)
def offers_weak_suites_only(client):
    """None, RC4, export, DES, 3DES, anonymous, finite-field Diffie-Hellman."""
    client.say(client.hello(suites=WEAK))


@client_that(HANDSHAKE_FAILURE, NOTHING_COMMON)
def offers_CBC_suites_only(client):
    """Without them there is no padding for Lucky 13 to measure."""
    client.say(client.hello(suites=(0xC009, 0xC00A, 0xC013, 0xC014, 0xC023, 0xC024, 0xC027, 0xC028, 0x002F, 0x0035, 0x003C, 0x003D)))


@client_that(HANDSHAKE_FAILURE, NOTHING_COMMON)
def offers_static_Diffie_Hellman_only(client):
    client.say(client.hello(suites=(0xC02D, 0xC02E, 0xC031, 0xC032)))


@client_that(HANDSHAKE_FAILURE, NOTHING_COMMON)
def offers_suites_of_TLS_1_3_only(client):
    client.say(client.hello(suites=(0x1301, 0x1302, 0x1303)))


@client_that(HANDSHAKE_FAILURE, NOTHING_COMMON)
def offers_suites_for_another_key_only(client):
    client.say(client.hello(suites=(raw.ECDHE_RSA_AES_128_GCM,)))


@client_that(HANDSHAKE_FAILURE, NOTHING_COMMON)
def offers_no_suite(client):
    client.say(client.hello(suites=()))


@client_that(HANDSHAKE_FAILURE, NOTHING_COMMON)
def offers_no_curve_of_ours(client):
    client.say(client.hello(extensions=[extension(10, vector(2, numbers(22, 30))), raw.SUPPORTED[2]]))


@client_that(HANDSHAKE_FAILURE, NOTHING_COMMON)
def takes_SHA_1_signatures_only(client):
    client.say(client.hello(extensions=[raw.SUPPORTED[0], extension(13, vector(2, numbers(0x0203, 0x0201, 0x0101)))]))


@client_that(HANDSHAKE_FAILURE, NOTHING_COMMON)
def wants_compression(client):
    client.say(client.hello(compression=b"\x01\x40"))


@client_that(GOES_ON)
def offers_compression(client):
    client.say(client.hello(compression=b"\x01\x00"))
    finish(client)


# ---- extensions ----


@client_that(GOES_ON)
def offers_an_extension_twice(client):
    """RFC 5246 §7.4.1.4 forbids it to the sender and asks nothing of the receiver: the last one counts."""
    client.say(client.hello(extensions=[extension(10, vector(2, numbers(22))), *raw.SUPPORTED]))
    finish(client)


@client_that(GOES_ON)
def offers_extensions_that_nobody_knows(client):
    client.say(client.hello(extensions=[extension(0x1A1A), extension(0xABCD, bytes(300)), *raw.SUPPORTED, extension(0xFAFA, b"\x00")]))
    finish(client)


@client_that(GOES_ON)
def offers_2000_extensions(client):
    data = client.hello(extensions=[*raw.SUPPORTED, *(extension(0x2000 + i, b"12345678") for i in range(2000))])
    client.transcript.update(bytearray(data))
    for i in range(0, len(data), 16000):
        client.raw(client.record(raw.HANDSHAKE, data[i:i + 16000]))
    finish(client)


@client_that(GOES_ON)
def offers_an_extension_of_65000_bytes(client):
    data = client.hello(extensions=[*raw.SUPPORTED, extension(21, bytes(65000))])
    client.transcript.update(bytearray(data))
    for i in range(0, len(data), 16000):
        client.raw(client.record(raw.HANDSHAKE, data[i:i + 16000]))
    finish(client)
