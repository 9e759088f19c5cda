"""`/account/profile`: what apps are told of a person, as they see and change it. OpenID Connect Core §5.1."""

from typing import Any

from gatepost.errors import GatepostError
from gatepost.flows.claims import get_own, set_own_claims
from gatepost.flows.instance import Instance
from gatepost.oauth.claims import claims_of, parse_claims
from gatepost.records import Session, User
from gatepost.ui.visit import Visit, see_other, show
from gatepost.web.message import Reply

PROFILE = "/account/profile"

_OWN = (
    *("name", "given_name", "family_name", "nickname", "birthdate", "locale", "zoneinfo", "picture", "website"),
    "phone_number",
)
_ADDRESS = ("street_address", "postal_code", "locality", "region", "country")
_OTHERS = ("preferred_username", "middle_name", "gender", "profile", "formatted")
"""What people write themselves, and what they are shown."""


class Profile:
    """The handlers of that page."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    async def page(self, visit: Visit, session: Session) -> Reply:
        return _show(visit, await get_own(self._instance, session))

    async def change(self, visit: Visit, session: Session, fields: dict[str, str]) -> Reply:
        user = await get_own(self._instance, session)
        try:
            claims = _claims_in(fields, user)
        except GatepostError as error:
            return _show(visit, user, fields, str(error.extra["field"]))
        await set_own_claims(self._instance, session, claims, visit.request.address)
        return see_other(visit, PROFILE)


def _claims_in(fields: dict[str, str], user: User) -> dict[str, Any]:
    """What the form says. An address whose parts are as they were keeps what else is in it. Raises `invalid_request`."""
    said: dict[str, Any] = {name: fields.get(name) for name in _OWN}
    claims = parse_claims(said | {"address": {part: fields.get(part) for part in _ADDRESS}})
    before = claims_of(user).get("address", {})
    if claims["address"] == ({part: before[part] for part in before if part in _ADDRESS} or None):
        del claims["address"]
    return claims


def _show(visit: Visit, user: User, fields: dict[str, str] | None = None, fault: str = "") -> Reply:
    claims = claims_of(user)
    said = claims | claims.get("address", {})
    others = {name: said[name] for name in _OTHERS if name in said}
    values = said if fields is None else fields
    return show(visit, "profile.html", 400 if fault else 200, values=values, others=others, fault=fault)
