"""A backup taken under load keeps every promise that was made before it; a restore is whole however it is cut short."""

import json
import random
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from gatepost.store.sqlite_file import find_faults
from servers import Server, command, reserved_port, running

CLIENTS = 4


class Connections:
    """What one client was told of its grants: the newest token of each, and which it ended. Told in the order it was."""

    def __init__(self, server: Server, seed: int) -> None:
        self._server = server
        self._random = random.Random(seed)
        self._started = threading.Event()
        self._stop = threading.Event()
        self.tokens: list[str] = []
        self.ended: set[int] = set()
        self.acknowledged = 0
        self.unexpected: list[object] = []
        self._thread = threading.Thread(target=self._work)
        self._thread.start()
        assert self._started.wait(60)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        with self._server.caller() as client:
            while not self._stop.is_set():
                number = self._random.randrange(len(self.tokens) + 1)
                if number == len(self.tokens):
                    answer = client.post("/verify", self._server.pair)
                    self.tokens.append(answer.json()["refresh_token"])
                elif number in self.ended:
                    answer = client.post("/refresh", {"refresh_token": self.tokens[number]})
                    assert answer.status == 401
                    continue
                elif self._random.random() < 0.1:
                    answer = client.post_form("/revoke", token=self.tokens[number])
                    self.ended.add(number)
                else:
                    answer = client.post("/refresh", {"refresh_token": self.tokens[number]})
                    self.tokens[number] = answer.json()["refresh_token"]
                if answer.status != 200:
                    self.unexpected.append(answer)
                self.acknowledged += 1
                if self.acknowledged == 50:
                    self._started.set()


def test_a_backup_under_load_restores_to_a_server_that_keeps_every_promise(tmp_path: Path) -> None:
    archive = tmp_path / "backup.tar"
    with reserved_port() as port:
        with running("dev", tmp_path / "data", port=port) as server:
            clients = [Connections(server, seed) for seed in range(CLIENTS)]
            promised = [(len(client.tokens), set(client.ended)) for client in clients]
            before = sum(client.acknowledged for client in clients)
            made = command(tmp_path / "data", "backup", str(archive))
            during = sum(client.acknowledged for client in clients) - before
            for client in clients:
                client.stop()
        assert made.returncode == 0, made.stderr
        assert during > 0, "the load went on while the backup was made"
        assert [client.unexpected for client in clients] == [[]] * CLIENTS
        restored = command(tmp_path / "restored", "restore", str(archive))
        assert restored.returncode == 0, restored.stderr
        assert find_faults(tmp_path / "restored" / "gatepost.db", deep=True) == []
        with running("serve", tmp_path / "restored", port=port) as server, server.client() as visitor:
            for told, (count, ended) in zip(clients, promised, strict=True):
                for number, token in enumerate(told.tokens[:count]):
                    status = visitor.post("/refresh", {"refresh_token": token}).status
                    expected = {401} if number in ended else {200, 401} if number in told.ended else {200}
                    assert status in expected, f"grant {number}: {status}"


# Every moment at which a restore can end


DRIVER = Path(__file__).with_name("cut_short.py")


def test_a_restore_that_is_killed_at_any_moment_leaves_the_old_or_the_new_whole(tmp_path: Path) -> None:
    for name in ("old", "new"):
        assert command(tmp_path / name, "org", "create", name).returncode == 0
    assert command(tmp_path / "new", "backup", str(tmp_path / "new.tar")).returncode == 0
    ran = subprocess.run(
        [sys.executable, str(DRIVER), str(tmp_path)], capture_output=True, text=True, timeout=300, check=False
    )
    assert ran.returncode == 0, ran.stderr
    outcomes: list[dict[str, Any]] = json.loads(ran.stdout)
    states = [outcome["state"] for outcome in outcomes]
    assert set(states) == {"old", "new"}, "whole, with the key that belongs to it"
    assert states == sorted(states, reverse=True), "once it has happened, it has happened"
    assert states.count("old") > 5
    assert states.count("new") > 5
    assert {outcome["again"] for outcome in outcomes} == {"new"}, "and it can be done again"
    assert not [outcome for outcome in outcomes if outcome["left"]], "nothing is left of it then"
