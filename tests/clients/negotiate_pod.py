"""negotiate_pod.py ADDRESS KEYTAB: an HTTP server at port 80 that lets in who has a ticket for a name in KEYTAB (RFC 4559)."""

import base64
import http.server
import os
import sys

import gssapi

address, os.environ["KRB5_KTNAME"] = sys.argv[1:]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body, token=b""):
        self.send_response(status)
        self.send_header("WWW-Authenticate", f"Negotiate {base64.b64encode(token).decode()}".strip())
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def do_GET(self):
        word, _, token = self.headers.get("Authorization", "").partition(" ")
        if word != "Negotiate":
            self.answer(401, "")
            return
        context = gssapi.SecurityContext(creds=gssapi.Credentials(usage="accept"), usage="accept")
        try:
            said = context.step(base64.b64decode(token)) or b""
        except gssapi.exceptions.GSSError:
            said = b""
        # SPNEGO says what is wrong in a token of its own.
        if context.complete:
            self.answer(200, f"{address}\n", said)
        else:
            self.answer(403, "")


http.server.ThreadingHTTPServer((address, 80), Handler).serve_forever()
