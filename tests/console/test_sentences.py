"""Events in the console's list: whole sentences with names, each in the reader's language."""

import html
import re

import pytest

from gatepost.console.sentences import Phrase
from gatepost.flows.event_words import OTHER, SENTENCES
from gatepost.light import replace
from gatepost.store.events import record
from gatepost.ui.rendering import LOCALES, template_of

from .office import Office

NAMES = re.compile(r"%\(([a-z_]+)\)s")


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("text", [*SENTENCES.values(), OTHER])
def test_what_is_data_in_a_sentence_is_escaped_and_set_apart(locale: str, text: str) -> None:
    names = NAMES.findall(text)
    phrase = Phrase(text, {name: f"<{name}>" for name in names})
    said = str(vars(template_of("words.html", locale).module)["phrase"](phrase))
    for name in names:
        assert f"<bdi>&lt;{name}&gt;</bdi>" in said
    assert said[0] == "<" or not said[0].islower()


async def test_who_acted_and_what_is_meant_have_their_names(office: Office) -> None:
    page = (await office.get("/events?type=app")).text
    assert "The command line made the app <bdi>“An app”</bdi>" in html.unescape(page)
    page = (await office.get("/events?type=grant")).text
    assert "The API key <bdi>“" in html.unescape(page)


async def test_they_are_told_in_the_readers_language(office: Office) -> None:
    page = await office.get("/events?type=app", headers={"accept-language": "de"})
    assert "Die Kommandozeile hat die App <bdi>“An app”</bdi> erstellt" in html.unescape(page.text)
    page = await office.get("/events?type=app", headers={"accept-language": "ar"})
    assert "أنشأ سطر الأوامر التطبيق <bdi>“An app”</bdi>" in html.unescape(page.text)


async def test_where_from_and_what_was_left_out_stand_beside_it(office: Office) -> None:
    world = office.world
    act = replace(world.act, actor="anonymous", address="192.0.2.7")
    detail = '{"path":"/token","why":"<b>no</b>","left_out_before":7}'
    await world.instance.store.ask(
        record(world.acme.org, "request.refused", act, result="invalid_client", detail=detail)
    )
    page = (await office.get("/events?type=request.refused")).text
    assert "Somebody was refused at <bdi>/token</bdi>: <bdi>&lt;b&gt;no&lt;/b&gt;</bdi>" in page
    assert "<bdi>192.0.2.7</bdi>" in page
    assert "(and 7 like it before)" in page


async def test_what_was_sent_stands_beside_all_that_is_registered(office: Office) -> None:
    client = office.world.acme.web
    await office.world.verify(client._replace(redirect="https://app.test/other"))
    [event] = re.findall(r"/events/(evt_[0-9a-f]{32})", (await office.get("/events?result=redirect_uri_mismatch")).text)
    page = (await office.get(f"/events/{event}")).text
    for name, value in (("received", "https://app.test/other"), ("registered", client.redirect)):
        assert f"<dt><code>{name}</code></dt><dd><code>{value}</code></dd>" in page
    assert f"gatepost events show {event} --org" in page
