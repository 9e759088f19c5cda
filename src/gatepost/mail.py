"""Mails: what one is, and the ways out: by SMTP, or into a box where a developer reads them. RFC 5321, RFC 5322, RFC 8314."""

import asyncio
import smtplib
import ssl
import sys
from collections import deque
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from typing import NamedTuple, Protocol
from urllib.parse import unquote, urlsplit

from gatepost.secrets import Secret

SCHEMES = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
"""How a mail server is spoken to, and where it listens unless the URL says so."""

LOOPBACK = ("127.0.0.1", "::1", "localhost")
CONNECT_SECONDS = 15
KEPT = 50
"""How many mails a box keeps."""


class Mail(NamedTuple):
    """One mail to one person: what it says, as text and as HTML."""

    subject: str
    text: str
    html: str


class RefusedMailError(Exception):
    """The mail server said no. It would say so again when it is `final`."""

    def __init__(self, why: str, *, final: bool) -> None:
        super().__init__(why)
        self.why = why
        self.final = final


class Transport(Protocol):
    """A way out for mails."""

    async def send(self, to: str, mail: Mail) -> None:
        """Hand a mail over. Raises `RefusedMailError`."""
        ...


class Smtp:
    """A mail server, named by a URL: `smtps://user@host:465`, `smtp+starttls://…`, or `smtp://` on this machine.

    Raises ValueError for any other: passwords and links would travel in clear text.
    """

    def __init__(self, url: str, sender: str, password: Secret | None) -> None:
        place = urlsplit(url)
        if place.scheme not in SCHEMES or not place.hostname or place.path not in ("", "/"):
            raise ValueError(f"it is one of {', '.join(f'{scheme}://' for scheme in SCHEMES)} with a host behind it")
        if place.scheme == "smtp" and place.hostname not in LOOPBACK:
            raise ValueError("smtp:// is for this machine alone; say smtp+starttls:// or smtps://")
        self._scheme = place.scheme
        self._host = place.hostname
        self._port = place.port or SCHEMES[place.scheme]
        self._user = unquote(place.username or "")
        self._password = password
        self._sender = parse_sender(sender)

    async def send(self, to: str, mail: Mail) -> None:
        message = write_message(self._sender, to, mail)
        try:
            await asyncio.to_thread(self._deliver, message)
        except smtplib.SMTPResponseException as error:
            raise RefusedMailError(f"the mail server said {error.smtp_code}", final=error.smtp_code >= 550) from None
        except smtplib.SMTPRecipientsRefused as error:
            codes = {code for code, _ in error.recipients.values()}
            raise RefusedMailError(f"the mail server said {max(codes)}", final=min(codes) >= 500) from None
        except (smtplib.SMTPException, OSError) as error:
            raise RefusedMailError(f"the mail server cannot be used: {type(error).__name__}", final=False) from None

    def _deliver(self, message: EmailMessage) -> None:
        context = ssl.create_default_context()
        if self._scheme == "smtps":
            server: smtplib.SMTP = smtplib.SMTP_SSL(self._host, self._port, timeout=CONNECT_SECONDS, context=context)
        else:
            server = smtplib.SMTP(self._host, self._port, timeout=CONNECT_SECONDS)
        with server:
            if self._scheme == "smtp+starttls":
                server.starttls(context=context)
            if self._user and self._password:
                server.login(self._user, self._password.reveal())
            server.send_message(message)


def parse_sender(text: str) -> Address:
    """The address that mails come from. Raises ValueError."""
    try:
        return Address("Gatepost", addr_spec=text)
    except (MessageError, IndexError):
        raise ValueError("mail.sender is not an e-mail address") from None


class Box:
    """Mails that go nowhere: the newest are kept in memory and printed, for whoever develops. `gatepost dev` has one."""

    def __init__(self) -> None:
        self.mails: deque[tuple[str, Mail]] = deque(maxlen=KEPT)

    async def send(self, to: str, mail: Mail) -> None:
        self.mails.appendleft((to, mail))
        sys.stderr.write(f"\n  To       {to}\n  Subject  {mail.subject}\n\n{mail.text}\n")


def write_message(sender: Address, to: str, mail: Mail) -> EmailMessage:
    """The mail as it is sent. Raises ValueError for an address or a subject that would reach into other headers."""
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = Address(addr_spec=to)
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = make_msgid(domain=sender.domain)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    message.add_alternative(mail.html, subtype="html")
    return message
