"""tor.py NAME=ADDRESS...: what torsocks wants of Tor: SOCKS5 on 127.0.0.1:9050 that resolves each NAME to one ADDRESS
(Tor's own command 0xf0) and connects to addresses. One line on stdout when it listens, and one for each thing asked."""
import socket
import socketserver
import sys
import threading

names = dict(argument.split("=") for argument in sys.argv[1:])


def say(*words):
    print(*words, flush=True)


def pump(source, target):
    while data := source.recv(65536):
        target.sendall(data)
    target.shutdown(socket.SHUT_WR)


class Client(socketserver.StreamRequestHandler):
    def handle(self):
        _, methods = self.rfile.read(2)
        self.rfile.read(methods)
        self.wfile.write(b"\5\0")
        _, command, _, kind = self.rfile.read(4)
        if kind == 3:
            asked = self.rfile.read(self.rfile.read(1)[0]).decode()
        else:
            asked = socket.inet_ntoa(self.rfile.read(4))
        port = int.from_bytes(self.rfile.read(2), "big")
        say("resolve" if command == 0xF0 else "connect", asked)
        address = names.get(asked, asked)
        if command == 0xF0:
            self.wfile.write(b"\5\0\0\1" + socket.inet_aton(address) + b"\0\0")
            return
        with socket.create_connection((address, port)) as there:
            self.wfile.write(b"\5\0\0\1" + socket.inet_aton(address) + b"\0\0")
            thread = threading.Thread(target=pump, args=(there, self.connection))
            thread.start()
            pump(self.connection, there)
            thread.join()


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


with Server(("127.0.0.1", 9050), Client) as server:
    say("listening")
    server.serve_forever()
