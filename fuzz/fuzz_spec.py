"""Feed the loader with spoilt documents for as long as one likes.

    python -m fuzz.fuzz_spec --examples 100000

The property is the one of the unit tests: nothing that is read raises, and every finding has a
place, a message and a hint. Every example that fails is shrunk and printed.
"""

from __future__ import annotations

import argparse

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.spec.strategies import spoilt
from tests.unit.spec.test_properties import test_nothing_that_is_read_raises


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=20_000, help="how many texts to try")
    arguments = parser.parse_args()
    texts = st.one_of(st.text(), st.binary(), spoilt(), spoilt().map(lambda text: text.encode()))
    check = test_nothing_that_is_read_raises.hypothesis.inner_test  # type: ignore[attr-defined]
    settings(
        max_examples=arguments.examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )(given(texts)(check))()
    print(f"{arguments.examples} texts read")


if __name__ == "__main__":
    main()
