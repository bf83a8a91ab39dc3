"""messages: requests that are made so that two readers may see different ones in them, for the tests beside nginx."""

NEXT = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n"


def head(fields=b"", line=b"POST /first HTTP/1.1", host=b"Host: a\r\n"):
    return line + b"\r\n" + host + fields + b"\r\n"


def framed(*fields, body=b"", line=b"POST /first HTTP/1.1"):
    """A request with these framing fields, a body, and another request behind it."""
    return head(b"".join(field + b"\r\n" for field in fields), line) + body + NEXT


CHUNKS = b"3\r\nabc\r\n0\r\n\r\n"
INNER = b"GET /inner HTTP/1.1\r\nHost: a\r\n\r\n"
CL = b"Content-Length: %d"
TE = b"Transfer-Encoding: chunked"

LENGTHS = [b"+3", b"-3", b"03", b"0x3", b"3, 3", b"3,3", b"3 3", b"3;3", b"3.0", b"3e0", b'"3"', b"", b" ", b"\t3\t", b"\x0b3",
           b"3\x0b", b"\xd9\xa3", b"18446744073709551619", b"18446744073709551616", b"9223372036854775808", b"4294967299", b"3\r\n 3", b"\r\n 3", b"3a", b"a3"]
CODINGS = [b"Chunked", b"CHUNKED", b" chunked ", b"\tchunked", b"\x0bchunked", b"chunked\x0b", b"\x0cchunked", b"chunked\x00", b"xchunked", b"chunkedx",
           b"chunked, chunked", b"chunked,chunked", b"identity", b"chunked, identity", b"identity, chunked", b"gzip, chunked", b",chunked", b"chunked,", b"chunked;q=1",
           b'"chunked"', b"", b"\r\n chunked", b"chunked\r\n ", b"x\r\n chunked", b"chunk\xc3\xa9d", b"chunked\xa0"]
NAMES = [b"Transfer-Encoding :", b"Transfer-Encoding\t:", b"Transfer-Encoding\x0b:", b" Transfer-Encoding:", b"\tTransfer-Encoding:", b"Transfer_Encoding:",
         b"Transfer-Encoding\x00:", b"Transfer\xe2\x80\x90Encoding:", b"X: y\rTransfer-Encoding:", b"X: y\nTransfer-Encoding:", b"X: y\r\n\nTransfer-Encoding:",
         b"\nTransfer-Encoding:", b"\rTransfer-Encoding:", b"Transfer-Encoding", b"\x00Transfer-Encoding:", b"X:\r\n\tTransfer-Encoding:", b"Transfer-Encoding:\x00"]
SIZES = [b"3", b"03", b"0000000000000003", b"00000000000000003", b"+3", b"-3", b"0x3", b"3h", b"3 ", b" 3", b"3\t", b"3;", b"3;x", b"3;x=y", b'3;x="y;z"', b"3 ;x",
         b"3; x", b"3 x", b"3,3", b"3_0", b"3.0", b"3\x0b", b"3\x00", b"3;\x00", b"3;a\nb", b"3;a\rb", b"3\n", b"3\r", b"", b"g", b"G", b"\xd9\xa3", b"ffffffffffffffff",
         b"10000000000000003", b"100000003", b"3;" + 5000 * b"x", b"3;" + 4000 * b"x", b'3;x="\r\n"']
