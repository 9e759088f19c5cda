"""Walks of a grant's life, beside a small model of what must be true of it.

The model knows nothing of epochs, updates or rows: it keeps for each grant whether it is alive and which generation is
current, in plain words, and the real store, asked through its questions and the gate, has to agree after every step.
"""

import asyncio
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from gatepost.oauth.gate import retry_window, why_dead
from gatepost.records import UNTIL_USED, Grant
from gatepost.secrets import new_id
from gatepost.store.apps import delete_app, make_app, set_app_disabled
from gatepost.store.grants import Gone, NewGrant, Replayed, Retried, Rotated, find_grant, make_grant, rotate
from gatepost.store.keys import make_key
from gatepost.store.orgs import make_org, set_org_disabled
from gatepost.store.people import make_member, set_user_disabled
from gatepost.store.question import Question, Store
from gatepost.store.revocations import (
    revoke_app_grants,
    revoke_grant,
    revoke_key,
    revoke_org_grants,
    revoke_user_grants,
)

from .conftest import Database, Engine
from .world import NOW, act, app, key

IDLE, LIFE = 300, 1000

APPS = {"seed": UNTIL_USED, "minute": 60, "strict": 0}
"""The apps of every walk, and how long each lets the previous refresh token answer."""


@dataclass
class Expected:
    """What the model knows of one grant."""

    client_id: str
    user: bytes | None
    key: bytes | None
    expires_at: int
    last_used_at: int
    rotated_at: int
    generation: int = 1
    uses: int = 0
    is_revoked: bool = False


@dataclass
class Model:
    """What the model knows of everything else."""

    grants: dict[bytes, Expected] = field(default_factory=dict)
    disabled: set[object] = field(default_factory=set)
    keys: list[bytes] = field(default_factory=list)

    def is_alive(self, grant: Expected, now: int) -> bool:
        return (
            not grant.is_revoked
            and now < grant.expires_at
            and now < grant.last_used_at + IDLE
            and not self.disabled & {"org", grant.client_id, grant.user}
        )

    def revoke(self, which: Callable[[Expected], bool]) -> None:
        for grant in filter(which, self.grants.values()):
            grant.is_revoked = True

    def refresh(self, grant: Expected, presented: int, now: int) -> tuple[type, int]:
        """What a living grant answers to a generation, and the generation it answers with."""
        window = APPS[grant.client_id]
        if presented >= grant.generation:
            grant.generation, grant.rotated_at = presented + 1, now
            outcome: type = Rotated
        elif presented == grant.generation - 1 and (window == UNTIL_USED or now - grant.rotated_at <= window):
            outcome = Retried
        else:
            grant.is_revoked = True
            return Replayed, 0
        grant.last_used_at, grant.uses = now, grant.uses + 1
        return outcome, grant.generation


