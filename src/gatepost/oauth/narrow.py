"""What every grant type passes through: the ask, narrowed to what the app may have. RFC 6749 §3.3, RFC 8707 §2."""

from typing import NamedTuple

from gatepost.oauth.resource import find_resource
from gatepost.oauth.scope import check_ceiling, parse_scope
from gatepost.records import App, Resource


class Issue(NamedTuple):
    """What will be granted. `resource` is the registered spelling; None stands for the issuer itself."""

    scope: str
    resource: str | None


def needs_resources(app: App, scope: str | None, resource: str | None) -> bool:
    """Whether this ask cannot be narrowed without knowing the organization's resources."""
    return bool(resource or app.default_resource or (scope and not app.scope))


def narrow(app: App, scope: str | None, resource: str | None, resources: list[Resource]) -> Issue:
    """The scope and resource to grant. Raises `invalid_scope`, `invalid_target`.

    An app without scopes of its own may ask for any that the organization's resources define, and gets none unasked.
    """
    own = tuple(app.scope.split())
    ceiling = own or tuple(token for each in resources for token in each.scopes.split())
    granted = check_ceiling(parse_scope(scope or ""), ceiling) or own
    asked = resource or app.default_resource
    return Issue(" ".join(granted), find_resource(asked, resources).uri if asked else None)
