"""Names of the platform's roles, and of the secrets behind them."""

from __future__ import annotations

from dataclasses import dataclass

BACKUP = "holdfast_backup"
SCHEMA = "holdfast"
"""The platform's own schema in every logical database."""
POOL_LOGIN = "pool_login"
MAINTENANCE_DATABASE = "postgres"
PUBLIC = "PUBLIC"


@dataclass(frozen=True, slots=True)
class Roles:
    """The roles of one cluster, all named after it; logins come in pairs so that one can rotate."""

    database: str

    @property
    def owner(self) -> str:
        """Owns everything; nobody logs in as it."""
        return f"{self.database}_owner"

    @property
    def migrator(self) -> str:
        """Logs in and becomes the owner: for schema changes."""
        return f"{self.database}_migrator"

    @property
    def rw(self) -> str:
        """What the application may do."""
        return f"{self.database}_rw"

    @property
    def ro(self) -> str:
        """What a reader may do."""
        return f"{self.database}_ro"

    @property
    def apps(self) -> tuple[str, str]:
        """The application's two logins."""
        return (f"{self.database}_app_a", f"{self.database}_app_b")

    @property
    def readers(self) -> tuple[str, str]:
        """The readers' two logins."""
        return (f"{self.database}_read_a", f"{self.database}_read_b")

    @property
    def logins(self) -> tuple[str, ...]:
        """Every role that has a password."""
        return (self.migrator, *self.apps, *self.readers)


def password_ref(database: str, role: str) -> str:
    """Reference of the secret that holds a role's password and verifier."""
    return f"{database}/role/{role}"
