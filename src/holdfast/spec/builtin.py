"""The tiers and sizes that come with the platform, read once from the package's own YAML."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType

from ruamel.yaml import YAML

from holdfast.spec.model import SizeClass, TierSpec


def tier_texts() -> dict[str, str]:
    """The built-in tiers' YAML by file name; a site copies one to make its own."""
    folder = resources.files("holdfast.spec") / "tiers"
    return {
        each.name: each.read_text("utf-8")
        for each in sorted(folder.iterdir(), key=lambda each: each.name)
        if each.name.endswith(".yaml")
    }


@functools.cache
def tiers() -> Mapping[str, TierSpec]:
    """The built-in tiers by name."""
    yaml = YAML(typ="safe", pure=True)
    found = (TierSpec.from_json(yaml.load(text)) for text in tier_texts().values())
    return MappingProxyType({tier.name: tier for tier in found})


@functools.cache
def sizes() -> Mapping[str, SizeClass]:
    """The size classes by name, smallest first."""
    text = (resources.files("holdfast.spec") / "sizes.yaml").read_text("utf-8")
    data = YAML(typ="safe", pure=True).load(text)
    return MappingProxyType(
        {name: SizeClass.from_json({"name": name, **size}) for name, size in data.items()}
    )