class Life(RuleBasedStateMachine):
    """The walk. `store` and `runner` are set by the test that starts it."""

    store: Store
    runner: "asyncio.Runner"

    def ask(self, question: Question[Any]) -> Any:
        async def ask() -> Any:
            return await self.store.ask(question)

        return self.runner.run(ask())

    def find(self, grant: bytes) -> Grant | None:
        return self.runner.run(self.store.read(find_grant(self.org, grant)))

    @initialize()
    def begin(self) -> None:
        self.org, self.user, self.now, self.model = new_id(), new_id(), NOW, Model()
        self.epoch = 1000
        self.ask(make_org(self.org, "Acme", 1, act()))
        self.ask(make_member(self.org, self.user, f"{self.user.hex()}@acme.example", None, "member", 20, act()))
        self.clients = {name: f"{name}-{self.org.hex()}" for name in APPS}
        for name in APPS:
            self.make_app(name)
        self.make_key()

    def make_app(self, name: str) -> None:
        self.epoch += 1_000_000
        made = app(self.org, self.clients[name], retry_window=APPS[name])
        self.ask(make_app(made, (), self.epoch, act(self.now)))

    def make_key(self) -> None:
        self.model.keys.append(new_id())
        self.ask(make_key(key(self.org, self.model.keys[-1]), 7, act(self.now)))

    @property
    def chosen(self) -> list[bytes]:
        return list(self.model.grants)

    @rule(name=st.sampled_from(list(APPS)), for_user=st.booleans(), by_key=st.booleans())
    def make(self, name: str, for_user: bool, by_key: bool) -> None:
        id, key = new_id(), self.model.keys[-1] if by_key else None
        user = self.user if for_user else None
        new = NewGrant(id, self.clients[name], user, key, "read", None, bytes(16), IDLE, self.now + LIFE)
        made = self.ask(make_grant(self.org, new, act(self.now)))
        assert made == (not self.model.disabled & {"org", name, *([user] if user else [])})
        if made:
            self.model.grants[id] = Expected(name, user, key, self.now + LIFE, self.now, self.now)

    @precondition(lambda self: self.model.grants)
    @rule(pick=st.integers(0, 99), step=st.sampled_from((0, 0, 0, 0, -1, -1, -1, -2, -3, 1, 5)))
    def refresh(self, pick: int, step: int) -> None:
        id = self.chosen[pick % len(self.chosen)]
        expected = self.model.grants[id]
        presented = max(1, expected.generation + step)
        grant = self.find(id)
        if grant is None or why_dead(grant, self.now):
            return
        window = retry_window(grant, None)
        assert window == APPS[expected.client_id]
        outcome = self.ask(rotate(self.org, id, presented, window, act(self.now)))
        kind, generation = self.model.refresh(expected, presented, self.now)
        assert type(outcome) is kind
        if isinstance(outcome, Rotated | Retried):
            assert outcome.generation == generation

    @precondition(lambda self: self.model.grants)
    @rule(pick=st.integers(0, 99))
    def revoke_one(self, pick: int) -> None:
        id = self.chosen[pick % len(self.chosen)]
        self.ask(revoke_grant(self.org, id, act(self.now)))
        self.model.grants[id].is_revoked = True
        assert isinstance(self.ask(rotate(self.org, id, 1, UNTIL_USED, act(self.now))), Gone)

    @rule(name=st.sampled_from(list(APPS)))
    def revoke_app(self, name: str) -> None:
        assert self.ask(revoke_app_grants(self.org, self.clients[name], act(self.now)))
        self.model.revoke(lambda grant: grant.client_id == name)

    @rule()
    def revoke_user(self) -> None:
        assert self.ask(revoke_user_grants(self.org, self.user, act(self.now)))
        self.model.revoke(lambda grant: grant.user is not None)

    @rule()
    def revoke_org(self) -> None:
        assert self.ask(revoke_org_grants(self.org, act(self.now)))
        self.model.revoke(lambda grant: True)

    @rule(keep=st.booleans())
    def revoke_current_key(self, keep: bool) -> None:
        ended = self.model.keys[-1]
        assert self.ask(revoke_key(self.org, ended, act(self.now), keep_grants=keep))
        if not keep:
            self.model.revoke(lambda grant: grant.key == ended)
        self.make_key()

    @rule(name=st.sampled_from(list(APPS)))
    def make_app_again(self, name: str) -> None:
        assert self.ask(delete_app(self.org, self.clients[name], act(self.now)))
        self.make_app(name)
        self.model.disabled.discard(name)
        self.model.revoke(lambda grant: grant.client_id == name)

    @rule(what=st.sampled_from(("org", "user", *APPS)), disabled=st.booleans())
    def disable_or_enable(self, what: str, disabled: bool) -> None:
        if what == "org":
            question = set_org_disabled(self.org, disabled, act(self.now))
        elif what == "user":
            question = set_user_disabled(self.user, disabled, act(self.now))
        else:
            question = set_app_disabled(self.org, self.clients[what], disabled, act(self.now))
        assert self.ask(question)
        marked: object = self.user if what == "user" else what
        (self.model.disabled.add if disabled else self.model.disabled.discard)(marked)

    @rule(seconds=st.sampled_from((1, 59, 60, 61, 250, 299, 300)))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @invariant()
    def the_store_agrees(self) -> None:
        for id, expected in self.model.grants.items():
            grant = self.find(id)
            assert (why_dead(grant, self.now) == "") == self.model.is_alive(expected, self.now), why_dead(
                grant, self.now
            )
            if grant is not None:
                assert (grant.generation, grant.uses) == (expected.generation, expected.uses)
                assert (grant.last_used_at, grant.rotated_at) == (expected.last_used_at, expected.rotated_at)


def test_every_walk_agrees_with_the_model(engine: Engine) -> None:
    with tempfile.TemporaryDirectory() as directory, asyncio.Runner() as runner:
        database = Database(engine, engine.locate(Path(directory)))
        store = database.open()
        walk = type("Walk", (Life,), {"store": store, "runner": runner})
        effort = settings(
            max_examples=engine.walks,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        )
        run_state_machine_as_test(walk, settings=effort)
        database.close()
