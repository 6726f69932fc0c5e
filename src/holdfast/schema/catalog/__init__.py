"""What the database holds before and while migrations run: facts as values."""

from holdfast.schema.catalog.catalog import NOTHING_KNOWN, Catalog, Key
from holdfast.schema.catalog.world import World

__all__ = ["NOTHING_KNOWN", "Catalog", "Key", "World"]
