"""`/account/security`: how a person signs in, and what they change about it. NIST SP 800-63B §6.1, OWASP ASVS V2.5."""

import segno

from gatepost.flows.instance import Instance
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
from gatepost.pages.guesses import CodeTries, Guesses
from gatepost.pages.visit import Visit, see_other, show
from gatepost.records import Session
from gatepost.secrets import Secret
from gatepost.web.message import Reply

SECURITY = "/account/security"
TOTP = SECURITY + "/totp"
TOTP_OFF = SECURITY + "/totp/off"
RECOVERY_CODES = SECURITY + "/codes"


class Security:
    """The handlers of the second step's settings. What they change needs proof of the person, see `flows.proof`."""

    def __init__(self, instance: Instance, passwords: Passwords, guesses: Guesses, tries: CodeTries) -> None:
        self._instance = instance
        self._passwords = passwords
        self._guesses = guesses
        self._tries = tries

    async def page(self, visit: Visit, session: Session) -> Reply:
        codes_left = await count_recovery_codes(self._instance, session.user_id)
        is_on = await has_second_step(self._instance, session.user_id)
        return show(visit, "security.html", is_on=is_on, codes_left=codes_left)

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

    async def _ask(self, visit: Visit, session: Session, action: str, *, is_wrong: bool = False) -> Reply:
        if not await has_second_step(self._instance, session.user_id):
            return see_other(visit, SECURITY)
        proof = await find_missing_proof(self._instance, session, always=True)
        status = 400 if is_wrong else 200
        return show(visit, "security_confirm.html", status, action=action, proof=proof, is_wrong=is_wrong)

    async def _show_setup(self, visit: Visit, session: Session, sealed: str = "", wrong: str = "") -> Reply:
        setup = begin_setup(self._instance, session, sealed)
        picture = segno.make(setup.uri, error="m").svg_data_uri(scale=4, border=4, light="#fff", dark="#000")
        proof = await find_missing_proof(self._instance, session)
        status = 400 if wrong else 200
        return show(visit, "totp.html", status, setup=setup, picture=picture, proof=proof, wrong=wrong)

    async def _is_proved(self, visit: Visit, session: Session, fields: dict[str, str], *, always: bool = False) -> bool:
        address = visit.request.address
        self._guesses.check(session.email, address)
        password = Secret(fields.get("password", ""))
        if await is_proved(self._instance, self._passwords, session, password, always=always):
            return True
        self._guesses.note_wrong(session.email, address)
        return False


def _show_codes(visit: Visit, codes: tuple[Secret, ...]) -> Reply:
    return show(visit, "recovery_codes.html", codes=[code.reveal() for code in codes])