LINES = [b"GET  /first HTTP/1.1", b"GET /first  HTTP/1.1", b"GET /first HTTP/1.1 ", b" GET /first HTTP/1.1", b"\r\nGET /first HTTP/1.1", b"\nGET /first HTTP/1.1",
         b"GET\t/first HTTP/1.1", b"GET /first\tHTTP/1.1", b"GET /first\x0bHTTP/1.1", b"GET /first HTTP/1.10", b"GET /first HTTP/1.2", b"GET /first HTTP/2.0", b"GET /first HTTP/0.9",
         b"GET /first http/1.1", b"GET /first", b"GET /first HTTP/1", b"GET /first HTTP/1.", b"GET /first HTTP/11", b"GET /first HTTP/1.1 HTTP/1.1", b"GET /fi rst HTTP/1.1",
         b"GET /first\x00 HTTP/1.1", b"GET /first#x HTTP/1.1", b"GET first HTTP/1.1", b"GET ?first HTTP/1.1", b"GET //first HTTP/1.1", b"GET /../first HTTP/1.1", b"GET /a/%2e%2e/first HTTP/1.1",
         b"GET /first%00 HTTP/1.1", b"GET /first%0d%0aX:%20y HTTP/1.1", b"GET /first? HTTP/1.1", b"GET /first??x HTTP/1.1", b"GET /first\\x HTTP/1.1", b"GET /\xc3\xa9 HTTP/1.1",
         b"GET http://a/first HTTP/1.1", b"GET http://b/first HTTP/1.1", b"GET http://a HTTP/1.1", b"GET http://a?first HTTP/1.1", b"GET http://u@a/first HTTP/1.1", b"GET http://a:80/first HTTP/1.1",
         b"GET https://a/first HTTP/1.1", b"GET HTTP://A/first HTTP/1.1", b"GET ftp://a/first HTTP/1.1", b"get /first HTTP/1.1", b"G\x00T /first HTTP/1.1", b"CONNECT a:80 HTTP/1.1",
         b"PRI * HTTP/2.0", b"TRACE /first HTTP/1.1", b"GET * HTTP/1.1", b"X" * 33 + b" /first HTTP/1.1"]
HOSTS = [b"", b"Host:\r\n", b"Host: a\r\nHost: a\r\n", b"Host: a\r\nHost: b\r\n", b"Host: a\r\nhost: b\r\n", b"Host : a\r\n", b"Host: a\r\nHost : b\r\n", b" Host: a\r\n", b"X: y\r\n Host: b\r\n",
         b"Host: a b\r\n", b"Host: a,b\r\n", b"Host: a/b\r\n", b"Host: a@b\r\n", b"Host: a:\r\n", b"Host: a:80:80\r\n", b"Host: a\x00b\r\n", b"Host: a\x0bb\r\n", b"Host: [::1]\r\n", b"Host: [::1\r\n",
         b"Host: a\\b\r\n", b"Host: a#b\r\n", b"Host: a?b\r\n", b"Host: a\r\n b\r\n", b"Host: a\n", b"Host: a\r\nX: y\rHost: b\r\n"]
# Byte strings that one reader or another takes for nothing, for an end or for a blank.
BYTES = [b"\x00", b"\t", b"\n", b"\x0b", b"\r", b" ", b",", b":", b";", b"0", b"3", b"a", b'"', b"\x7f", b"\x85", b"\xa0", b"\r\n", b"\r\n ", b"\n\n"]


