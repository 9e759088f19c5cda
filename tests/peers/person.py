"""A person at a browser without scripts: follows links and redirects, fills in our forms, and stops at an app's door."""

import html
import re
import ssl
from pathlib import Path
from typing import NamedTuple

import httpx

from wire.browser import Form, form_of

_STEPS = 12
_DOOR = re.compile(r'<(?:a id="continue" href|form method="post" action)="([^"]*)"')


class Arrival(NamedTuple):
    """What an app gets of a browser that comes back to it: a URL, with a form or without."""

    url: str
    form: dict[str, str] | None = None


class Person:
    """Somebody with an account, and their browser."""

    def __init__(self, issuer: str, email: str, password: str, authority: Path) -> None:
        self.issuer = issuer
        self._answers = {"email": email, "password": password, "decision": "allow"}
        self._client = httpx.Client(verify=ssl.create_default_context(cafile=authority))

    def __enter__(self) -> "Person":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def visit(self, url: str, **answers: str) -> Arrival:
        """Go where an app sends the browser, and on until something leaves for an app, or says that all is done.

        The answers go into the forms.
        """
        filled = self._answers | answers
        response = self._client.get(url)
        for _ in range(_STEPS):
            if response.is_redirect:
                target = str(response.url.join(response.headers["location"]))
                if not target.startswith(self.issuer + "/"):
                    return Arrival(target)
                response = self._client.get(target)
            else:
                form = self._form(response)
                if isinstance(form, Arrival):
                    return form
                fields = form.fields | {name: filled[name] for name in ("email", "password", "decision")}
                response = self._client.post(self.issuer + form.action, data=fields)
        raise AssertionError(f"no way out of {response.url}")

    def arrive(self, arrival: Arrival) -> httpx.Response:
        """Go on into the app, and to the page that it shows at last."""
        method = "POST" if arrival.form is not None else "GET"
        return self._client.request(method, arrival.url, data=arrival.form, follow_redirects=True)

    def is_signed_in(self) -> bool:
        return self._client.get(self.issuer + "/account").status_code == 200

    def _form(self, page: httpx.Response) -> Form | Arrival:
        """The form of a page of ours; on the page that leaves, where that leads."""
        assert page.status_code == 200, page.text
        if 'id="done"' in page.text:
            return Arrival(str(page.url))
        if 'id="continue"' not in page.text:
            return form_of(page)
        door = _DOOR.search(page.text)
        assert door, page.text
        return Arrival(html.unescape(door[1]), form_of(page).fields if "<form" in page.text else None)
