from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.fixtures_s3 import empty_store, s3_credentials  # noqa: F401

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def often_switching_threads() -> Iterator[None]:
    """Makes a race that is lost once in thousands of turns be lost here."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)
