from __future__ import annotations

from tests.fixtures_s3 import empty_store, s3_credentials  # noqa: F401
