"""Every error that we raise, split by what the caller does about it.

    IngestError                 says what, why, and the next command to type
    ├── SettingsError           the user mends a setting                           exit 2
    ├── DependencyError         something outside can't be reached or refuses us   exit 3
    │   ├── BrokerError         Kafka
    │   │   ├── BrokerUnavailable   passes by itself: the consumer asks again
    │   │   └── TopicRemade         the topic is another than it was: the consumer starts over
    │   ├── StoreError          S3 or the folder
    │   │   ├── StoreUnavailable    passes by itself or once access is mended: the consumer retries
    │   │   └── StoreRefused        will not pass: no conditional writes, no such bucket
    │   └── WarehouseError      DuckDB or Snowflake
    │       ├── WarehouseLocked     passes when the other process is done with the file
    │       └── WarehouseUnseen     something is not there, or not for this role
    ├── ChainError              the objects contradict the protocol: stop, nothing is written   exit 4
    └── InputError              a file or a stream that the user gave can't be read  exit 2

A bad record is data, never one of these (`ingest.events.Reason`). Messages carry topics, partitions,
offsets and object keys, and never an event's values.
"""

from __future__ import annotations


class IngestError(Exception):
    """What went wrong, and in `remedy` the next thing to do about it.

    `exit_code` is what the process ends with when nothing handles the error (see docs/operations.md).
    """

    exit_code = 5

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


class SettingsError(IngestError):
    """A setting is unknown, malformed, or contradicts another."""

    exit_code = 2


class InputError(IngestError):
    """A file or a stream that the user named can't be used."""

    exit_code = 2


class DependencyError(IngestError):
    """A service that we depend on can't be reached, or refuses us."""

    exit_code = 3


class BrokerError(DependencyError):
    """The Kafka cluster."""


class BrokerUnavailable(BrokerError):  # noqa: N818 - a state that passes, named as such
    """The broker failed in a way that may pass: ask again."""


class TopicRemade(BrokerError):  # noqa: N818
    """The topic was deleted and made again: what was read of it belongs to one that is gone, or to two."""


class StoreError(DependencyError):
    """The object store."""


class StoreUnavailable(StoreError):  # noqa: N818
    """The store failed in a way that may pass: retry, and drop nothing meanwhile."""


class StoreRefused(StoreError):  # noqa: N818
    """The store will not do what the protocol needs, however often it is asked."""


class WarehouseError(DependencyError):
    """The warehouse."""


class WarehouseLocked(WarehouseError):  # noqa: N818
    """Another process has the file open; passes when it is done."""


class WarehouseUnseen(WarehouseError):  # noqa: N818
    """An object of Snowflake's is not there, or this role may not see or use it: the two look alike."""


#: What passes by itself: whoever can wait asks again.
PASSING = (StoreUnavailable, BrokerUnavailable)


class ChainError(IngestError):
    """An object contradicts the chain protocol; going on could lose or double records."""

    exit_code = 4
