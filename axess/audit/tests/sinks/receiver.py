"""Receives webhooks as an operator's own program would, with nothing but Python's library.

usage: receiver.py KEY...   (keys in hexadecimal)

Writes what it takes to `events`, a line for each event it did not have, and a line for each request to `requests`. A
batch with an event whose note is "poison" is refused with 422.
"""

import base64
import hashlib
import hmac
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEYS = [bytes.fromhex(key) for key in sys.argv[1:]]
seen = set()


def is_signed(headers, body):
    signed = headers["webhook-id"] + "." + headers["webhook-timestamp"] + "."
    for key in KEYS:
        mac = hmac.new(key, signed.encode() + body, hashlib.sha256).digest()
        expected = "v1," + base64.b64encode(mac).decode()
        if any(hmac.compare_digest(expected, found) for found in headers["webhook-signature"].split(" ")):
            return True
    return False


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        status = self.take(body)
        note = {"status": status, "path": self.path, "length": len(body), "headers": dict(self.headers.items())}
        with open("requests", "a", encoding="utf-8") as file:
            file.write(json.dumps(note) + "\n")
        self.send_response(status)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def take(self, body):
        if not is_signed(self.headers, body):
            return 401
        events = json.loads(body)["events"]
        inner = [event.get("event", event) for event in events]
        if any(event.get("note") == "poison" for event in inner):
            return 422
        with open("events", "a", encoding="utf-8") as file:
            for event in inner:
                if event["event_id"] not in seen:
                    seen.add(event["event_id"])
                    file.write(json.dumps(event) + "\n")
        return 204 if not events else 200

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
