"""The site's own certificate authority and what it issues.

Keys are on the P-256 curve. An address stands in the certificate both as an IP address and as a
DNS name, because libpq up to 14 compares host names as text only. There is no revocation list:
certificates are short-lived, and whoever must go loses the database role as well.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_DAYS = 3650
LEAF_DAYS = 365
_BACKDATE = timedelta(days=1)
"""Clocks differ: a certificate counts from a day before it was made."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate and its key, both PEM."""

    certificate: bytes
    key: bytes

    def __repr__(self) -> str:
        return "Issued(...)"


@dataclass(frozen=True, slots=True)
class Request:
    """What a certificate should say; `addresses` are IP addresses or DNS names.

    The common name may be empty.
    """

    common_name: str
    addresses: tuple[str, ...] = ()
    server: bool = True
    client: bool = True
    days: int = LEAF_DAYS


def authority(name: str, now: datetime) -> Issued:
    """A new, self-signed authority that may sign leaves only."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(name)
    certificate = (
        _builder(subject, subject, key.public_key(), now, CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return _issued(certificate, key)


def issue(by: Issued, request: Request, now: datetime) -> Issued:
    """A new key and its certificate, signed by the authority."""
    signer = x509.load_pem_x509_certificate(by.certificate)
    signing_key = cast(
        ec.EllipticCurvePrivateKey, serialization.load_pem_private_key(by.key, password=None)
    )
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(request.common_name)
    builder = (
        _builder(subject, signer.subject, key.public_key(), now, request.days)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(_purposes(request)), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()),
            critical=False,
        )
    )
    names = _alternative_names(request.addresses)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return _issued(builder.sign(signing_key, hashes.SHA256()), key)


def needs_renewal(
    certificate: bytes, request: Request, ca_certificate: bytes, now: datetime
) -> str | None:
    """Why the certificate has to be made anew, None while it may stay.

    It is renewed once two thirds of its life are over, when its life has not begun (the clock was
    ahead when it was made), when it was signed by somebody else, and when it says something else
    than the request.
    """
    try:
        found = x509.load_pem_x509_certificate(certificate)
    except ValueError:
        return "it cannot be read"
    life = found.not_valid_after_utc - found.not_valid_before_utc
    if now >= found.not_valid_before_utc + life * 2 / 3:
        return f"it ends on {found.not_valid_after_utc:%Y-%m-%d}"
    if now < found.not_valid_before_utc:
        return f"it begins on {found.not_valid_before_utc:%Y-%m-%d} only"
    if not _is_signed_by(found, x509.load_pem_x509_certificate(ca_certificate)):
        return "another authority signed it"
    if found.subject != _name(request.common_name):
        return f"its name is {found.subject.rfc4514_string()}, not CN={request.common_name}"
    if _names_of(found) != set(_alternative_names(request.addresses)):
        return f"its addresses are not {', '.join(request.addresses) or 'empty'}"
    if _purposes_of(found) != set(_purposes(request)):
        return "its purpose is another"
    return None


def is_valid(certificate: bytes, now: datetime) -> bool:
    """Whether this is a moment of the certificate's life."""
    found = x509.load_pem_x509_certificate(certificate)
    return found.not_valid_before_utc <= now <= found.not_valid_after_utc


def ends(certificate: bytes) -> datetime:
    """The last moment of the certificate's life. Raises ValueError for what is none."""
    return x509.load_pem_x509_certificate(certificate).not_valid_after_utc


def belong_together(certificate: bytes, key: bytes) -> bool:
    """Whether the key is the certificate's."""
    try:
        private = serialization.load_pem_private_key(key, password=None)
        public = x509.load_pem_x509_certificate(certificate).public_key()
    except ValueError:
        return False
    return isinstance(private, ec.EllipticCurvePrivateKey) and private.public_key() == public


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    now: datetime,
    days: int,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATE)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _name(common_name: str) -> x509.Name:
    # An empty one is for etcd's gateway, which turns away clients with a common name.
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else [])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _purposes(request: Request) -> list[x509.ObjectIdentifier]:
    purposes = []
    if request.server:
        purposes.append(ExtendedKeyUsageOID.SERVER_AUTH)
    if request.client:
        purposes.append(ExtendedKeyUsageOID.CLIENT_AUTH)
    return purposes


def _purposes_of(certificate: x509.Certificate) -> set[x509.ObjectIdentifier]:
    try:
        return set(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        return set()


def _alternative_names(addresses: Sequence[str]) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = []
    for address in addresses:
        names.append(x509.DNSName(address))
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(address)))
        except ValueError:
            continue
    return names


def _names_of(certificate: x509.Certificate) -> set[x509.GeneralName]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return set()
    return set(found.value)


def _is_signed_by(certificate: x509.Certificate, ca: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(ca)
    except Exception:  # noqa: BLE001 - an invalid signature and a foreign issuer are one answer
        return False
    return True


def _issued(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Issued:
    return Issued(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )
