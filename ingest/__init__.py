"""Learner events from a Kafka topic to trusted analytics."""

__version__ = "0.1.0"
