"""Questions about the plain words that an organization gives its scopes, in one language or several."""

from gatepost.store.events import Act, record
from gatepost.store.question import SQL, Steps, question


@question
def find_scope_texts(org: bytes) -> Steps[dict[str, dict[str, str]]]:
    """The texts of all scopes, each by locale."""
    rows = yield SQL("select scope, locale, text from scope_texts where org = ? order by scope, locale", (org,))
    texts: dict[str, dict[str, str]] = {}
    for scope, locale, text in rows:
        texts.setdefault(scope, {})[locale] = text
    return texts


@question
def set_scope_text(org: bytes, scope: str, locale: str, text: str, act: Act) -> Steps[None]:
    """Say what a scope means, in one language; an empty text takes it back."""
    yield SQL("delete from scope_texts where org = ? and scope = ? and locale = ?", (org, scope, locale))
    if text:
        yield SQL("insert into scope_texts (org, scope, locale, text) values (?, ?, ?, ?)", (org, scope, locale, text))
    yield from record(org, "scope.text_set", act)
