"""Certificates, as far as a server needs to understand its own."""

from cryptography import x509


def ends_at(pem: bytes) -> int:
    """The instant after which the first certificate of a chain is not valid any more. Raises ValueError."""
    return int(x509.load_pem_x509_certificate(pem).not_valid_after_utc.timestamp())
