"""The certificate by which a second host's workers and this one know each other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

# What a client asks for by name; deploy/proxy/link.sh has their ports.
SERVICES = ("redis", "postgres", "s3", "mlflow", "airflow-api-server")
_LASTS = timedelta(days=3650)
_BEFORE = timedelta(days=1)  # clocks of two hosts


def new_pair() -> str:
    """A new self-signed certificate for these names, and its key, in one PEM file: it is shown and
    demanded by both ends, so whoever has the file is one of them, and nobody else is."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "denguard link")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.DNSName(service) for service in SERVICES])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BEFORE)
        .not_valid_after(now + _LASTS)
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return (made.public_bytes(pem) + secret).decode().strip()
