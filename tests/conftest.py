from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.services.kafka import embedded_broker, kafka_broker  # noqa: F401 - fixtures of the whole session
from tests.services.s3 import S3Server, s3_server
from tests.services.secure_kafka import secure_broker  # noqa: F401

os.environ["HTTP_PORT"] = "0"  # many a consumer runs here at once, and there is one port 8080


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server
