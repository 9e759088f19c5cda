"""The verbs: they join the protocol and the store, and know no HTTP.

Where to look:

    what all stand on       instance policy signing counting duties roles missing
    who asks                callers actors app_auth bearer dpop
    which app that is       known_apps client_documents sealed_apps registration remote_keys remote_json
    a token is made         token verify refresh minting authorize pushed device token_exchange identity_assertion
    a person is asked       consent places misdirected app_requests
    a token is looked at    introspect check userinfo inspection
    a token ends            revoke feed
    a person signs in       sign_in passkeys second_step common_passwords links recovery joining sessions
    their own account       account claims connections proof logout
    an organization's own   organizations people members api_keys apps owned_apps clients grants resources scopes
                            trusted_issuers limits browsing usage health playground snippets
    brought from elsewhere  app_import foreign_import foreign_exports
    events                  events event_words event_chain event_proof sealing
    sent to others          outbox deliveries mails mail_links logout_tokens
                            webhooks webhook_feeding webhook_sending webhook_signing
    the whole instance      upkeep
"""
