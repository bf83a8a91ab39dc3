#!/usr/bin/env python3
"""backend: the watermark service behind nginx: GET /health, and POST /api/watermark with user_id and the data's SHA-256.

    tests/service/backend.py SOCKET

Listens on a Unix socket. GET /stream/N is answered with N bytes, POST /stream/up with the size and the SHA-256 of the body,
of any length. For tests a path may have misfortunes in front of it: /sleep/S, /status/N, /cut (the answer ends
before its Content-Length), /large/N (the answer has N bytes), /close (the connection ends without an answer).
"""
import hashlib
import http.server
import json
import socketserver
import sys
import time


BLOCK = bytes(range(256)) * 1024


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, value, cut=0):
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body) + cut))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = self.close_connection or cut > 0

    def do_GET(self):
        if self.path == "/health":
            self.answer(200, {"status": "ok"})
        elif self.path.startswith("/stream/"):
            self.send_stream(int(self.path.removeprefix("/stream/")))
        else:
            self.answer(404, {"error": "not found"})

    def send_stream(self, size):
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        for at in range(0, size, len(BLOCK)):
            self.wfile.write(BLOCK[:size - at])

    def take_stream(self):
        digest, size = hashlib.sha256(), int(self.headers["Content-Length"])
        for at in range(0, size, len(BLOCK)):
            digest.update(self.rfile.read(min(len(BLOCK), size - at)))
        self.answer(200, {"size": size, "sha256": digest.hexdigest()})

    def do_POST(self):
        if self.path == "/stream/up":
            return self.take_stream()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        words = self.path.strip("/").split("/")
        cut, size = 0, None
        while words and words[0] != "api":
            word = words.pop(0)
            if word == "sleep":
                time.sleep(float(words.pop(0)))
            elif word == "status":
                return self.answer(int(words.pop(0)), {"error": "as asked for"})
            elif word == "cut":
                cut = 10
            elif word == "large":
                size = int(words.pop(0))
            elif word == "close":
                self.close_connection = True
                return None
        if words != ["api", "watermark"]:
            return self.answer(404, {"error": "not found"})
        if size is not None:
            return self.answer(200, b'"' + b"x" * (size - 2) + b'"')
        try:
            request = json.loads(body)
            data, user = request["data"], request["user_id"]
        except (ValueError, KeyError, TypeError):
            return self.answer(400, {"error": "data and user_id are needed"})
        digest = hashlib.sha256(data.encode() if isinstance(data, str) else json.dumps(data).encode()).hexdigest()
        return self.answer(200, {"user_id": user, "sha256": digest}, cut)

    def address_string(self):
        return "nginx"

    def log_message(self, *_):
        pass  # nginx writes the log


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 128


if len(sys.argv) != 2:
    sys.exit(__doc__)
Server(sys.argv[1], Handler).serve_forever()
