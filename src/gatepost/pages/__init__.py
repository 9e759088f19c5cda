"""The hosted pages, for people: sign-in, consent, device, account, errors. Forms post and redirect; nothing needs a script."""
