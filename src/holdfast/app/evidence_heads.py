"""Signing the ledger: a head soon after every append, into the database and into a file beside it.

Before it signs, the keeper holds the tree against the last head of the file. A control database
that was put back to an older state, or whose past was changed, gets no further head: what was
signed then would make the change official.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from holdfast.core.errors import Conflict, Error, NotFound, Transient
from holdfast.evidence.head import Head, SignedHead, signed
from holdfast.evidence.tree import Span
from holdfast.providers.doors import SiteDoors
from holdfast.providers.evidence_files import HeadsFile, Signer, heads_file, key_file
from holdfast.store import Connection, Store, evidence, evidence_heads
from holdfast.store.evidence import Tree
from holdfast.system.clock import Clock
from holdfast.system.files import make_folder
from holdfast.system.post import post_json

_log = logging.getLogger(__name__)

AT_LEAST_EVERY = timedelta(days=1)
"""A head is due even when nothing was added: it says that nothing was taken away."""
_GATHER_S = 0.2
_LOOK_S = 60.0
_AGAIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Keeper:
    """What signs. `post` sends a head elsewhere, None where the site asks for nothing."""

    store: Store
    clock: Clock
    file: HeadsFile
    signer: Signer
    post: Callable[[SignedHead], Awaitable[None]] | None = None

    async def run(self) -> None:
        """Sign whenever something was added, for ever."""
        said = ""
        while True:
            wait_s = _LOOK_S
            try:
                await self.sign()
                said = ""
            except Transient as error:
                wait_s = _AGAIN_S
                _log.warning("cannot sign the ledger: %s", error.message)
            except Error as error:
                if error.message != said:
                    _log.error("the ledger is not signed: %s", error.message)
                said = error.message
            except Exception:  # noqa: BLE001 - a ledger without heads for a while is still one
                _log.exception("cannot sign the ledger")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.store.appended.wait(), wait_s)
            # What follows at once gets the same head.
            await asyncio.sleep(_GATHER_S)

    async def sign(self) -> SignedHead | None:
        """Make a head if one is due. Raises `Conflict` when the ledger is not what was signed."""
        self.store.appended.clear()
        filed = await asyncio.to_thread(self.file.last)
        async with self.store.begin() as connection:
            now = await evidence.now(connection)
            last = await evidence_heads.last(connection)
            late = await evidence_heads.after(connection, filed.head.number if filed else -1)
            self._see_that_the_key_is_ours(filed or last)
            if filed is not None:
                await self._hold_against(connection, filed.head, now)
                await self._see_that_we_wrote_it(connection, Span(filed.head.size, now.size))
        for each in late:
            if not each.is_signed_by(self.signer.public_key):
                raise Conflict(f"head {each.head.number} of the database is not signed by our key")
        if late:
            await asyncio.to_thread(self.file.append, late)
        if not self._is_due(last, now):
            return None
        head = Head(
            log=now.log,
            number=last.head.number + 1 if last else 0,
            size=now.size,
            root=now.root,
            at=self.clock.now(),
            key=self.signer.fingerprint,
        )
        made = signed(head, self.signer.sign)
        await self._keep(made)
        return made

    def _is_due(self, last: SignedHead | None, now: Tree) -> bool:
        if last is None or last.head.size < now.size:
            return True
        return self.clock.now() - last.head.at >= AT_LEAST_EVERY

    async def _see_that_we_wrote_it(self, connection: Connection, fresh: Span) -> None:
        """Whoever can write to the database could add a leaf; our seal they cannot make."""
        place = await evidence.unsealed(connection, fresh, self.store.seal)
        if place is not None:
            raise Conflict(
                f"leaf {place} was not written by the platform",
                subject="evidence",
                hint="see what is wrong: holdfast evidence verify",
            )

    def _see_that_the_key_is_ours(self, known: SignedHead | None) -> None:
        if known is not None and known.head.key != self.signer.fingerprint:
            raise Conflict(
                f"its heads are signed by the key {known.head.key[:16]}…, and the site's key is "
                f"{self.signer.fingerprint[:16]}…",
                subject="evidence key",
                hint="put the site's secrets back from your backup of the home folder",
            )

    async def _keep(self, made: SignedHead) -> None:
        """First the database, then the file: every head of the file has to be in the database."""
        async with self.store.begin() as connection:
            await evidence_heads.put(connection, made)
        await asyncio.to_thread(self.file.append, [made])
        if self.post is not None:
            try:
                await self.post(made)
            except Error as error:
                # The next head stands for this one too.
                _log.warning("head %d was not sent: %s", made.head.number, error.message)

    async def _hold_against(self, connection: Connection, known: Head, now: Tree) -> None:
        said = ""
        if known.log != now.log:
            said = f"the control database holds the log {now.log}, and the heads are of {known.log}"
        elif known.size > now.size:
            said = f"{known.size} leaves were signed, and the control database has {now.size}"
        elif known.size:
            try:
                (root,) = await evidence.hashes(connection, [Span(0, known.size)])
            except NotFound as error:
                said = error.message
            else:
                if root != known.root:
                    said = f"the first {known.size} leaves are not those that were signed"
        if said:
            raise Conflict(
                said, subject="evidence", hint="see what is wrong: holdfast evidence verify"
            )


def keeper(doors: SiteDoors, store: Store, clock: Clock) -> Keeper:
    """The keeper of a site's heads; publishes the key."""
    signer = doors.signer()
    make_folder(Path(doors.site.evidence), 0o700)  # a site of an earlier release has none
    signer.publish(key_file(doors.site))
    url = doors.settings.evidence_url
    post = partial(_post, url) if url else None
    return Keeper(store, clock, heads_file(doors.site), signer, post)


async def _post(url: str, made: SignedHead) -> None:
    await post_json(url, made.line)
