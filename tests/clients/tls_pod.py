"""tls_pod.py ADDRESS PORT LOG CERTIFICATE: an HTTPS server; GET gets the address. CERTIFICATE is a file with its key too.
LOG gets a line for each connection, as from pod.c, but with the name that the client asked for by SNI."""

import os
import socket
import ssl
import sys
import threading

address, port, log_name, certificate = sys.argv[1:]
log = os.open(log_name, os.O_WRONLY | os.O_APPEND)


def answer(connection, client):
    try:
        with context.wrap_socket(connection, server_side=True) as tls:
            os.write(log, f"{address} {port} {client[0]} {getattr(tls, 'asked', None) or '-'}\n".encode())
            request = b""
            while b"\r\n\r\n" not in request and (data := tls.recv(4096)):
                request += data
            body = f"{address}\n"
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            tls.sendall((head + body).encode())
            tls.unwrap()
    except OSError:
        pass  # a client that did not like the certificate, or did not say goodbye


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate)
context.sni_callback = lambda tls, name, context: setattr(tls, "asked", name)
listener = socket.create_server((address, int(port)), backlog=256)
print("listening", flush=True)
while True:
    threading.Thread(target=answer, args=listener.accept()).start()
