"""Ways back in: a new password by a link that was mailed, and the proof of an e-mail. OWASP ASVS V2.5, NIST SP 800-63B §6.1.2."""

from gatepost.flows.instance import Instance
from gatepost.flows.mail_links import RESET, VERIFY, MailLink, open_mail_link
from gatepost.flows.mails import write_mail
from gatepost.flows.people import check_new_password
from gatepost.flows.sign_in import Passwords
from gatepost.records import User
from gatepost.secrets import Secret
from gatepost.store.events import Act
from gatepost.store.outbox import put_letter
from gatepost.store.passkeys import list_passkeys
from gatepost.store.people import find_password_hash, find_user
from gatepost.store.recovery import reset_password, verify_email


async def begins_anew(instance: Instance, user_id: bytes, here: bytes | None) -> bool:
    """Whether a mailed link that this person opens where they are signed in as `here` ends what gets into the account now.

    It does so once, see `store.recovery`; so its page says so.
    """
    user = await instance.store.read(find_user(user_id))
    if user is None or user.email_verified_at is not None or user_id == here:
        return False
    has_password = await instance.store.read(find_password_hash(user_id)) is not None
    return has_password or bool(await instance.store.read(list_passkeys(user_id)))


async def find_reset(instance: Instance, text: str) -> tuple[MailLink, User] | None:
    """Whom a link lets set a new password. None once they have one: with it, every link of before is dead."""
    link = open_mail_link(instance, RESET, text)
    user = await instance.store.read(find_user(bytes.fromhex(link.subject))) if link else None
    if link is None or user is None or user.disabled_at is not None:
        return None
    return (link, user) if str(user.epoch) == link.state else None


async def set_by_link(
    instance: Instance,
    passwords: Passwords,
    text: str,
    password: Secret,
    locale: str,
    address: str,
    here: bytes | None,
) -> bool:
    """Set a new password and end every session and grant; whoever has a second step still needs it to sign in.

    But where this is the first time that somebody shows the address to be theirs, that ends too, unless they are signed
    in `here` as this person: see `store.recovery`. False when the link is no longer good. Raises `invalid_request` for
    what cannot be a password; the link stays good then.
    """
    found = await find_reset(instance, text)
    if found is None:
        return False
    link, user = found
    check_new_password(instance, password)
    password_hash = await passwords.hash(password)
    act = Act(instance.clock(), "user", address, user_id=user.id)
    spent = (bytes.fromhex(link.id), link.made_at, link.expires_at)
    if not await instance.store.ask(reset_password(user.id, password_hash, *spent, act, is_here=user.id == here)):
        return False
    await instance.store.ask(put_letter(write_mail(instance, "password_changed", user.email, locale)))
    return True


async def find_verification(instance: Instance, text: str) -> User | None:
    """Whose address a link proves. None when it is no longer theirs."""
    link = open_mail_link(instance, VERIFY, text)
    user = await instance.store.read(find_user(bytes.fromhex(link.subject))) if link else None
    return user if link and user and user.email == link.state else None


async def verify_by_link(instance: Instance, text: str, address: str, here: bytes | None) -> bool:
    """Note that the owner of the address followed the link, signed in `here` as this person or another.

    The first time this ends what was set up for the account by anybody who is not signed in to it here.
    """
    link = open_mail_link(instance, VERIFY, text)
    if link is None:
        return False
    user_id, act = bytes.fromhex(link.subject), Act(instance.clock(), "user", address)
    return await instance.store.ask(verify_email(user_id, link.state, act, is_here=user_id == here))
