#!/usr/bin/env python3
"""relay_forwarder: carries TCP by two threads per connection, as the forwarders commonly put beside an enclave do."""
import socket
import sys
import threading


def carry(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it was the one that broke


def serve(client, target):
    with client, socket.create_connection(("127.0.0.1", target)) as far:
        for end in (client, far):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        back = threading.Thread(target=carry, args=(far, client))
        back.start()
        carry(client, far)
        back.join()


def main():
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=4096)
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client, int(sys.argv[2])), daemon=True).start()


main()
