"""Ways back in: a new password by a link that was mailed, and the proof of an e-mail. OWASP ASVS V2.5, NIST SP 800-63B §6.1.2."""

from gatepost.flows.instance import Instance
from gatepost.flows.mail_links import RESET, VERIFY, MailLink, open_mail_link
from gatepost.flows.mails import write_mail
from gatepost.flows.people import check_new_password
from gatepost.flows.second_step import password_state
from gatepost.flows.sign_in import Passwords
from gatepost.records import User
from gatepost.secrets import Secret
from gatepost.store.events import Act
from gatepost.store.outbox import put_letter
from gatepost.store.people import find_user
from gatepost.store.recovery import reset_password, verify_email


async def find_reset(instance: Instance, text: str) -> tuple[MailLink, User] | None:
    """Whom a link lets set a new password. None once they have one: with it, every link of before is dead."""
    link = open_mail_link(instance, RESET, text)
    user = await instance.store.read(find_user(bytes.fromhex(link.subject))) if link else None
    if link is None or user is None or user.disabled_at is not None:
        return None
    return (link, user) if await password_state(instance, user.id) == link.state else None


async def set_by_link(
    instance: Instance, passwords: Passwords, text: str, password: Secret, locale: str, address: str
) -> bool:
    """Set a new password and end every session and grant; whoever has a second step still needs it to sign in.

    False when the link is good no more. Raises `invalid_request` for what cannot be a password; the link stays good then.
    """
    found = await find_reset(instance, text)
    if found is None:
        return False
    link, user = found
    check_new_password(instance, password)
    password_hash = await passwords.hash(password)
    act = Act(instance.clock(), "user", address, user_id=user.id)
    question = reset_password(user.id, password_hash, bytes.fromhex(link.id), link.made_at, link.expires_at, act)
    if not await instance.store.ask(question):
        return False
    await instance.store.ask(put_letter(write_mail(instance, "password_changed", user.email, locale)))
    return True


def find_verification(instance: Instance, text: str) -> str | None:
    """The address that a link proves."""
    link = open_mail_link(instance, VERIFY, text)
    return link.state if link else None


async def verify_by_link(instance: Instance, text: str, address: str) -> bool:
    """Note that the owner of the address followed the link."""
    link = open_mail_link(instance, VERIFY, text)
    if link is None:
        return False
    act = Act(instance.clock(), "user", address)
    return await instance.store.ask(verify_email(bytes.fromhex(link.subject), link.state, act))