def crafted():
    """The known ways to be seen as two."""
    smuggled = b"0\r\n\r\n" + INNER
    yield framed(CL % 3, body=b"abc")
    yield framed(TE, body=CHUNKS)
    yield framed(CL % len(INNER), body=INNER)
    yield framed(CL % len(INNER), body=INNER, line=b"GET /first HTTP/1.1")
    yield framed(TE, body=b"%x\r\n%s\r\n0\r\n\r\n" % (len(INNER), INNER), line=b"HEAD /first HTTP/1.1")
    for fields in ([CL % 3, CL % 3], [CL % 3, CL % 0], [CL % 0, CL % 3], [CL % 3, b"content-length: 4"], [CL % 3, b"Content_Length: 0"], [CL % 3, b"Content-Length\x00: 0"],
                   [CL % 3, b"Content-Length : 0"], [CL % 3, b" Content-Length: 0"], [CL % 3, b"X: y\rContent-Length: 0"], [CL % 3, b"X: y\nContent-Length: 0"],
                   [CL % 3, b"Connection: Content-Length"], [CL % 3, b"Connection: close, Content-Length"]):
        yield framed(*fields, body=b"abc")
    for fields in ([CL % 3, TE], [TE, CL % 3], [CL % len(CHUNKS), TE], [CL % len(smuggled), TE], [TE, TE], [TE, b"transfer-encoding: x"], [b"Transfer-Encoding: x", TE],
                   [TE, b"Transfer-Encoding:"], [TE, b"Connection: Transfer-Encoding"], [TE, b"TE: trailers"], [TE, b"Trailer: X"], [TE, b"Expect: 100-continue"], [TE, b"Upgrade: h2c"]):
        yield framed(*fields, body=CHUNKS)
        yield framed(*fields, body=smuggled)
    for length in LENGTHS:
        yield framed(b"Content-Length: " + length, body=b"abc")
        yield framed(b"Content-Length: " + length, TE, body=CHUNKS)
    for coding in CODINGS:
        for more in ([], [CL % 3], [CL % len(smuggled)]):
            yield framed(b"Transfer-Encoding: " + coding, *more, body=CHUNKS)
            yield framed(*more, b"Transfer-Encoding: " + coding, body=smuggled)
    for name in NAMES:
        for more in ([], [CL % 3], [CL % len(smuggled)]):
            yield framed(*more, name + b" chunked", body=smuggled)
    for size in SIZES:
        yield framed(TE, body=size + b"\r\nabc\r\n0\r\n\r\n")
        yield framed(TE, body=b"1\r\nx\r\n" + size + b"\r\nabc\r\n0\r\n\r\n")
    for zero in (b"0", b"00", b"0;x", b"0 ", b"0\n", b"0\r", b"-0", b"0x0", b"", b"0000000000000000"):
        yield framed(TE, body=b"3\r\nabc\r\n" + zero + b"\r\n\r\n")
    for end in (b"", b"\n", b"\r", b"xx", b"\r\n\r\n", b"x\r\n", b"\n\n", b" \r\n"):
        yield framed(TE, body=b"3\r\nabc" + end + b"0\r\n\r\n")
    for trailer in (b"X: y\r\n", b"Content-Length: 9\r\n", b"Transfer-Encoding: chunked\r\n", b"Host: b\r\n", b"X : y\r\n", b" X: y\r\n", b"X: y\n", b"X\r\n", b"X: y\r\n z\r\n", b"\n", b"\r", b"X: \x00\r\n",
                    b"X: " + 5000 * b"y" + b"\r\n"):
        yield framed(TE, body=b"3\r\nabc\r\n0\r\n" + trailer + b"\r\n")
    for line in LINES:
        yield head(line=line) + NEXT
        yield head(CL % 3 + b"\r\n", line) + b"abc" + NEXT
    for host in HOSTS:
        yield head(host=host) + NEXT
    for minor in (b"0", b"1"):
        for connection in (b"", b"Connection: keep-alive\r\n", b"Connection: close\r\n", b"Connection: Close, x\r\n"):
            yield head(connection + CL % 3 + b"\r\n", b"POST /first HTTP/1." + minor) + b"abc" + NEXT
        yield head(TE + b"\r\n", b"POST /first HTTP/1." + minor) + CHUNKS + NEXT
    for folded in (b"X: y\r\n z\r\n", b"X:\r\n y\r\n", b"X: y\r\n\t\r\n", b" \r\n", b": y\r\n", b"X\r\n", b"X Y: z\r\n", b"X: \x00\r\n", b"X: \x7f\r\n", b"X: y\r\r\n", b"X: y\n", b"X: \xff\r\n", b"X: y\r\n\n"):
        yield head(folded) + NEXT
    yield head(b"X: " + 16400 * b"y" + b"\r\n") + NEXT
    yield head(b"".join(b"X-%d: y\r\n" % i for i in range(101))) + NEXT


def mutated():
    """Three good messages with each of BYTES put in, and each byte left out or replaced, at every place."""
    for message in (framed(CL % 3, body=b"abc"), framed(TE, body=CHUNKS), framed(TE, b"X: y", body=b"2;x\r\nab\r\n0\r\nT: u\r\n\r\n")):
        for at in range(len(message) - len(NEXT) + 5):
            yield message[:at] + message[at + 1:]
            yield message[:at] + message[at:at + 1] + message[at:]
            for some in BYTES:
                yield message[:at] + some + message[at:]
                yield message[:at] + some + message[at + 1:]
