"""Apache with mod_auth_openidc: a website that knows nothing of OpenID behind it, and an API that takes our tokens."""

import contextlib
import os
import pwd
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from programs import AUTH_OPENIDC, find
from servers import STOP_SECONDS, Server, reserved_port, wait_for_port

from .conftest import SCOPE, bring
from .person import Arrival, Person
from .tls import Tls

pytestmark = pytest.mark.xdist_group("peers")

MODULES = ("mpm_event", "authn_core", "authz_core", "authz_user", "dir", "alias", "headers")

CONFIGURATION = """
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
DefaultRuntimeDir {folder}
PidFile {folder}/pid
ErrorLog {folder}/error.log
DocumentRoot {folder}/site
{modules}
LoadModule auth_openidc_module {module}

OIDCProviderMetadataURL {issuer}/.well-known/openid-configuration
OIDCCABundlePath {folder}/authority.pem
OIDCClientID apache
OIDCClientSecret the-secret-of-apache
OIDCScope "{scope}"
OIDCRedirectURI http://127.0.0.1:{port}/site/callback
OIDCCryptoPassphrase "the passphrase of its sessions"
OIDCPKCEMethod S256
OIDCResponseMode {response_mode}
OIDCRemoteUserClaim email
OIDCInfoHook access_token refresh_token userinfo

OIDCOAuthIntrospectionEndpoint {issuer}/introspect
OIDCOAuthClientID apache
OIDCOAuthClientSecret the-secret-of-apache
OIDCOAuthIntrospectionEndpointAuth client_secret_basic
OIDCOAuthRemoteUserClaim sub

Header set x-user "expr=%{{REMOTE_USER}}"
Alias /api {folder}/site
<Location /site>
  AuthType openid-connect
  Require valid-user
</Location>
<Location /api>
  AuthType oauth20
  Require claim client_id:apache
</Location>
"""


@pytest.fixture(scope="module", params=["query", "form_post"])
def site(request: pytest.FixtureRequest, server: Server, issuer: str, tls: Tls) -> Iterator[str]:
    """The address of an Apache that asks for the answer in one way."""
    with reserved_port() as port, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "site" / "site").mkdir(parents=True)
        for page in (folder / "site" / "index.html", folder / "site" / "site" / "index.html"):
            page.write_text("A page behind it.")
        (folder / "authority.pem").write_bytes(tls.authority.read_bytes())
        facts = {"port": port, "folder": folder, "issuer": issuer, "scope": SCOPE, "response_mode": request.param}
        (folder / "httpd.conf").write_text(_configuration(facts))
        bring(server, [_app(port)])
        with _apache(folder, port):
            yield f"http://127.0.0.1:{port}"


def _app(port: int) -> dict[str, Any]:
    redirects = [f"http://127.0.0.1:{port}/site/callback"]
    known = {"client_id": "apache", "client_name": "Apache", "client_secret": "the-secret-of-apache"}
    bye = [f"http://127.0.0.1:{port}/bye"]
    return known | {"redirect_uris": redirects, "post_logout_redirect_uris": bye, "scope": SCOPE}


def _configuration(facts: dict[str, Any]) -> str:
    modules = (f"LoadModule {name}_module {AUTH_OPENIDC.with_name(f'mod_{name}.so')}" for name in MODULES)
    return CONFIGURATION.format(**facts, modules="\n".join(modules), module=AUTH_OPENIDC)


@contextlib.contextmanager
def _apache(folder: Path, port: int) -> Iterator[None]:
    assert AUTH_OPENIDC.exists(), (
        "The tests need mod_auth_openidc. On Debian: apt-get install libapache2-mod-auth-openidc"
    )
    command: list[str | Path] = [find("apache2"), "-f", folder / "httpd.conf", "-D", "FOREGROUND"]
    process = subprocess.Popen(command, cwd="/", **_unprivileged(folder))
    try:
        wait_for_port(process, port, folder / "error.log")
        yield
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


def _unprivileged(folder: Path) -> dict[str, Any]:
    """Who runs it: as root it would change its user by itself, and then not read what is ours."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("www-data")
    for path in (folder, *folder.rglob("*")):
        os.chown(path, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def info(person: Person, site: str) -> Any:
    """What the module keeps of the login."""
    return person.arrive(Arrival(f"{site}/site/callback?info=json")).json()


def test_a_website_knows_who_came(site: str, person: Person) -> None:
    page = person.arrive(person.visit(f"{site}/site/"))
    assert (page.status_code, page.text) == (200, "A page behind it.")
    assert page.headers["x-user"] == "owner@demo.test"
    kept = info(person, site)
    assert kept["userinfo"]["email"] == "owner@demo.test"
    again = person.arrive(Arrival(f"{site}/site/callback?refresh={site}/site/&access_token={kept['access_token']}"))
    assert (again.status_code, again.url.query) == (200, b"")
    assert info(person, site)["refresh_token"] != kept["refresh_token"]


def test_a_website_signs_its_person_out(site: str, person: Person) -> None:
    person.arrive(person.visit(f"{site}/site/"))
    assert person.visit(f"{site}/site/callback?logout={site}/bye").url == f"{site}/bye"
    assert not person.is_signed_in()


def test_an_api_takes_a_token_of_ours_and_nothing_else(site: str, person: Person) -> None:
    person.arrive(person.visit(f"{site}/site/"))
    token = info(person, site)["access_token"]
    good = httpx.get(f"{site}/api/", headers={"authorization": f"Bearer {token}"})
    assert (good.status_code, good.text) == (200, "A page behind it.")
    assert good.headers["x-user"].startswith("usr_")
    assert httpx.get(f"{site}/api/", headers={"authorization": f"Bearer {token[:-4]}AAAA"}).status_code == 401
    assert httpx.get(f"{site}/api/").status_code == 401
