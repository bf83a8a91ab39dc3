#!/usr/bin/env python3
"""impolite: a TLS service whose answers have no length and end with the connection, with a goodbye or without.

    tests/service/impolite.py DIR ADDRESS PORT NAME    DIR holds NAME.crt and NAME.key

A request whose path begins with /polite is ended by close_notify, any other by the end of the TCP connection alone. What listens is written as one line.
"""
import socket
import ssl
import sys
import threading


def serve(context, connection):
    try:
        tls = context.wrap_socket(connection, server_side=True)
        request = b""
        while b"\r\n\r\n" not in request:
            request += tls.recv(4096)
        tls.sendall(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{"cut":')
        tls.sendall(b"false}")
        if request.startswith(b"POST /polite/"):
            tls.unwrap()
        else:
            socket.socket(fileno=tls.detach()).shutdown(socket.SHUT_WR)
    except (OSError, ssl.SSLError):
        pass


if len(sys.argv) != 5:
    sys.exit(__doc__)
FOLDER, ADDRESS, PORT, NAME = sys.argv[1:]
CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
CONTEXT.load_cert_chain(f"{FOLDER}/{NAME}.crt", f"{FOLDER}/{NAME}.key")
with socket.create_server((ADDRESS, int(PORT))) as listener:
    print("listening", flush=True)
    while True:
        threading.Thread(target=serve, args=(CONTEXT, listener.accept()[0]), daemon=True).start()
