"""Health and metrics of the commands as processes, asked over HTTP, while things go wrong around them."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from infra.kafka.broker import free_port
from ingest.kafka import Producer
from tests.locking import held_elsewhere
from tests.running import Pipeline, eventually
from tests.scraping import samples
from tests.services.kafka import own_embedded_broker
from tests.services.proxy import Fault, fault_proxy
from tests.services.s3 import CREDENTIALS

DOWN = Fault("down", lambda asked: asked.answer(503, "ServiceUnavailable"), ("PUT", "GET", "HEAD", "LIST"))

soon = partial(eventually, seconds=90)  # processes start and stop here, perhaps on a busy machine


@dataclass
class Served:
    """A command that serves, in a process of its own."""

    process: subprocess.Popen[str]
    port: int
    log: Path

    def get(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def why(self, path: str = "/health") -> set[str]:
        """The reasons that a page gives; the status agrees with them."""
        status, text = self.get(path)
        told = json.loads(text)
        assert (status, told["status"]) == ((503, "failing") if told["reasons"] else (200, "ok"))
        for reason in told["reasons"]:
            assert reason["meaning"]
            assert reason["remedy"]
        return {reason["reason"] for reason in told["reasons"]}

    def metrics(self) -> dict[str, dict[str, float]]:
        status, text = self.get("/metrics")
        assert status == 200
        return samples(text)

    def total(self, name: str) -> float:
        return sum(self.metrics().get(name, {}).values())  # none before the first partition is ours

    def end(self) -> dict[str, Any]:
        self.process.send_signal(signal.SIGTERM)
        output, _ = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, self.log.read_text()[-3000:]
        return json.loads(output)


@contextmanager
def served(folder: Path, *words: str, **env: str) -> Iterator[Served]:
    """Run a command with --http-port; kill it if the test has not ended it."""
    port, log = free_port(), folder / "log"
    with log.open("a") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "ingest", *words, "--http-port", str(port), "--output", "json"],
            cwd=folder,
            env=os.environ | {"KAFKA_CONSUMER_GROUP": str(port), "STUCK_AFTER_SECONDS": "8"} | env,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    command = Served(process, port, log)
    try:
        soon(lambda: answers(port) or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        yield command
    finally:
        process.kill()
        process.communicate()


def answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def of(pipeline: Pipeline) -> dict[str, str]:
    return {"KAFKA_BOOTSTRAP_SERVERS": pipeline.bootstrap, "KAFKA_TOPIC_EVENTS_RAW": pipeline.topic}


@pytest.fixture
def pipeline(embedded_broker: str, tmp_path: Path) -> Pipeline:
    return Pipeline(embedded_broker, tmp_path)


def test_a_consumer_tells_what_it_does(pipeline, tmp_path):
    pipeline.produce(500)
    with Producer(pipeline.client, pipeline.topic) as producer:
        producer.send(b"k", b"not json, by learner bob")
    words = ("consume", "--store", ".", "--batch-size", "100", "--flush-interval", "1")
    with served(tmp_path, *words, STUCK_AFTER_SECONDS="60", **of(pipeline)) as consumer:
        assert consumer.why("/readyz") == {"not_assigned"}, "the first join takes seconds"
        assert consumer.why() == consumer.why("/livez") == set()
        soon(lambda: consumer.total("ingest_stored_records_total") == 501)
        assert consumer.why() == consumer.why("/livez") == consumer.why("/readyz") == set()
        seen = consumer.metrics()
        assert sum(seen["ingest_read_records_total"].values()) == 501
        assert sum(seen["ingest_position_offset"].values()) == sum(seen["ingest_read_offset"].values()) == 501
        assert sum(seen["ingest_lag_records"].values()) == 0
        assert seen["ingest_quarantined_records_total"]["reason=not_json"] == 1
        assert seen["ingest_batches_total"]["due=rows"] > 0
        assert seen["ingest_batches_total"]["due=age"] > 0
        assert seen["ingest_assigned_partitions"][""] == 4
        assert seen["ingest_flush_seconds_count"][""] == sum(seen["ingest_stored_objects_total"].values())
        assert seen["ingest_rebalances_total"][""] >= 1
        assert set(seen["ingest_unhealthy"].values()) == {0}
        sizes = sum(path.stat().st_size for path in pipeline.objects())
        assert sum(seen["ingest_stored_bytes_total"].values()) == sizes
        assert consumer.get("/nothing")[0] == 404
        assert consumer.end()["records"] == 501
    lines = [json.loads(line) for line in consumer.log.read_text().splitlines()]
    assert {"endpoint_open", "partition_opened", "object_stored"} <= {line["event"] for line in lines}
    assert "bob" not in consumer.log.read_text()


def test_a_store_that_is_down_turns_health_red_and_asks_for_no_restart(pipeline, tmp_path, s3):
    bucket = f"health-{pipeline.topic}"
    s3.create_bucket(bucket)
    pipeline.produce(300)
    with fault_proxy(s3.url) as proxy:
        env = {"S3_ENDPOINT_URL": proxy.url, "S3_BUCKET_RAW_EVENTS": bucket, **CREDENTIALS, **of(pipeline)}
        with served(tmp_path, "consume", "--flush-interval", "1", **env) as consumer:
            soon(lambda: consumer.total("ingest_stored_records_total") == 300)
            assert consumer.why("/readyz") == set()
            proxy.outage = DOWN
            pipeline.produce(300, start=300)
            soon(lambda: consumer.why() == {"store_failing"})
            assert consumer.why("/livez") == set(), "a restart would not help"
            assert consumer.why("/readyz") == {"store_failing"}
            [reason] = json.loads(consumer.get("/health")[1])["reasons"]
            assert "ServiceUnavailable" in reason["error"]
            assert "S3_ENDPOINT_URL" in reason["remedy"]
            assert reason["seconds"] >= 8
            assert consumer.metrics()["ingest_unhealthy"]["reason=store_failing"] == 1
            assert consumer.total("ingest_store_failures_total") > 0
            proxy.outage = None
            soon(lambda: consumer.total("ingest_stored_records_total") == 600)
            assert consumer.why() == consumer.why("/readyz") == set()
            assert consumer.end()["records"] == 600


def test_a_broker_that_hangs_turns_health_red_and_asks_for_no_restart(tmp_path):
    with own_embedded_broker() as (address, broker):
        pipeline = Pipeline(address, tmp_path)
        pipeline.produce(100)
        # A session that outlives the test: a member that was thrown out waits to be taken back.
        words = ("consume", "--store", ".", "--flush-interval", "1", "--kafka-config", "session.timeout.ms=90000")
        with served(tmp_path, *words, STUCK_AFTER_SECONDS="25", **of(pipeline)) as consumer:
            soon(lambda: consumer.total("ingest_stored_records_total") == 100)
            broker.send_signal(signal.SIGSTOP)
            try:
                soon(lambda: consumer.why("/readyz") == {"broker_failing"})
                soon(lambda: consumer.why() == {"broker_failing"})
                assert consumer.why("/livez") == set()
            finally:
                broker.send_signal(signal.SIGCONT)
            soon(lambda: consumer.why() == consumer.why("/readyz") == set())
            pipeline.produce(100, start=100)
            soon(lambda: consumer.total("ingest_stored_records_total") == 200)
            assert consumer.end()["records"] == 200


def test_a_port_that_is_taken_is_said_before_anything_begins(pipeline, tmp_path):
    pipeline.produce(10)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        env = os.environ | {"HTTP_PORT": port} | of(pipeline)

        def run(*words: str) -> subprocess.CompletedProcess[str]:
            command = [sys.executable, "-m", "ingest", "consume", "--store", ".", *words]
            return subprocess.run(
                command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False
            )

        refused = run()
        assert refused.returncode == 2
        assert f"port {port}" in refused.stderr
        assert "--http-port (0: none)" in refused.stderr
        assert not (tmp_path / "_probe").exists()
        bounded = run("--once")
        assert bounded.returncode == 0, "a bounded run serves only where it is told to"
        assert "endpoint_open" not in bounded.stderr


def test_a_loader_that_follows_tells_what_it_does(pipeline, tmp_path):
    pipeline.produce(200)
    pipeline.run(rows=20)
    words = ("load", "--store", ".", "--warehouse", "w.duckdb", "--follow", "--interval", "0.5")
    with served(tmp_path, *words, STUCK_AFTER_SECONDS="10") as loader:
        soon(lambda: loader.total("ingest_load_rows_total") == 200)
        soon(lambda: loader.why("/readyz") == set())
        assert loader.why() == loader.why("/livez") == set()
        assert loader.total("ingest_load_objects_total") == len(pipeline.objects())
        with held_elsewhere(tmp_path / "w.duckdb"):
            pipeline.produce(20, start=200)
            pipeline.run()
            soon(lambda: loader.why() == {"load_kept_out"})
            assert loader.why("/livez") == set()
            assert loader.total("ingest_load_waits_total") > 0
        soon(lambda: loader.why() == loader.why("/readyz") == set())
        soon(lambda: loader.total("ingest_load_rows_total") == 220)
        loader.end()
