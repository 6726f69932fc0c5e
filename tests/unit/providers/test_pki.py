from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from holdfast.core.errors import Error
from holdfast.providers import pki
from holdfast.providers.authority import SiteAuthority

NOW = datetime(2026, 11, 20, tzinfo=UTC)
CA = pki.authority("holdfast test", NOW)
NODE = pki.Request("orders-1", ("127.77.13.11",), days=90)
ISSUED = pki.issue(CA, NODE, NOW)


def reason(request: pki.Request = NODE, at: datetime = NOW, by: pki.Issued = CA) -> str | None:
    return pki.needs_renewal(ISSUED.certificate, request, by.certificate, at)


def test_address_stands_as_ip_and_as_text() -> None:
    certificate = x509.load_pem_x509_certificate(ISSUED.certificate)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["127.77.13.11"]
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["127.77.13.11"]


def test_authority_signs_leaves_only() -> None:
    certificate = x509.load_pem_x509_certificate(CA.certificate)
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert (constraints.value.ca, constraints.value.path_length) == (True, 0)


def test_fresh_certificate_stays() -> None:
    assert reason() is None


def test_it_is_renewed_after_two_thirds_of_its_life() -> None:
    # From a day before NOW to 90 days after it: 91 days, two thirds are 60.67.
    assert reason(at=NOW + timedelta(days=59)) is None
    assert reason(at=NOW + timedelta(days=60)) == "it ends on 2027-02-18"


def test_it_is_renewed_when_the_clock_was_ahead_as_it_was_made() -> None:
    assert reason(at=NOW - timedelta(hours=23)) is None
    assert reason(at=NOW - timedelta(days=2)) == "it begins on 2026-11-19 only"


def test_an_authority_of_another_time_is_told_and_not_replaced(tmp_path: Path) -> None:
    clock = [NOW]
    authority = SiteAuthority(tmp_path, lambda: clock[0])
    authority.ensure("holdfast test")
    key = (tmp_path / "ca.key").read_bytes()
    for moment, said in (
        (NOW - timedelta(days=400), "the clock says 2025-10-16"),
        (NOW + timedelta(days=4000), "the clock says 2037-11-02"),
    ):
        clock[0] = moment
        with pytest.raises(Error, match=said) as caught:
            authority.ensure("holdfast test")
        assert caught.value.hint == "set the machine's clock"
    assert (tmp_path / "ca.key").read_bytes() == key


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (pki.Request("orders-2", ("127.77.13.11",)), "its name is CN=orders-1, not CN=orders-2"),
        (pki.Request("orders-1", ("127.77.13.12",)), "its addresses are not 127.77.13.12"),
        (pki.Request("orders-1"), "its addresses are not empty"),
        (pki.Request("orders-1", ("127.77.13.11",), server=False), "its purpose is another"),
    ],
)
def test_it_is_renewed_when_it_says_something_else(request_: pki.Request, why: str) -> None:
    assert reason(request_) == why


def test_it_is_renewed_when_another_authority_signed() -> None:
    assert reason(by=pki.authority("holdfast test", NOW)) == "another authority signed it"


def test_damaged_certificate_is_renewed() -> None:
    assert pki.needs_renewal(b"nonsense", NODE, CA.certificate, NOW) == "it cannot be read"


def test_key_and_certificate_belong_together() -> None:
    other = pki.issue(CA, NODE, NOW)
    assert pki.belong_together(ISSUED.certificate, ISSUED.key)
    assert not pki.belong_together(ISSUED.certificate, other.key)
    assert not pki.belong_together(ISSUED.certificate, b"nonsense")


def test_name_may_be_empty() -> None:
    nameless = pki.issue(CA, pki.Request("", server=False), NOW)
    certificate = x509.load_pem_x509_certificate(nameless.certificate)
    assert certificate.subject.rfc4514_string() == ""


def test_site_authority_is_made_once(tmp_path: Path) -> None:
    authority = SiteAuthority(tmp_path, lambda: NOW)
    assert authority.ensure("holdfast test") is True
    assert authority.ensure("holdfast test") is False
    assert (tmp_path / "ca.key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "ca.crt").stat().st_mode & 0o777 == 0o644


def test_lost_authority_key_is_not_replaced(tmp_path: Path) -> None:
    authority = SiteAuthority(tmp_path, lambda: NOW)
    authority.ensure("holdfast test")
    (tmp_path / "ca.key").unlink()
    with pytest.raises(Error, match=r"ca\.key is missing"):
        authority.ensure("holdfast test")


def test_pair_is_made_when_needed_only(tmp_path: Path) -> None:
    now = [NOW]
    authority = SiteAuthority(tmp_path, lambda: now[0])
    authority.ensure("holdfast test")
    files = (tmp_path / "a.crt", tmp_path / "a.key")
    assert authority.ensure_pair(*files, NODE) == "it is missing"
    assert authority.ensure_pair(*files, NODE) is None
    assert (tmp_path / "a.key").stat().st_mode & 0o777 == 0o600
    (tmp_path / "a.key").write_bytes(ISSUED.key)
    assert authority.ensure_pair(*files, NODE) == "key and certificate do not belong together"
    now[0] += timedelta(days=61)
    assert authority.ensure_pair(*files, NODE) == "it ends on 2027-02-18"


def test_engine_gets_pairs_and_faults(tmp_path: Path) -> None:
    authority = SiteAuthority(tmp_path, lambda: NOW)
    authority.ensure("holdfast test")
    certificate, key = authority.issue("orders-1", ["127.77.13.11"])
    assert pki.belong_together(certificate, key)
    assert authority.fault(certificate, key, "orders-1", ["127.77.13.11"]) == ""
    assert "CN=orders-2" in authority.fault(certificate, key, "orders-2", ["127.77.13.11"])
    _, another = authority.issue("orders-1", ["127.77.13.11"])
    assert "belong together" in authority.fault(certificate, another, "orders-1", ["127.77.13.11"])


def test_a_certificate_says_when_it_ends() -> None:
    assert pki.ends(ISSUED.certificate) == NOW + timedelta(days=90)
