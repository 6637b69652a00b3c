"""Logs, as a process writes them: every line is one JSON object, whoever wrote it."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

from ingest.telemetry import Sparing

SET_UP = "import sys; from ingest.telemetry import set_up_logs; set_up_logs(*sys.argv[1:])\n"
OURS = SET_UP + (
    "import structlog\n"
    "log = structlog.get_logger('ingest.consume')\n"
    "for level in ('debug', 'info', 'warning', 'error'): getattr(log, level)('event_' + level, partition=3)\n"
)


def lines_of(code: str, level: str = "INFO", form: str = "json") -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", code, level, form], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "", "stdout is for results"
    return done.stderr.splitlines()


def events_of(code: str, level: str = "INFO") -> list[dict]:
    return [json.loads(line) for line in lines_of(code, level)]


def test_the_level_is_honoured():
    assert [one["event"] for one in events_of(OURS, "WARNING")] == ["event_warning", "event_error"]
    assert len(events_of(OURS, "DEBUG")) == 4


def test_a_line_is_an_event_with_level_time_and_fields():
    [first, *_] = events_of(OURS)
    assert first.pop("timestamp").endswith("Z")
    assert first == {"event": "event_info", "level": "info", "partition": 3}


def test_off_a_terminal_auto_is_json_and_on_one_it_is_text():
    assert json.loads(lines_of(OURS, form="auto")[0])["event"] == "event_info"
    terminal, end = pty.openpty()
    subprocess.run([sys.executable, "-c", OURS, "INFO", "auto"], stderr=end, check=True, timeout=60)
    os.close(end)
    text = os.read(terminal, 10_000).decode()
    os.close(terminal)
    assert "event_info" in text
    assert "{" not in text


CLIENT = """
import time
from confluent_kafka import Consumer
from ingest.kafka import client_settings
consumer = Consumer({**client_settings('127.0.0.1:1'), 'group.id': 'g', 'reconnect.backoff.ms': 10,
                     'reconnect.backoff.max.ms': 50})
consumer.subscribe(['t'])
until = time.monotonic() + 3
while time.monotonic() < until:
    consumer.poll(0.1)
consumer.close()
"""


def test_what_the_kafka_client_logs_is_an_event_and_does_not_flood():
    found = events_of(SET_UP + CLIENT)
    assert {one["event"] for one in found} == {"client_log"}
    assert {one["level"] for one in found} == {"warning"}, "it mends by itself what it calls an error"
    refused = [one for one in found if one["facility"] == "FAIL"]
    assert 1 <= len(refused) <= 5
    assert "127.0.0.1:1" in refused[0]["message"]
    assert refused[0]["client"].startswith("ingest#consumer")


def test_what_the_kafka_client_logs_keeps_to_the_level():
    assert events_of(SET_UP + CLIENT, "ERROR") == []


def test_warnings_and_other_libraries_are_events():
    code = SET_UP + (
        "import logging, warnings\n"
        "warnings.warn('two\\nlines')\n"
        "logging.getLogger('urllib3.connectionpool').warning('Retrying %s', 'that')\n"
        "logging.getLogger('botocore').info('a request, with its headers')\n"
    )
    warned, retried = events_of(code, "DEBUG")
    assert (warned["event"], warned["library"], warned["level"]) == ("library_log", "py.warnings", "warning")
    assert "two lines" in warned["message"]
    assert (retried["library"], retried["message"]) == ("urllib3.connectionpool", "Retrying that")


def test_a_thread_that_fails_is_an_event_that_tells_no_values():
    code = SET_UP + (
        "import threading\n"
        "from ingest.errors import StoreUnavailable\n"
        "def foreign(): raise ValueError('learner bob')\n"
        "def our_own(): raise StoreUnavailable('s3://b: 503')\n"
        "for target in (foreign, our_own):\n"
        "    thread = threading.Thread(target=target, name=target.__name__)\n"
        "    thread.start()\n"
        "    thread.join()\n"
    )
    text = "\n".join(lines_of(code))
    assert "bob" not in text
    foreign, own = map(json.loads, text.splitlines())
    assert (foreign["event"], foreign["thread"], foreign["error"]) == ("thread_failed", "foreign", "ValueError")
    assert foreign["where"][-1].endswith("foreign")
    assert own["error"] == "s3://b: 503"


def test_setting_logs_up_again_doubles_nothing():
    code = SET_UP * 2 + "import logging\nlogging.getLogger('x').warning('once')\n"
    assert len(lines_of(code)) == 1


def test_a_flood_is_cut_and_counted():
    sparing = Sparing(5)
    assert [sparing.dropped("FAIL", second) for second in range(10)] == [0] * 5 + [None] * 5
    assert sparing.dropped("OTHER", 9) == 0
    assert sparing.dropped("FAIL", 59.9) is None
    assert sparing.dropped("FAIL", 60) == 6
    assert sparing.dropped("FAIL", 61) == 0


def test_a_clock_that_is_set_back_silences_nothing():
    sparing = Sparing(5)
    for _ in range(10):
        sparing.dropped("FAIL", 1_000_000)
    assert sparing.dropped("FAIL", 5) == 5
