"""Mails: over real SMTP servers, in people's languages, and with nothing in them that does not belong. AC-8, MD-1, F-27."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword

from gatepost.errors import GatepostError
from gatepost.flows.deliveries import DELIVERIES
from gatepost.flows.mails import order_mail
from gatepost.flows.outbox import Outbox
from gatepost.mail import Mail, RefusedMailError, Smtp, write_message
from gatepost.pages.mails import render_mail
from gatepost.secrets import Secret
from gatepost.store.question import INSTANCE
from gatepost.ui.rendering import LOCALES

from .browser import Browser
from .conftest import OpenWorld
from .mailbox import BOXED, mails
from .strangers import certificate
from .world import World

MAIL = Mail("A subject", "Some text\n", "<p>Some text</p>\n")
TEMPLATES = ("reset", "sign_in", "verify", "sign_up", "known", "password_changed")


class Server:
    """A mail server that notes what it was given, and answers as it is told."""

    def __init__(self, answer: str = "250 OK") -> None:
        self.answer = answer
        self.envelopes: list[Envelope] = []
        self.logins: list[tuple[bytes, bytes]] = []
        self.port = 0

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:  # noqa: N802 # the server looks for this name
        self.envelopes.append(envelope)
        return self.answer

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"the password")

    def read(self) -> EmailMessage:
        """The newest mail."""
        content = self.envelopes[-1].content
        assert isinstance(content, bytes)
        message = message_from_bytes(content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        return message


@asynccontextmanager
async def mail_server(
    *, answer: str = "250 OK", starttls: ssl.SSLContext | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Server]:
    own = Server(answer)
    loop = asyncio.get_running_loop()

    def connection() -> SMTP:
        return SMTP(
            own,
            loop=loop,
            tls_context=starttls,
            require_starttls=starttls is not None,
            auth_required=starttls is not None,
            authenticator=own.authenticate,
            auth_require_tls=starttls is not None,
        )

    server = await loop.create_server(connection, "127.0.0.1", 0, ssl=tls)
    own.port = server.sockets[0].getsockname()[1]
    try:
        yield own
    finally:
        server.close()


def smtp(url: str, password: str = "") -> Smtp:
    return Smtp(url, "auth@gate.test", Secret(password) if password else None)


async def test_a_mail_arrives_whole() -> None:
    async with mail_server() as server:
        await smtp(f"smtp://127.0.0.1:{server.port}").send("ann@example.test", MAIL)
    envelope, message = server.envelopes[0], server.read()
    assert (envelope.mail_from, envelope.rcpt_tos) == ("auth@gate.test", ["ann@example.test"])
    assert message["From"] == "Gatepost <auth@gate.test>"
    assert (message["To"], message["Subject"]) == ("ann@example.test", "A subject")
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"].endswith("@gate.test>")
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]


async def test_passwords_travel_only_where_nobody_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, context = certificate(tmp_path, "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    async with mail_server(starttls=context) as server:
        await smtp(f"smtp+starttls://mailer%40x@127.0.0.1:{server.port}", "the password").send("a@b.test", MAIL)
        assert server.logins == [(b"mailer@x", b"the password")]
        with pytest.raises(RefusedMailError):
            await smtp(f"smtp+starttls://mailer@127.0.0.1:{server.port}", "wrong").send("a@b.test", MAIL)
        assert len(server.envelopes) == 1
    async with mail_server(tls=context) as server:
        await smtp(f"smtps://127.0.0.1:{server.port}").send("a@b.test", MAIL)
        assert len(server.envelopes) == 1
    async with mail_server() as server:
        with pytest.raises(RefusedMailError):
            await smtp(f"smtp+starttls://mailer@127.0.0.1:{server.port}", "the password").send("a@b.test", MAIL)
        assert (server.envelopes, server.logins) == ([], [])


async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    _, context = certificate(tmp_path, "127.0.0.1")
    async with mail_server(starttls=context) as one, mail_server(tls=context) as two:
        for url in (f"smtp+starttls://127.0.0.1:{one.port}", f"smtps://127.0.0.1:{two.port}"):
            with pytest.raises(RefusedMailError, match="cannot be used"):
                await smtp(url).send("a@b.test", MAIL)
        assert one.envelopes + two.envelopes == []


@pytest.mark.parametrize(("answer", "final"), [("550 No such user", True), ("451 Later", False)])
async def test_a_no_for_ever_is_told_from_a_no_for_now(answer: str, final: bool) -> None:
    async with mail_server(answer=answer) as server:
        with pytest.raises(RefusedMailError) as refused:
            await smtp(f"smtp://127.0.0.1:{server.port}").send("a@b.test", MAIL)
    assert refused.value.final is final
    with pytest.raises(RefusedMailError) as refused:
        await smtp(f"smtp://127.0.0.1:{server.port}").send("a@b.test", MAIL)
    assert not refused.value.final, "nobody listens there now"


@pytest.mark.parametrize(
    "url",
    ["smtp://mail.example.com", "http://127.0.0.1", "smtps://", "mail.example.com", "smtp://127.0.0.1/path", "x:"],
)
async def test_an_unsafe_place_is_no_configuration(open_world: OpenWorld, url: str) -> None:
    with pytest.raises(GatepostError) as refused:
        await open_world({"mail.url": url, "mail.sender": "auth@gate.test"})
    assert refused.value.code == "invalid_configuration"


async def test_a_sender_is_needed(open_world: OpenWorld) -> None:
    for sender in ("", "nobody", "a@b.test\r\nBcc: c@d.test"):
        with pytest.raises(GatepostError):
            await open_world({"mail.url": "smtp://127.0.0.1", "mail.sender": sender})


@pytest.mark.parametrize("text", ["x\r\nBcc: eve@evil.test", "x\nBcc: eve@evil.test", "x\r\n\r\nbody"])
def test_nothing_reaches_into_other_headers(text: str) -> None:
    sender = Address("Gatepost", addr_spec="auth@gate.test")
    attempts: list[Callable[[], EmailMessage]] = [
        lambda: write_message(sender, "ann@example.test", MAIL._replace(subject=text)),
        lambda: write_message(sender, f"ann@example.test{text}", MAIL),
    ]
    for attempt in attempts:
        with pytest.raises(ValueError, match=r"."):
            attempt()


@pytest.mark.parametrize(
    "email",
    [
        "a@evil.test,b@acme.test",
        "a@acme.test@evil.test",
        "a@exämple.test",
        "a" * 400 + "@x.test",
        "bob@acme.test\r\nBcc: eve@evil.test",
        "bob@acme.test\nX",
        "<bob@acme.test>",
        "",
    ],
)
async def test_what_is_no_address_gets_no_mail(open_world: OpenWorld, email: str) -> None:
    world = await open_world(BOXED)
    await order_mail(world.instance, "sign_up", email, "en")
    assert await mails(world) == []


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("template", TEMPLATES)
def test_mails_load_nothing_and_say_the_same_twice(template: str, locale: str) -> None:
    link = "https://gate.test/reset/new?link=gp_mail_AAAA"
    mail = render_mail(template, locale, {"link": link})
    assert mail.subject
    assert "\n" not in mail.subject
    assert mail.text.count(link) == mail.html.count(link) == 1
    for loaded in ("src=", "<img", "<link", "<script", "style=", "url("):
        assert loaded not in mail.html
    assert f'dir="{"rtl" if locale == "ar" else "ltr"}"' in mail.html


def test_the_name_of_an_organization_is_text() -> None:
    view = {"link": "https://gate.test/invite?link=x", "organization": "<b>Evil</b> & Co\r\nBcc: x@y.test"}
    mail = render_mail("invite", "en", view)
    assert mail.subject == "You are invited to <b>Evil</b> & Co Bcc: x@y.test"
    assert "<b>Evil</b>" not in mail.html
    assert "&lt;b&gt;Evil&lt;/b&gt; &amp; Co" in mail.html
    assert "<b>Evil</b> & Co" in mail.text


async def test_a_mail_that_cannot_leave_is_given_up_with_an_event(open_world: OpenWorld) -> None:
    async with mail_server(answer="550 No") as server:
        url = f"smtp://127.0.0.1:{server.port}"
        world = await open_world({"mail.url": url, "mail.sender": "auth@gate.test"})
        await order_mail(world.instance, "sign_up", "eve@new.test", "en")
        assert await Outbox(world.instance, DELIVERIES).send_due() == 1
    (event,) = await world.events(INSTANCE, "delivery.given_up")
    assert "the mail server said 550" in event.detail


# The page of a development server.


async def test_the_page_of_mails_is_for_this_machine_alone(open_world: OpenWorld) -> None:
    world = await open_world(BOXED)
    await order_mail(world.instance, "sign_up", "eve@new.test", "en")
    await mails(world)
    here = Browser(world, "127.0.0.1")
    page = await here.get("/dev/outbox")
    assert "eve@new.test" in page.text
    assert "/sign-up/new?link=" in page.text
    assert (await Browser(world, "192.0.2.9").get("/dev/outbox")).status_code == 404
    assert (await here.get("/dev/outbox", headers={"host": "evil.test"})).status_code == 404


async def test_no_other_server_has_that_page(world: World) -> None:
    assert (await Browser(world, "127.0.0.1").get("/dev/outbox")).status_code == 404


async def test_a_server_without_mails_says_so(world: World) -> None:
    browser = Browser(world)
    page = await browser.press("/reset", "/reset", email="bob@acme.test")
    assert page.status_code == 404
    assert "sends no mails" in page.text
    assert "/reset" not in (await browser.get("/login")).text
