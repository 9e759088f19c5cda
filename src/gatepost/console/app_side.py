"""What an app sends in the playground, proving who it is by its own method."""

from urllib.parse import urlencode

from gatepost.console.exchanges import Exchange, Sender
from gatepost.flows.playground import Play
from gatepost.oauth.client_metadata import DEVICE_CODE
from gatepost.oauth.scope import OPENID
from gatepost.records import App


class AppSide:
    """The app's half of a play."""

    def __init__(self, sender: Sender, app: App, play: Play, return_uri: str) -> None:
        self._sender = sender
        self._app = app
        self._play = play
        self._return_uri = return_uri

    async def ask_device(self) -> Exchange:
        """Ask for the codes of a device. RFC 8628 §3.1."""
        return await self.send("/device_authorization", wanted(self._play))

    async def token(self) -> Exchange:
        """Ask for the first token, by what this flow has to show for it."""
        play = self._play
        fields = {"grant_type": play.flow}
        if play.flow == DEVICE_CODE:
            fields |= {"device_code": play.code}
        elif play.flow == "authorization_code":
            fields |= {"code": play.code, "redirect_uri": self._return_uri, "code_verifier": play.verifier}
        else:
            fields |= wanted(play)
        return await self.send("/token", fields)

    async def refresh(self, token: str) -> Exchange:
        """Ask for the next one. RFC 6749 §6."""
        return await self.send("/token", {"grant_type": "refresh_token", "refresh_token": token})

    async def revoke(self) -> Exchange:
        """Give back what there is. RFC 7009 §2.1."""
        return await self.send("/revoke", {"token": self._play.refresh_token or self._play.access_token})

    async def call(self, audience: str) -> Exchange:
        """What there is to be called with the token: who the person is, else what the token is good for."""
        token = self._play.access_token
        if OPENID in self._play.scope.split():
            return await self._sender.get("/userinfo", token)
        if not self._app.is_public:
            return await self.send("/introspect", {"token": token})
        return await self._sender.get("/check", token, urlencode({"audience": audience}))

    async def send(self, path: str, fields: dict[str, str]) -> Exchange:
        """A form, with the app's proof of who it is. RFC 6749 §2.3."""
        client_id, secret = self._app.client_id, self._play.secret
        if self._app.is_public:
            return await self._sender.post(path, {"client_id": client_id, **fields})
        if self._app.auth_method == "client_secret_post":
            return await self._sender.post(path, {"client_id": client_id, "client_secret": secret, **fields})
        return await self._sender.post(path, fields, client_id, secret)


def wanted(play: Play) -> dict[str, str]:
    """What a play asks for."""
    return {name: value for name, value in (("scope", play.scope), ("resource", play.resource)) if value}
