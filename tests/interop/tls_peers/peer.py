"""peer: Python's ssl as a foreign server or client of mutual TLS.

    peer.py serve FILE                             a line `ADDRESS PORT CERT KEY CA` each; prints "ready"
    peer.py post ADDRESS PORT NAME CA BODY [CERT KEY]    prints the answer

A server answers with "python" and the client's subject. Every program of this folder does the same.
"""
import http.client
import http.server
import socket
import ssl
import sys
import threading

# What is too weak for OpenSSL's usual level must come through: it is the other side that is to refuse it.
WEAK = "DEFAULT@SECLEVEL=0"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):  # pylint: disable=invalid-name
        subject = dict(pair for name in self.connection.getpeercert()["subject"] for pair in name)
        answer = f"python {subject['commonName']}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    """The handshake is the connection's own thread's, so that a failed one holds up nobody."""

    def __init__(self, address, context):
        super().__init__(address, Handler)
        self.context = context

    def finish_request(self, request, client_address):
        with self.context.wrap_socket(request, server_side=True) as connection:
            super().finish_request(connection, client_address)
            connection.unwrap()

    def handle_error(self, request, client_address):
        print(sys.exc_info()[1], file=sys.stderr, flush=True)


def serve(path):
    for line in open(path, encoding="utf-8"):
        address, port, cert, key, ca = line.split()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers(WEAK)
        context.load_cert_chain(cert, key)
        context.load_verify_locations(ca)
        context.verify_mode = ssl.CERT_REQUIRED
        threading.Thread(target=Server((address, int(port)), context).serve_forever).start()
    print("ready", flush=True)


def post(address, port, name, ca, body, *identity):
    context = ssl.create_default_context(cafile=ca)
    context.set_ciphers(WEAK)
    if identity:
        context.load_cert_chain(*identity)
    connection = http.client.HTTPSConnection(name, int(port), context=context, timeout=20)
    connection.sock = context.wrap_socket(socket.create_connection((address, int(port)), 20), server_hostname=name)
    with open(body, "rb") as file:
        connection.request("POST", "/matrix", file.read())
    sys.stdout.write(connection.getresponse().read().decode())


try:
    {"serve": serve, "post": post}[sys.argv[1]](*sys.argv[2:])
except OSError as error:
    sys.exit(str(error))
