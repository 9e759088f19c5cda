"""Cookies, read and written. RFC 6265; the names carry the `__Host-` prefix wherever there is https. OWASP ASVS V3.4."""

import re

_NAME_VALUE = re.compile(rb"\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)=([!#-+\--:<-\[\]-~]*)\s*")


def parse_cookies(header: bytes) -> dict[str, str]:
    """The cookies of a request; what is malformed is as if it were not there. The first of a name counts."""
    cookies: dict[str, str] = {}
    for part in header.split(b";")[:100]:
        match = _NAME_VALUE.fullmatch(part)
        if match:
            cookies.setdefault(match[1].decode(), match[2].decode())
    return cookies


class Cookie:
    """One of our cookies: for this host alone, out of reach of scripts, not sent along by other sites' forms."""

    def __init__(self, name: str, issuer: str) -> None:
        self._is_secure = issuer.startswith("https:")
        self.name = f"__Host-gatepost_{name}" if self._is_secure else f"gatepost_{name}"

    def read(self, cookies: dict[str, str]) -> str:
        """Its value; empty without one."""
        return cookies.get(self.name, "")

    def write(self, value: str, seconds: int | None = None) -> tuple[bytes, bytes]:
        """The header that sets it, for so long or until the browser is closed; an empty value takes it away."""
        lasts = seconds if value else 0
        age = "" if lasts is None else f"; Max-Age={lasts}"
        secure = "; Secure" if self._is_secure else ""
        return b"set-cookie", f"{self.name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{age}".encode()
