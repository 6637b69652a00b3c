from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.trial import Site
from tests.services.kafka import own_broker
from tests.services.s3 import S3Server


@pytest.fixture(scope="session")
def site(s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A broker of the fault suite's own, which it may kill, and the S3 API."""
    with own_broker(tmp_path_factory.mktemp("broker")) as broker:
        yield Site(broker, s3, tmp_path_factory.mktemp("faults"))
