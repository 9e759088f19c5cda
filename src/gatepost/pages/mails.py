"""Mails as people read them: each in two forms, text and HTML, of the same words, in the reader's language."""

from typing import Any

from gatepost.mail import Mail, Transport
from gatepost.ui.rendering import template_of


class Postman:
    """Writes mails and hands them to a transport."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    async def send(self, to: str, template: str, locale: str, view: dict[str, Any]) -> None:
        """Send one mail. Raises `mail.RefusedMailError`."""
        await self.transport.send(to, render_mail(template, locale, view))


def render_mail(template: str, locale: str, view: dict[str, Any]) -> Mail:
    """The mail of a template, which says `subject`, `lead`, `button` and `note`. Nothing in it is loaded from anywhere."""
    said = template_of(f"mails/{template}.html", locale).make_module(view)
    words = {name: getattr(said, name) for name in ("subject", "lead", "button", "note")}
    plain = {name: _plain(text) for name, text in words.items()}
    html = template_of("mails/frame.html", locale).render(**words, link=view["link"])
    text = f"{plain['lead']}\n\n{plain['button']}:\n{view['link']}\n\n{plain['note']}\n"
    return Mail(plain["subject"], text, html)


def _plain(text: Any) -> str:
    """Words without their escapes, on one line: an organization's name is somebody else's text."""
    return " ".join(str(text.unescape() if hasattr(text, "unescape") else text).split())
