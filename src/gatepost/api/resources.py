"""The APIs that tokens are for, plain words for their scopes, and identity providers."""

from gatepost.api import asks
from gatepost.api.call import Call
from gatepost.api.documents import Page, ResourceDocument, ScopeWords, TrustedIssuerDocument
from gatepost.api.rendering import of_resource, of_trusted_issuer
from gatepost.flows.resources import create_resource, drop_resource, registered_resources
from gatepost.flows.scopes import ScopeText, describe_scope, drop_scope_texts, list_scope_texts
from gatepost.flows.trusted_issuers import distrust, trust, trusted_issuers


async def list_resources(call: Call, _: None) -> Page[ResourceDocument]:
    """List resources."""
    return Page([of_resource(each) for each in await registered_resources(call.instance, call.org, call.actor)])


async def make(call: Call, ask: asks.NewResource) -> ResourceDocument:
    """Register a resource."""
    made = await create_resource(call.instance, call.org, ask.uri, ask.scopes, ask.served_by, call.actor)
    return of_resource(made)


async def delete(call: Call, ask: asks.ResourceChoice) -> None:
    """Delete a resource; grants for it stop at once."""
    await drop_resource(call.instance, call.org, ask.uri, call.actor)


async def list_issuers(call: Call, _: None) -> Page[TrustedIssuerDocument]:
    """List identity providers whose word counts."""
    return Page([of_trusted_issuer(each) for each in await trusted_issuers(call.instance, call.org, call.actor)])


async def trust_issuer(call: Call, ask: asks.NewTrustedIssuer) -> TrustedIssuerDocument:
    """Take an identity provider's word for who members are."""
    return of_trusted_issuer(await trust(call.instance, call.org, ask.issuer, ask.jwks_uri, call.actor))


async def distrust_issuer(call: Call, ask: asks.IssuerChoice) -> None:
    """Stop taking its word."""
    await distrust(call.instance, call.org, ask.issuer, call.actor)


async def list_scopes(call: Call, _: None) -> Page[ScopeWords]:
    """List what is said of scopes."""
    return Page([_words(each) for each in await list_scope_texts(call.instance, call.org, call.actor)])


async def describe(call: Call, ask: asks.NewScopeWords) -> ScopeWords:
    """Say what a scope means, in one language."""
    words = ScopeText(ask.scope, ask.locale, ask.text)
    return _words(await describe_scope(call.instance, call.org, words, call.actor))


async def forget(call: Call, ask: asks.ScopeChoice) -> None:
    """Take back what was said of a scope."""
    await drop_scope_texts(call.instance, call.org, ask.scope, ask.locale, call.actor)


def _words(text: ScopeText) -> ScopeWords:
    return ScopeWords(text.scope, text.locale, text.text)
