"""The records that others captured, each parsed once, with what the catalogue raises over it."""

from __future__ import annotations

import functools
import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handlers.adapters.memory import MemoryLookups
from handlers.alerting.catalogue import Catalogue
from handlers.alerting.detection import Concern, Detection
from handlers.alerting.event import Event
from handlers.detections import CATALOGUE

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
BULK = ("invictus", "grycap", "otrf_ec2_proxy_s3_exfil")
LABELLED, ENVELOPES = "labelled", "envelopes"

_SUFFIX = ".amazonaws.com"
_READS = ("Get", "List", "Describe", "Lookup", "Head", "Batch", "Search", "View")


@dataclass(frozen=True, kw_only=True, eq=False)
class Record:
    """One captured record, as it was, for definitions that know nothing of our own classes."""

    label: str  # a case's id, an envelope's key, or for bulk: "invictus StopLogging TrailNotFoundException"
    part: str  # "labelled", "envelopes", or the bulk file's name
    text: str  # JSON, as the catalogue gets it
    envelope: Mapping[str, Any]  # {} where a bare CloudTrail record was captured
    detail: Mapping[str, Any]
    rule: str = ""  # the peer's rule whose test case it is
    expected: bool = False  # what that rule says

    @property
    def name(self) -> str:
        return str(self.detail.get("eventName") or "")

    @property
    def service(self) -> str:
        """ "iam"; "" where the record does not say."""
        source = str(self.detail.get("eventSource") or "")
        return source.removesuffix(_SUFFIX) if source.endswith(_SUFFIX) else ""

    @property
    def identity(self) -> Mapping[str, Any]:
        return _object(self.detail.get("userIdentity"))

    @property
    def is_root(self) -> bool:
        return self.identity.get("type") == "Root"

    @property
    def request(self) -> Mapping[str, Any]:
        return _object(self.detail.get("requestParameters"))

    @property
    def error(self) -> str:
        return str(self.detail.get("errorCode") or "")

    @property
    def message(self) -> str:
        return str(self.detail.get("errorMessage") or "")

    @property
    def is_read(self) -> bool:
        told = self.detail.get("readOnly")
        return str(told).casefold() == "true" if told is not None else self.name.startswith(_READS)

    @property
    def sign_in(self) -> str:
        """How a ConsoleLogin ended; "" for anything else."""
        return str(_object(self.detail.get("responseElements")).get("ConsoleLogin") or "")

    @property
    def mfa_used(self) -> str:
        return str(_object(self.detail.get("additionalEventData")).get("MFAUsed") or "")

    @property
    def detail_type(self) -> str:
        return str(self.envelope.get("detail-type") or "")

    def calls(self, service: str, *names: str) -> bool:
        """Whether it is one of these calls of this service, whether or not it worked."""
        return self.service == service and self.name in names

    def made(self, service: str, *names: str) -> bool:
        """Whether it is one of these calls, and worked."""
        return self.calls(service, *names) and not self.error and not self.message


@dataclass(frozen=True, kw_only=True, eq=False)
class Hit:
    """What one detection raised over one record."""

    record: Record
    event: Event
    detection: str
    concern: Concern


@functools.cache
def labelled_cases() -> tuple[dict[str, Any], ...]:
    """The lines of labelled.jsonl."""
    return tuple(json.loads(line) for line in (CORPUS / "labelled.jsonl").read_text().splitlines())


@functools.cache
def envelope_entries() -> tuple[dict[str, Any], ...]:
    """The entries of envelopes.json."""
    return tuple(json.loads((CORPUS / "envelopes.json").read_text()))


@functools.cache
def records() -> tuple[Record, ...]:
    """All of them: the labelled cases, the envelopes, the bulk files."""
    return (*_labelled(), *_envelopes(), *(record for name in BULK for record in _bulk(name)))


@functools.cache
def event_of(record: Record) -> Event:
    """As the pipeline parses it."""
    return Event.parse(record.text)


def _raised(record: Record, catalogue: Catalogue, lookups: MemoryLookups) -> Iterator[Hit]:
    """What a catalogue raises over one record. Raises what a detection raises."""
    event = event_of(record)
    for outcome in catalogue.outcomes(event, lookups):
        if outcome.error is not None:
            raise outcome.error
        if isinstance(outcome.verdict, Concern):
            yield Hit(record=record, event=event, detection=outcome.detection.id, concern=outcome.verdict)


def hits_of(detections: Sequence[Detection], among: Sequence[Record]) -> tuple[Hit, ...]:
    """What these detections raise, nothing being known beside the records but what the bulk files create."""
    catalogue, nothing, created = Catalogue(detections), MemoryLookups(), _what_bulk_created()
    return tuple(
        hit for record in among for hit in _raised(record, catalogue, created if record.part in BULK else nothing)
    )


@functools.cache
def hits() -> tuple[Hit, ...]:
    """What the whole catalogue raises over all records."""
    return hits_of(CATALOGUE, records())


@functools.cache
def created_trails() -> Mapping[str, tuple[str, ...]]:
    """The buckets that the trails which a bulk file creates deliver to, by "account region"."""
    found: dict[str, tuple[str, ...]] = {}
    among = (record for name in BULK if CORPUS.is_dir() for record in _bulk(name))
    for record in (record for record in among if record.made("cloudtrail", "CreateTrail")):
        place = f"{record.detail['recipientAccountId']} {record.detail['awsRegion']}"
        found[place] = (*found.get(place, ()), str(record.request["s3BucketName"]))
    return found


@functools.cache
def _what_bulk_created() -> MemoryLookups:
    """Answers about what the bulk files themselves create: policies, and trails with their buckets."""
    policies = {
        f"managed_policy {record.detail['responseElements']['policy']['arn']}": json.loads(
            record.request["policyDocument"]
        )
        for name in BULK
        for record in _bulk(name)
        if record.made("iam", "CreatePolicy")
    }
    trails = {
        f"trails {place}": {"trails": [{"S3BucketName": bucket} for bucket in buckets]}
        for place, buckets in created_trails().items()
    }
    return MemoryLookups(answers={**policies, **trails})


def _labelled() -> Iterator[Record]:
    for case in labelled_cases():
        detail = {"eventName": "unnamed", **case["event"]}
        is_rule = case["kind"] == "rule_test"
        yield Record(
            label=case["id"],
            part=LABELLED,
            text=json.dumps(detail),
            envelope={},
            detail=detail,
            rule=case["rule"] if is_rule else "",
            expected=is_rule and case["expected"],
        )


def _envelopes() -> Iterator[Record]:
    for entry in envelope_entries():
        event = entry["event"]
        yield Record(
            label=entry["key"],
            part=ENVELOPES,
            text=json.dumps(event),
            envelope=event,
            detail=_object(event.get("detail")),
        )


@functools.cache
def _bulk(name: str) -> tuple[Record, ...]:
    with gzip.open(CORPUS / f"{name}.jsonl.gz", "rt") as lines:
        parsed = [(line, json.loads(line)) for line in lines]
    return tuple(
        Record(
            label=" ".join(filter(None, (name, str(detail.get("eventName")), detail.get("errorCode")))),
            part=name,
            text=line,
            envelope={},
            detail=detail,
        )
        for line, detail in parsed
    )


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
