"""A bucket with log files and their signed chain of digests, as CloudTrail writes them, with a key of our own."""

import gzip
import hashlib
import json
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from audit.digest import HOUR, MissingObjectError, Opened, UnreadableError

ACCOUNT = "123456789012"
REGION = "us-east-1"
BUCKET = "example-trail"
TRAIL = "example_trail"
BEGIN = datetime(2026, 10, 1, tzinfo=UTC)
END = datetime(2026, 10, 3, tzinfo=UTC)
NOW = datetime(2026, 11, 1, tzinfo=UTC)


@cache
def private_key(name="one"):
    """Made once for a run; the name only tells them apart."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_der(name="one"):
    return private_key(name).public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)


def fingerprint(name="one"):
    return hashlib.md5(public_der(name)).hexdigest()


def written(moment):
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


@dataclass
class Bucket:
    """Objects by key, with their metadata; a Store, and what tests do damage to."""

    objects: dict[str, bytes] = field(default_factory=dict)
    metadata: dict[str, dict[str, str]] = field(default_factory=dict)
    denied: tuple[str, ...] = ()  # prefixes
    flaky: dict[str, int] = field(default_factory=dict)  # how often a key breaks off before it is read
    trusted: tuple[str, ...] = ("one",)
    keys_denied: bool = False
    asked: list[tuple[str, datetime, datetime]] = field(default_factory=list)
    chunk: int = 1000  # bytes; small, so that every file comes in several
    root: str = ""
    name: str = BUCKET
    loses_metadata: bool = False
    place: str = f"s3://{BUCKET}/"
    keys_from: str = "a test"

    def folders(self, prefix):
        self._allow(prefix)
        return sorted({key[len(prefix) :].split("/")[0] for key in self.objects if self._has_folder(key, prefix)})

    @staticmethod
    def _has_folder(key, prefix):
        return key.startswith(prefix) and "/" in key[len(prefix) :]

    def keys(self, prefix, first, last):
        self._allow(prefix)
        yield from sorted(key for key in self.objects if key.startswith(prefix) and first <= key <= last)

    def open(self, key):
        self._allow(key)
        if key not in self.objects:
            raise MissingObjectError(key)
        return Opened(chunks=self._chunks(key), metadata=self.metadata.get(key, {}))

    def _chunks(self, key):
        content = self.objects[key]
        for start in range(0, len(content), self.chunk):
            if self.flaky.get(key, 0):
                self.flaky[key] -= 1
                raise UnreadableError("it broke off", again=True)
            yield content[start : start + self.chunk]

    def _allow(self, key):
        if key.startswith(self.denied or ("\0",)):
            raise UnreadableError("GetObject: AccessDenied")

    def locate(self, bucket, key):
        return key if bucket == self.name else None

    def public_keys(self, region, since, until):
        if self.keys_denied:
            raise UnreadableError("ListPublicKeys: AccessDenied")
        self.asked.append((region, since, until))
        return {fingerprint(name): public_der(name) for name in self.trusted}

    # -- what tests look for

    def digests(self, region=REGION):
        return [key for key in sorted(self.objects) if f"/CloudTrail-Digest/{region}/" in key]

    def logs(self, region=REGION):
        return [key for key in sorted(self.objects) if f"/CloudTrail/{region}/" in key]

    def remove(self, key):
        del self.objects[key]
        self.metadata.pop(key, None)

    def body(self, key):
        return json.loads(gzip.decompress(self.objects[key]))


@dataclass
class Writer:
    """Writes as CloudTrail does: log files, and each hour a digest of them that names the one before."""

    bucket: Bucket
    account: str = ACCOUNT
    region: str = REGION
    home_region: str = "us-east-1"
    trail: str = TRAIL
    organization: str = ""
    prefix: str = ""
    key: str = "one"
    seed: int = 1
    previous: dict[str, str | None] = field(default_factory=dict)

    def __post_init__(self):
        organization = f"{self.organization}/" if self.organization else ""
        self.folder = f"{self.prefix}AWSLogs/{organization}{self.account}"
        self._random = random.Random(self.seed)
        self.restart()

    def restart(self):
        """The next digest is a starting one."""
        names = ("S3Bucket", "S3Object", "HashValue", "HashAlgorithm", "Signature")
        self.previous = {f"previousDigest{name}": None for name in names}

    def log(self, moment, records=3):
        """A log file delivered at a moment; returns how a digest names it."""
        body = {"Records": [{"eventID": f"{self._random.getrandbits(128):032x}"} for _ in range(records)]}
        content = json.dumps(body).encode()
        code = f"{self._random.getrandbits(80):020x}"[:16]
        key = (
            f"{self.folder}/CloudTrail/{self.region}/{moment:%Y/%m/%d}/"
            f"{self.account}_CloudTrail_{self.region}_{moment:%Y%m%dT%H%MZ}_{code}.json.gz"
        )
        self.bucket.objects[key] = gzip.compress(content, mtime=0)
        return {
            "s3Bucket": self.bucket.name,
            "s3Object": key,
            "hashValue": hashlib.sha256(content).hexdigest(),
            "hashAlgorithm": "SHA-256",
            "newestEventTime": written(moment),
            "oldestEventTime": written(moment),
        }

    def digest(self, end, logs: Iterable[Mapping[str, str]] = (), *, start=None, backfill=False, **changed):
        """A signed digest of the hour before `end`; returns its key."""
        suffix = "_backfill" if backfill else ""
        key = (
            f"{self.folder}/CloudTrail-Digest/{self.region}/{end:%Y/%m/%d}/{self.account}_CloudTrail-Digest_"
            f"{self.region}_{self.trail}_{self.home_region}_{end:%Y%m%dT%H%M%SZ}{suffix}.json.gz"
        )
        body = {
            "awsAccountId": self.account,
            "digestStartTime": written(start or end - HOUR),
            "digestEndTime": written(end),
            "digestS3Bucket": self.bucket.name,
            "digestS3Object": key,
            "digestPublicKeyFingerprint": fingerprint(self.key),
            "digestSignatureAlgorithm": "SHA256withRSA",
            "newestEventTime": None,
            "oldestEventTime": None,
            **self.previous,
            "logFiles": list(logs),
            **changed,
        }
        content = json.dumps(body).encode()
        signature = sign(body, content, self.key)
        self.bucket.objects[key] = gzip.compress(content, mtime=0)
        self.bucket.metadata[key] = {"signature": signature, "signature-algorithm": "SHA256withRSA"}
        if backfill:
            self.bucket.metadata[key]["backfill-generation-timestamp"] = written(end + timedelta(days=2))
        else:
            self.previous = {
                "previousDigestS3Bucket": self.bucket.name,
                "previousDigestS3Object": key,
                "previousDigestHashValue": hashlib.sha256(content).hexdigest(),
                "previousDigestHashAlgorithm": "SHA-256",
                "previousDigestSignature": signature,
            }
        return key

    def hours(self, begin, end, logs=2):
        """A digest each hour, at 7 minutes 31 seconds past it, over log files delivered within it."""
        moment = begin.replace(minute=7, second=31)
        while moment <= end + 3 * HOUR:
            times = (moment - HOUR + timedelta(minutes=11 + 46 * number // logs) for number in range(logs))
            self.digest(moment, [self.log(time) for time in times])
            moment += HOUR
        return self


def sign(body, content, key="one"):
    """As "Custom implementations of CloudTrail log file integrity validation" says."""
    place = f"{body['digestS3Bucket']}/{body['digestS3Object']}"
    before = body["previousDigestSignature"]
    text = f"{body['digestEndTime']}\n{place}\n{hashlib.sha256(content).hexdigest()}\n{before or 'null'}"
    return private_key(key).sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()).hex()


def written_bucket(begin=BEGIN, end=END, logs=2, **options):
    """A whole bucket: an account and a region, from a day before the period to a few hours after it."""
    bucket = Bucket(root=options.get("prefix", ""))
    Writer(bucket, **options).hours(begin - timedelta(days=1), end, logs)
    return bucket
