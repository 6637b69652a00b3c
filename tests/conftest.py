from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from functools import cache

import botocore.session
import hypothesis
import pytest

from tests.services.kafka import OWN, embedded_broker, kafka_broker  # noqa: F401 - fixtures of the whole session
from tests.services.s3 import S3Server, s3_server
from tests.services.secure_kafka import secure_broker  # noqa: F401

os.environ["HTTP_PORT"] = "0"  # many a consumer runs here at once, and there is one port 8080

# Brokers live for minutes here: what speeds them up in the long run costs more than it gives.
os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:+UseSerialGC -XX:TieredStopAtLevel=1")

# Each client of AWS reads the descriptions of its service, a tenth of a second: once a process is enough.
botocore.session.create_loader = cache(botocore.session.create_loader)

# How long an example takes depends on who else is at work on this machine.
hypothesis.settings.register_profile(
    "any pace", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any pace")

#: What takes longest. Workers begin with these, or one would be left at the end with what others could have shared.
LONGEST = (
    "faults/test_scenarios.py",
    "e2e/test_whole_way.py",
    "test_consume.py",
    "dbt/test_any_order.py",
    "dbt/test_snowflake_server.py",
    "test_progress.py",
    "e2e/",
    "test_churn.py",
    "model/",
    "test_security.py",
    "test_demo.py",
    "dbt/",
    "test_verify_damage.py",
    "test_doctor.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if OWN:
        items.sort(key=lambda item: next((n for n, part in enumerate(LONGEST) if f"tests/{part}" in item.nodeid), 99))


def pytest_collection_finish() -> None:
    gc.freeze()  # what is imported by now stays: no collection need look at it again


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server
