"""Look at folders, rendered files and certificates."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from holdfast.core.change import Json, Resource
from holdfast.engines.postgresql.cluster import Cluster, Node
from holdfast.engines.postgresql.doors import Doors
from holdfast.engines.postgresql.render import Certificate, Template, node_certificates

OTHER = "another content"


async def folders(
    id: str, wanted: Mapping[str, int], cluster: Cluster, doors: Doors
) -> list[Resource]:
    """One resource with the folders that are there; none when not one is."""
    stats = await asyncio.gather(*(doors.host.stat(path) for path in wanted))
    attributes: dict[str, Json] = {
        path: f"{stat.owner} {stat.mode:04o}"
        for path, stat in zip(wanted, stats, strict=True)
        if stat is not None and stat.kind == "folder"
    }
    return [Resource(id, "folders", attributes)] if attributes else []


async def files(
    id: str, wanted: Mapping[str, Template], cluster: Cluster, doors: Doors
) -> list[Resource]:
    """One resource with the files that are there; a differing one is said to have another content.

    The desired digest is over the template, and a file's secrets cannot be taken out again, so
    a file is compared with the filled template and takes the template's digest when it is equal.
    """
    found = await asyncio.gather(
        *(_file(path, template, cluster, doors) for path, template in wanted.items())
    )
    attributes: dict[str, Json] = {
        path: said for path, said in zip(wanted, found, strict=True) if said is not None
    }
    return [Resource(id, "files", attributes)] if attributes else []


async def _file(path: str, template: Template, cluster: Cluster, doors: Doors) -> str | None:
    content, stat = await asyncio.gather(doors.host.read(path), doors.host.stat(path))
    if content is None or stat is None:
        return None
    text = await doors.fill(template.text, make=False)
    digest = template.digest if text is not None and content == text.encode() else OTHER
    owner = "" if stat.owner == cluster.site.os_user else f", owned by {stat.owner}"
    return f"{stat.mode:04o} {digest}{owner}"


async def certificates(id: str, wanted: tuple[Certificate, ...], doors: Doors) -> list[Resource]:
    """One resource with the certificates that are there and good, or why one is not."""
    found = await asyncio.gather(*(_certificate(each, doors) for each in wanted))
    attributes: dict[str, Json] = {
        str(each.path): said for each, said in zip(wanted, found, strict=True) if said is not None
    }
    return [Resource(id, "certificates", attributes)] if attributes else []


async def _certificate(wanted: Certificate, doors: Doors) -> Json:
    fault = await certificate_fault(wanted, doors)
    if fault is None:
        return None
    good = {"common_name": wanted.common_name, "addresses": list(wanted.addresses)}
    return {**good, "fault": fault} if fault else good


async def due(node: Node, doors: Doors) -> bool:
    """Whether one of the node's certificates is there and has to be issued anew."""
    faults = [await certificate_fault(each, doors) for each in node_certificates(node)]
    return any(faults)


async def certificate_fault(wanted: Certificate, doors: Doors) -> str | None:
    """Why the pair has to be issued anew; empty when it is good, None when one half is missing."""
    certificate, key, stat = await asyncio.gather(
        doors.host.read(f"{wanted.path}.crt"),
        doors.host.read(f"{wanted.path}.key"),
        doors.host.stat(f"{wanted.path}.key"),
    )
    if certificate is None or key is None or stat is None:
        return None
    if stat.mode & 0o077:
        return f"its key has the mode {stat.mode:04o}, and others may have read it"
    return doors.issuer.fault(certificate, key, wanted.common_name, wanted.addresses)
