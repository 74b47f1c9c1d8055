"""ftp_pod.py ADDRESS: an FTP server at port 21 with one file, its own address, sent over passive data connections."""

import socket
import sys
import threading

address = sys.argv[1]


def passive():
    listener = socket.create_server((address, 0))
    listener.settimeout(60)
    return listener, listener.getsockname()[1]


def serve(connection):
    data = None
    with connection, connection.makefile("r", newline="\r\n") as commands:

        def say(text):
            connection.sendall(f"{text}\r\n".encode())

        say("220 ready")
        for line in commands:
            command = line.split()[0].upper()
            if command in ("EPSV", "PASV"):
                data, port = passive()
                numbers = f"{address.replace('.', ',')},{port >> 8},{port & 255}"
                say(f"229 (|||{port}|)" if command == "EPSV" else f"227 ({numbers})")
            elif command == "RETR":
                say("150 it comes")
                with data, data.accept()[0] as client:
                    client.sendall(f"{address}\n".encode())
                say("226 that was all")
            elif command == "PWD":
                say('257 "/"')
            elif command == "USER":
                say("230 welcome")
            elif command in ("CWD", "SYST", "TYPE"):
                say("200 yes")
            else:
                say("221 bye" if command == "QUIT" else "500 what?")


def answer(connection, _):
    try:
        serve(connection)
    except OSError:
        pass  # a client that gave up


listener = socket.create_server((address, 21), backlog=64)
print("listening", flush=True)
while True:
    threading.Thread(target=answer, args=listener.accept(), daemon=True).start()
