"""Starting: the port that the system chooses is the one that the server names, and starting again changes nothing."""

from pathlib import Path
from urllib.parse import urlsplit

from servers import Client, command, reserved_port, running


def test_dev_names_the_port_that_the_system_chose(tmp_path: Path) -> None:
    with running("dev", tmp_path / "data", "--port", "0") as server:
        port = urlsplit(server.ready["issuer"]).port
        assert port
        assert port != server.port
        with Client(port) as client:
            assert client.get("/.well-known/oauth-authorization-server").json()["issuer"] == server.ready["issuer"]


def test_serve_answers_as_the_issuer_it_was_given(tmp_path: Path) -> None:
    assert command(tmp_path / "data", "org", "create", "Acme").returncode == 0
    with running("serve", tmp_path / "data") as server, server.client() as client:
        assert server.ready == {"ready": True, "issuer": server.url}
        assert client.get("/.well-known/oauth-authorization-server").json()["issuer"] == server.url
        assert client.get("/readyz").status == 200


def test_a_server_that_starts_again_is_the_same_server(tmp_path: Path) -> None:
    with reserved_port() as port:
        with running("dev", tmp_path / "data", port=port) as before, before.caller() as caller:
            pair = caller.post("/verify", before.pair).json()
        with running("dev", tmp_path / "data", port=port) as after, after.caller() as caller:
            assert after.ready | {"sign_in": ""} == before.ready | {"sign_in": ""}
            assert caller.post_form("/introspect", token=pair["access_token"]).json()["active"] is True
            assert caller.post("/refresh", {"refresh_token": pair["refresh_token"]}).status == 200
