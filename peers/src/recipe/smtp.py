"""Accepts mail over STARTTLS after a login, and writes each to mails/NUMBER.json in the current folder.

usage: smtp.py PORT
"""

import json
import os
import ssl
import sys
import threading

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

REFUSED = {"bounce": "550 no such user", "tempfail": "451 try again later"}


class Handler:
    # Numbers go on where an earlier start left off.
    count = len(os.listdir("mails"))

    async def handle_RCPT(self, server, session, envelope, address, options):
        refusal = REFUSED.get(address.partition("@")[0])
        if refusal:
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.count += 1
        data = envelope.content.decode("utf-8", "replace")
        mail = {"from": envelope.mail_from, "to": envelope.rcpt_tos, "data": data}
        path = f"mails/{self.count:09}.json"
        with open(path + ".part", "w", encoding="utf-8") as file:
            json.dump(mail, file)
        # A reader sees a whole mail or none.
        os.rename(path + ".part", path)
        return "250 OK"


def authenticate(server, session, envelope, mechanism, data):
    known = isinstance(data, LoginPassword) and (data.login, data.password) == (b"mail", b"mailpass")
    return AuthResult(success=known, handled=False)


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("server.pem", "server.key")
controller = Controller(
    Handler(),
    hostname="127.0.0.1",
    port=int(sys.argv[1]),
    tls_context=context,
    require_starttls=True,
    auth_required=True,
    authenticator=authenticate,
)
controller.start()
print("READY", flush=True)
threading.Event().wait()
