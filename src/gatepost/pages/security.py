"""`/account/security`: how a person signs in, and what they change about it. NIST SP 800-63B §6.1, OWASP ASVS V2.5."""

from gatepost.flows.instance import Instance
from gatepost.flows.passkeys import (
    begin_registration,
    can_have_passkeys,
    finish_registration,
    forget_passkey,
    passkeys_of,
)
from gatepost.flows.proof import find_missing_proof, is_proved
from gatepost.flows.second_step import (
    begin_setup,
    count_recovery_codes,
    has_second_step,
    make_codes_again,
    turn_off,
    turn_on,
)
from gatepost.flows.sign_in import Passwords
from gatepost.oauth.form import parse_form
from gatepost.pages.guesses import CodeTries, Guesses
from gatepost.records import Passkey, Session
from gatepost.secrets import Secret
from gatepost.ui.visit import Visit, see_other, show
from gatepost.web.message import Reply

SECURITY = "/account/security"
TOTP = SECURITY + "/totp"
TOTP_OFF = SECURITY + "/totp/off"
RECOVERY_CODES = SECURITY + "/codes"
PASSKEYS = SECURITY + "/passkeys"
PASSKEY_GONE = SECURITY + "/passkeys/remove"


class Security:
    """The handlers of those pages. What they change needs proof of the person, see `flows.proof`."""

    def __init__(self, instance: Instance, passwords: Passwords, guesses: Guesses, tries: CodeTries) -> None:
        self._instance = instance
        self._passwords = passwords
        self._guesses = guesses
        self._tries = tries

    async def page(self, visit: Visit, session: Session) -> Reply:
        return await self._show(visit, session)

    async def add_passkey(self, visit: Visit, session: Session, fields: dict[str, str]) -> Reply:
        """The browser made a passkey."""
        if not await self._is_proved(visit, session, fields):
            return await self._show(visit, session, "password")
        sealed, answer, name = (fields.get(field, "") for field in ("ceremony", "answer", "name"))
        if not await finish_registration(self._instance, session, sealed, answer, name, visit.request.address):
            return await self._show(visit, session, "passkey")
        return see_other(visit, SECURITY)

    async def ask_remove(self, visit: Visit, session: Session) -> Reply:
        return await self._ask_remove(visit, session, parse_form(visit.request.query).get("id", ""))

    async def remove_passkey(self, visit: Visit, session: Session, fields: dict[str, str]) -> Reply:
        id = fields.get("id", "")
        if not await self._is_proved(visit, session, fields):
            return await self._ask_remove(visit, session, id, is_wrong=True)
        passkey = await self._own_passkey(session, id)
        if passkey is not None:
            await forget_passkey(self._instance, session, passkey.id, visit.request.address)
        return see_other(visit, SECURITY)

    async def setup(self, visit: Visit, session: Session) -> Reply:
        """A new key, to be taken into an app."""
        if await has_second_step(self._instance, session.user_id):
            return see_other(visit, SECURITY)
        return await self._show_setup(visit, session)

    async def turn_on(self, visit: Visit, session: Session, fields: dict[str, str]) -> Reply:
        """The first code of the app was sent."""
        if await has_second_step(self._instance, session.user_id):
            return see_other(visit, SECURITY)
        sealed = fields.get("setup", "")
        if not await self._is_proved(visit, session, fields):
            return await self._show_setup(visit, session, sealed, wrong="password")
        self._tries.take(session.user_id)
        codes = await turn_on(self._instance, session, sealed, fields.get("code", ""), visit.request.address)
        if codes is None:
            return await self._show_setup(visit, session, sealed, wrong="code")
        return _show_codes(visit, codes)

    async def ask_off(self, visit: Visit, session: Session) -> Reply:
        return await self._ask(visit, session, TOTP_OFF)

    async def turn_off(self, visit: Visit, session: Session, fields: dict[str, str]) -> Reply:
        if not await self._is_proved(visit, session, fields, always=True):
            return await self._ask(visit, session, TOTP_OFF, is_wrong=True)
        await turn_off(self._instance, session, visit.request.address)
        return see_other(visit, SECURITY)

    async def ask_codes(self, visit: Visit, session: Session) -> Reply:
        return await self._ask(visit, session, RECOVERY_CODES)

    async def make_codes(self, visit: Visit, session: Session, fields: dict[str, str]) -> Reply:
        """New recovery codes in place of the old ones."""
        if not await self._is_proved(visit, session, fields, always=True):
            return await self._ask(visit, session, RECOVERY_CODES, is_wrong=True)
        codes = await make_codes_again(self._instance, session, visit.request.address)
        return _show_codes(visit, codes) if codes else see_other(visit, SECURITY)

    async def _show(self, visit: Visit, session: Session, fault: str = "") -> Reply:
        passkeys = await passkeys_of(self._instance, session.user_id)
        has_passkeys = can_have_passkeys(self._instance)
        return show(
            visit,
            "security.html",
            400 if fault else 200,
            is_on=await has_second_step(self._instance, session.user_id),
            codes_left=await count_recovery_codes(self._instance, session.user_id),
            passkeys=[(each.id.hex(), each) for each in passkeys],
            ceremony=await begin_registration(self._instance, session) if has_passkeys else None,
            proof=await find_missing_proof(self._instance, session),
            now=self._instance.clock(),
            fault=fault,
        )

    async def _ask_remove(self, visit: Visit, session: Session, id: str, *, is_wrong: bool = False) -> Reply:
        passkey = await self._own_passkey(session, id)
        if passkey is None:
            return see_other(visit, SECURITY)
        proof = await find_missing_proof(self._instance, session)
        status = 400 if is_wrong else 200
        return show(visit, "passkey_remove.html", status, id=id, name=passkey.name, proof=proof, is_wrong=is_wrong)

    async def _own_passkey(self, session: Session, id: str) -> Passkey | None:
        return next((each for each in await passkeys_of(self._instance, session.user_id) if each.id.hex() == id), None)

    async def _ask(self, visit: Visit, session: Session, action: str, *, is_wrong: bool = False) -> Reply:
        if not await has_second_step(self._instance, session.user_id):
            return see_other(visit, SECURITY)
        proof = await find_missing_proof(self._instance, session, always=True)
        status = 400 if is_wrong else 200
        return show(visit, "security_confirm.html", status, action=action, proof=proof, is_wrong=is_wrong)

    async def _show_setup(self, visit: Visit, session: Session, sealed: str = "", wrong: str = "") -> Reply:
        setup = begin_setup(self._instance, session, sealed)
        import segno  # by the few who set a second factor up

        picture = segno.make(setup.uri, error="m").svg_data_uri(scale=4, border=4, light="#fff", dark="#000")
        proof = await find_missing_proof(self._instance, session)
        status = 400 if wrong else 200
        return show(visit, "totp.html", status, setup=setup, picture=picture, proof=proof, wrong=wrong)

    async def _is_proved(self, visit: Visit, session: Session, fields: dict[str, str], *, always: bool = False) -> bool:
        address = visit.request.address
        self._guesses.take(session.email, address)
        password = Secret(fields.get("password", ""))
        if not await is_proved(self._instance, self._passwords, session, password, always=always):
            return False
        self._guesses.give_back(session.email, address)
        return True


def _show_codes(visit: Visit, codes: tuple[Secret, ...]) -> Reply:
    return show(visit, "recovery_codes.html", codes=[code.reveal() for code in codes])
