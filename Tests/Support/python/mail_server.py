"""An SMTP server for tests: aiosmtpd, which does to a mail what its recipient's name says.

Each accepted mail is parsed with Python's own e-mail library and left as JSON in the directory that the first argument
names, before the answer to it is sent. The first line on stdout is the port.

usage: mail_server.py DIRECTORY plain|login|echo-plain|echo-login|starttls|tls
"""

import asyncio
import base64
import email
import email.header
import email.policy
import email.utils
import json
import os
import pathlib
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult
import trustme

directory = pathlib.Path(sys.argv[1])
mode = sys.argv[2]


def mailboxes(field):
    """Names and addresses. The newer parser of Python 3.11 puts a space between two encoded words of a name."""
    pairs = email.utils.getaddresses([field])
    return [[str(email.header.make_header(email.header.decode_header(name))), address] for name, address in pairs]


def text_of(part):
    """A body's text, with the line ends that people write."""
    return part.get_content().replace("\r\n", "\n") if part else None


def described(envelope):
    """What a reader of the mail sees, and what went over the wire."""
    content = envelope.original_content
    message = email.message_from_bytes(content, policy=email.policy.default)
    lines = content.split(b"\r\n")
    plain_fields = email.message_from_bytes(content)
    return {
        "sender": envelope.mail_from,
        "recipients": envelope.rcpt_tos,
        "headers": [[name, str(value)] for name, value in message.items()],
        "from": mailboxes(plain_fields["From"]),
        "to": mailboxes(plain_fields["To"]),
        "date": message["Date"].datetime.timestamp(),
        "text": text_of(message.get_body(("plain",))),
        "html": text_of(message.get_body(("html",))),
        "attachments": [
            {
                "name": part.get_filename(),
                "type": part.get_content_type(),
                "base64": base64.b64encode(part.get_payload(decode=True)).decode(),
            }
            for part in message.iter_attachments()
        ],
        "defects": [str(d) for part in message.walk() for d in part.defects],
        "longestLine": max(len(line) for line in lines),
        "isASCII": content.isascii(),
        "hasBareLineEnds": any(b"\n" in line or b"\r" in line for line in lines),
    }


class Handler:
    count = 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        word = address.partition("@")[0]
        if word == "hang-rcpt":
            await asyncio.sleep(3600)
        if word == "drop-rcpt":
            server.transport.abort()
            return "250 never arrives"
        if word.startswith("rcpt-"):
            return f"{word[5:]} no mailbox for hunter2 here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        Handler.count += 1
        target = directory / f"{Handler.count}.json"
        (directory / "partial").write_text(json.dumps(described(envelope)))
        (directory / "partial").rename(target)
        word = envelope.rcpt_tos[0].partition("@")[0]
        if word == "hang-data":
            await asyncio.sleep(3600)
        if word == "slow-data":
            await asyncio.sleep(1)
        if word == "drop-data":
            server.transport.abort()
            return "250 never arrives"
        if word.startswith("data-"):
            return f"{word[5:]} the mail is not to my taste"
        return "250 taken"


class EchoHandler(Handler):
    """Lets nobody in, and repeats what it was told, as some servers do."""

    async def ask(self, server, challenge):
        await server.push(b"334 " + base64.b64encode(challenge))
        return (await server._reader.readline()).strip().decode()

    def refused(self, said):
        return AuthResult(success=False, handled=False, message="535 5.7.8 no such login: " + " ".join(said))

    async def auth_PLAIN(self, server, args):
        return self.refused(args[1:] or [await self.ask(server, b"")])

    async def auth_LOGIN(self, server, args):
        said = args[1:] or [await self.ask(server, b"User Name")]
        return self.refused(said + [await self.ask(server, b"Password")])


def authenticate(server, session, envelope, mechanism, data):
    is_right = (data.login, data.password) == (b"post@office", b"hunter2:/?#")
    return AuthResult(success=is_right, handled=False)


async def main():
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(directory / "authority.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)

    def session():
        settings = {"enable_SMTPUTF8": False}
        if mode == "starttls":
            settings |= {"tls_context": context, "require_starttls": True}
        if mode == "login":
            settings |= {"auth_required": True, "auth_require_tls": False, "authenticator": authenticate}
        if mode.startswith("echo-"):
            other = {"echo-plain": "LOGIN", "echo-login": "PLAIN"}[mode]
            settings |= {"auth_required": True, "auth_require_tls": False, "auth_exclude_mechanism": [other]}
            return SMTP(EchoHandler(), **settings)
        return SMTP(Handler(), **settings)

    server = await asyncio.get_running_loop().create_server(
        session, "127.0.0.1", 0, ssl=context if mode == "tls" else None
    )
    parent = os.getppid()
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        # Tests that are killed end nothing; a process that nobody waits for goes by itself.
        while os.getppid() == parent:
            await asyncio.sleep(1)
    os._exit(0)


asyncio.run(main())
