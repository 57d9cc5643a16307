"""Rows of the alert table, between Python's values and DynamoDB's."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

serialize = TypeSerializer().serialize
deserialize = TypeDeserializer().deserialize


def row_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as DynamoDB's low-level API takes them: {"count": 1} -> {"count": {"N": "1"}}."""
    return {key: serialize(value) for key, value in values.items()}


def values_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """What `row_of` was given; numbers come back as Decimal."""
    return {key: deserialize(value) for key, value in row.items()}


def stamp(moment: datetime) -> str:
    """A time that sorts as text, in UTC."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
