"""A real mail server for tests (Debian: python3-aiosmtpd), which keeps each mail as a file.

smtpd.py FOLDER plain|starttls|tls [CERTIFICATE KEY USER PASSWORD]

Prints its port. With starttls and tls whoever sends must log in. A recipient whose name begins with `nobody` is refused for
ever, one that begins with `busy` for now; the mail of `slow` is kept, and its answer never comes.
"""

import asyncio
import os
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

folder, mode = sys.argv[1:3]
certificate, key, user, password = (sys.argv[3:] + [None] * 4)[:4]
count = 0


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody"):
            return "550 5.1.1 no such user"
        if address.startswith("busy"):
            return "451 4.3.0 come again"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        global count
        count += 1
        name = os.path.join(folder, f"{count:04}")
        head = f"X-Rcpt: {','.join(envelope.rcpt_tos)}\nX-Tls: {server.transport.get_extra_info('cipher') is not None}\nX-User: {session.authenticated}\n"
        with open(name + ".new", "wb") as mail:
            mail.write(head.encode() + envelope.content.replace(b"\r\n", b"\n"))
        os.rename(name + ".new", name + ".eml")
        if any(one.startswith("slow") for one in envelope.rcpt_tos):
            await asyncio.sleep(3600)
        return "250 taken"


def judge(server, session, envelope, mechanism, given):
    right = (user.encode(), password.encode())
    return AuthResult(success=(given.login, given.password) == right, handled=False)


def make():
    if mode == "plain":
        return SMTP(Handler(), hostname="mail.test")
    return SMTP(
        Handler(),
        hostname="mail.test",
        tls_context=context if mode == "starttls" else None,
        require_starttls=mode == "starttls",
        authenticator=judge,
        auth_required=True,
        auth_require_tls=mode == "starttls",
    )


async def main():
    secure = context if mode == "tls" else None
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0, ssl=secure)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if mode != "plain":
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
asyncio.run(main())
