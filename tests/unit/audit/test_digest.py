"""The chain of digests: whole where CloudTrail wrote it, and every change of it named."""

import gzip
import json
import tracemalloc
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.digest import HOUR, LATE, DamagedError, DigestName, Progress, inflated, verify
from audit.digest_statement import Kind, Verdict
from tests.unit.audit.signed_chain import (
    ACCOUNT,
    BEGIN,
    BUCKET,
    END,
    NOW,
    REGION,
    TRAIL,
    Bucket,
    Writer,
    fingerprint,
    written,
    written_bucket,
)

MIDDLE = BEGIN + timedelta(days=1, minutes=7, seconds=31)  # the end of a digest in the middle of the period
OTHER = "210987654321"


def check(bucket, begin=BEGIN, end=END, *, accounts=(), regions=(), now=NOW, **options):
    return verify(bucket, accounts, regions, begin, end, by="alice", version="1", now=now, **options)


def named(statement):
    return {(finding.kind, finding.object) for finding in statement.findings}


def middle(bucket, region=REGION):
    """The key of the digest in the middle."""
    (key,) = [key for key in bucket.digests(region) if f"{MIDDLE:%Y%m%dT%H%M%SZ}" in key]
    return key


def logs_of(bucket, key):
    return [item["s3Object"] for item in bucket.body(key)["logFiles"]]


def following(bucket, key):
    digests = bucket.digests()
    return digests[digests.index(key) + 1]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"prefix": "logs/cloud/"},
        {"organization": "o-a1b2c3d4e5"},
        {"organization": "o-a1b2c3d4e5", "prefix": "x/"},
        {"region": "eu-west-1", "home_region": "us-east-1"},
        {"trail": "a_trail-with.dots_and_us-east-1_20200101T000000Z"},
    ],
)
def test_what_cloudtrail_wrote_is_whole_in_every_layout(options):
    statement = check(written_bucket(**options))
    assert (statement.findings, statement.verdict) == ((), Verdict.WHOLE)
    assert (statement.digests, statement.digests_valid, statement.logs, statement.logs_valid) == (49, 49, 98, 98)
    (chain,) = statement.chains
    assert chain.covered == ((BEGIN, END),)
    assert (chain.trail, chain.organization) == (options.get("trail", TRAIL), options.get("organization", ""))
    assert [(key.region, key.fingerprint) for key in statement.keys] == [(options.get("region", REGION), fingerprint())]


def many():
    """Two accounts of an organization, two regions, two trails in one bucket."""
    bucket = Bucket()
    begin = BEGIN - timedelta(days=1)
    seed = 0
    for account in (ACCOUNT, OTHER):
        for region in ("us-east-1", "eu-west-1"):
            seed += 1
            Writer(bucket, account=account, region=region, organization="o-a1b2c3d4e5", seed=seed).hours(begin, END, 1)
    Writer(bucket, organization="o-a1b2c3d4e5", trail="second", seed=99).hours(begin, END, 1)
    return bucket


def test_accounts_regions_and_trails_are_chains_of_their_own():
    statement = check(many())
    assert statement.is_whole
    assert [(chain.account, chain.region, chain.trail) for chain in statement.chains] == [
        (ACCOUNT, "eu-west-1", TRAIL),
        (ACCOUNT, "us-east-1", TRAIL),
        (ACCOUNT, "us-east-1", "second"),
        (OTHER, "eu-west-1", TRAIL),
        (OTHER, "us-east-1", TRAIL),
    ]


def test_only_the_accounts_and_regions_asked_for_are_checked():
    statement = check(many(), accounts=(OTHER,), regions=("eu-west-1",))
    assert [(chain.account, chain.region) for chain in statement.chains] == [(OTHER, "eu-west-1")]
    assert statement.is_whole


def test_an_account_or_region_that_is_not_there_could_not_be_checked():
    statement = check(many(), accounts=(OTHER, "999999999999"), regions=("eu-west-1", "eu-north-1"))
    assert statement.verdict is Verdict.UNCHECKED
    assert named(statement) == {
        (Kind.NO_DIGESTS, "AWSLogs/999999999999/"),
        (Kind.NO_DIGESTS, f"AWSLogs/o-a1b2c3d4e5/{OTHER}/CloudTrail-Digest/eu-north-1/"),
    }


def test_an_empty_bucket_is_not_whole():
    statement = check(Bucket())
    assert (statement.verdict, named(statement)) == (Verdict.UNCHECKED, {(Kind.NO_DIGESTS, "AWSLogs/")})


# -- log files


def test_a_flipped_byte_in_a_log_is_named():
    for place in (0, 12, 30, -6, -1):  # header, content, checksum, length
        bucket = written_bucket()
        log = logs_of(bucket, middle(bucket))[0]
        content = bytearray(bucket.objects[log])
        content[place] ^= 1
        bucket.objects[log] = bytes(content)
        statement = check(bucket)
        assert {key for _, key in named(statement)} == {log}
        assert statement.verdict is Verdict.FAILED


def test_a_log_with_other_content_is_named():
    bucket = written_bucket()
    log = logs_of(bucket, middle(bucket))[1]
    bucket.objects[log] = gzip.compress(b'{"Records":[]}')
    statement = check(bucket)
    assert named(statement) == {(Kind.LOG_CHANGED, log)}
    assert (statement.logs, statement.logs_valid, statement.digests_valid) == (98, 97, 49)


def test_a_log_packed_anew_is_whole_as_the_hash_is_of_its_content():
    bucket = written_bucket()
    log = logs_of(bucket, middle(bucket))[1]
    bucket.objects[log] = gzip.compress(gzip.decompress(bucket.objects[log]), compresslevel=1, mtime=1)
    assert check(bucket).is_whole


@pytest.mark.parametrize(
    "added",
    [b"\0", b"x" * 5000, gzip.compress(b'{"Records":[{}]}', mtime=0)],
    ids=["a zero", "many bytes", "another gzip member"],
)
def test_bytes_after_the_end_of_a_log_are_a_change(added):
    bucket = written_bucket()
    log = logs_of(bucket, middle(bucket))[1]
    bucket.objects[log] += added
    (finding,) = check(bucket).findings
    assert (finding.kind, finding.object) == (Kind.LOG_DAMAGED, log)
    assert "follow the end" in finding.why


def test_a_truncated_log_is_named():
    bucket = written_bucket()
    log = logs_of(bucket, middle(bucket))[1]
    bucket.objects[log] = bucket.objects[log][:-9]
    (finding,) = check(bucket).findings
    assert (finding.kind, finding.object) == (Kind.LOG_DAMAGED, log)
    bucket.objects[log] = b""
    assert named(check(bucket)) == {(Kind.LOG_DAMAGED, log)}


def test_a_deleted_log_is_named():
    bucket = written_bucket()
    log = logs_of(bucket, middle(bucket))[0]
    bucket.remove(log)
    assert named(check(bucket)) == {(Kind.LOG_MISSING, log)}


def test_a_log_that_no_digest_names_is_extra():
    bucket = written_bucket()
    spare = Writer(bucket, seed=77).log(MIDDLE - timedelta(minutes=30))["s3Object"]
    assert named(check(bucket)) == {(Kind.LOG_EXTRA, spare)}


@pytest.mark.parametrize(
    "name",
    [
        f"{ACCOUNT}_CloudTrail_{REGION}_20200101T0000Z_aaaaaaaaaaaaaaaa.json.gz",  # the time of another day
        f"{OTHER}_CloudTrail_{REGION}_20261001T1200Z_aaaaaaaaaaaaaaaa.json.gz",  # another account
        f"{ACCOUNT}_CloudTrail_{REGION}_20261099T1200Z_aaaaaaaaaaaaaaaa.json.gz",  # no time
        "anything.json.gz",
        "deeper/anything.json",
    ],
)
def test_a_name_that_cloudtrail_does_not_give_is_extra(name):
    bucket = written_bucket()
    key = f"AWSLogs/{ACCOUNT}/CloudTrail/{REGION}/2026/10/01/{name}"
    bucket.objects[key] = gzip.compress(b"{}")
    assert named(check(bucket)) == {(Kind.LOG_EXTRA, key)}


def test_folders_that_the_console_makes_are_nothing():
    bucket = written_bucket()
    for kind in ("CloudTrail", "CloudTrail-Digest"):
        bucket.objects[f"AWSLogs/{ACCOUNT}/{kind}/{REGION}/2026/10/01/"] = b""
    assert check(bucket).is_whole


# -- digests


def test_a_deleted_digest_is_named_with_its_time_and_its_logs_are_not_vouched_for():
    bucket = written_bucket()
    gone = middle(bucket)
    logs, after = logs_of(bucket, gone), following(bucket, gone)
    bucket.remove(gone)
    statement = check(bucket)
    assert named(statement) == {(Kind.DIGEST_MISSING, gone), *((Kind.UNVOUCHED, key) for key in logs)}
    (finding,) = statement.failed
    assert (finding.since, finding.until) == (MIDDLE - HOUR, MIDDLE)
    assert after in finding.why
    (chain,) = statement.chains
    assert chain.covered == ((BEGIN, MIDDLE - HOUR), (MIDDLE, END))


def test_a_whole_night_of_deleted_digests_is_one_finding_that_says_so():
    bucket = written_bucket()
    digests = bucket.digests()
    first = digests.index(middle(bucket))
    for key in digests[first : first + 8]:
        for log in logs_of(bucket, key):
            bucket.remove(log)
        bucket.remove(key)
    (finding,) = check(bucket).findings
    assert (finding.kind, finding.object) == (Kind.DIGEST_MISSING, digests[first + 7])
    assert (finding.since, finding.until) == (MIDDLE - HOUR, MIDDLE + 7 * HOUR)
    assert "so is every digest between" in finding.why


def test_the_newest_digests_gone_with_nothing_after_are_a_gap():
    bucket = written_bucket()
    digests = bucket.digests()
    for key in digests[digests.index(middle(bucket)) :]:
        for log in logs_of(bucket, key):
            bucket.remove(log)
        bucket.remove(key)
    (finding,) = check(bucket).findings
    assert (finding.kind, finding.since, finding.until) == (Kind.GAP, MIDDLE - HOUR, END)
    assert finding.object.startswith(f"AWSLogs/{ACCOUNT}/CloudTrail-Digest/{REGION}/")


def test_the_last_digest_of_the_period_is_missed_by_the_one_after():
    bucket = written_bucket()
    key = next(key for key in bucket.digests() if "20261003T000731Z" in key)
    bucket.remove(key)
    assert (Kind.DIGEST_MISSING, key) in named(check(bucket))


def test_the_first_digest_of_the_period_is_missed_by_the_second():
    bucket = written_bucket()
    key = next(key for key in bucket.digests() if "20261001T000731Z" in key)
    bucket.remove(key)
    assert (Kind.DIGEST_MISSING, key) in named(check(bucket))


def test_a_period_without_digests_between_others_is_a_gap():
    bucket = written_bucket()
    for key in bucket.digests():
        end = DigestName.parse(key).end
        if end > BEGIN - 2 * HOUR:
            bucket.remove(key)
    for log in bucket.logs():
        bucket.remove(log)
    key = Writer(bucket).digest(END + timedelta(days=9))
    assert {finding.kind for finding in check(bucket).findings} == {Kind.GAP}
    bucket.remove(key)
    statement = check(bucket)
    assert {finding.kind for finding in statement.findings} == {Kind.NO_DIGESTS}
    assert statement.verdict is Verdict.UNCHECKED


@pytest.mark.parametrize("region", [REGION, "eu-west-1"])
def test_a_forged_signature_is_named(region):
    bucket = written_bucket(region=region)
    key = middle(bucket, region)
    other = bucket.digests(region)[3]
    for signature in (bucket.metadata[other]["signature"], "00" * 256, "zz", ""):
        bucket.metadata[key]["signature"] = signature
        statement = check(bucket)
        assert {(finding.kind, finding.object) for finding in statement.failed} == {(Kind.DIGEST_FORGED, key)}
        assert {finding.kind for finding in statement.unchecked} == {Kind.UNVOUCHED}


def test_a_digest_rewritten_to_hide_a_log_is_named():
    bucket = written_bucket()
    key = middle(bucket)
    body = bucket.body(key)
    hidden = body["logFiles"].pop()["s3Object"]
    bucket.remove(hidden)
    bucket.objects[key] = gzip.compress(json.dumps(body).encode())
    assert (Kind.DIGEST_FORGED, key) in named(check(bucket))


def test_a_digest_signed_with_another_key_is_named():
    bucket = written_bucket()
    key = middle(bucket)
    body = bucket.body(key)
    writer = Writer(bucket, key="two")
    writer.previous = {name: value for name, value in body.items() if name.startswith("previousDigest")}
    assert writer.digest(MIDDLE, body["logFiles"]) == key
    statement = check(bucket)
    assert {(finding.kind, finding.object) for finding in statement.failed} == {(Kind.DIGEST_UNKNOWN_KEY, key)}
    assert fingerprint("two") in statement.failed[0].why


def test_a_forger_that_names_the_true_key_is_found():
    bucket = written_bucket()
    key = middle(bucket)
    body = bucket.body(key)
    writer = Writer(bucket, key="two")
    writer.previous = {name: value for name, value in body.items() if name.startswith("previousDigest")}
    writer.digest(MIDDLE, body["logFiles"], digestPublicKeyFingerprint=fingerprint("one"))
    assert (Kind.DIGEST_FORGED, key) in named(check(bucket))


def test_the_home_regions_key_is_tried_where_the_region_has_it_not():
    bucket = written_bucket(region="eu-west-1", home_region="us-east-1")
    real = bucket.public_keys
    bucket.public_keys = lambda region, since, until: {} if region == "eu-west-1" else real(region, since, until)
    statement = check(bucket)
    assert statement.is_whole
    assert [key.region for key in statement.keys] == ["us-east-1"]


def test_two_swapped_digests_are_both_named():
    bucket = written_bucket()
    one, two = middle(bucket), following(bucket, middle(bucket))
    for store in (bucket.objects, bucket.metadata):
        store[one], store[two] = store[two], store[one]
    statement = check(bucket)
    assert {(finding.kind, finding.object) for finding in statement.failed} == {
        (Kind.DIGEST_MOVED, one),
        (Kind.DIGEST_MOVED, two),
    }
    assert f"it was delivered to s3://{BUCKET}/{two}" in statement.failed[0].why


def test_a_digest_copied_to_another_bucket_says_where_it_belongs():
    bucket = written_bucket()
    bucket.name = "copy"
    statement = check(bucket)
    assert {finding.kind for finding in statement.failed} == {Kind.DIGEST_MOVED}
    assert "--copy-of" in statement.failed[0].kind.remedy


def test_a_truncated_digest_is_named():
    bucket = written_bucket()
    key = middle(bucket)
    bucket.objects[key] = bucket.objects[key][:-20]
    (finding,) = check(bucket).failed
    assert (finding.kind, finding.object) == (Kind.DIGEST_DAMAGED, key)
    assert "ends before" in finding.why


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"garbage", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"[]", "no object"),
        (b"{}", "no list logFiles"),
        (b'{"logFiles": []}', "no text digestEndTime"),
        (b"", "no JSON"),
    ],
)
def test_a_digest_that_is_garbage_is_named(content, why):
    bucket = written_bucket()
    key = middle(bucket)
    bucket.objects[key] = gzip.compress(content)
    (finding,) = check(bucket).failed
    assert (finding.kind, finding.object) == (Kind.DIGEST_DAMAGED, key)
    assert why in finding.why


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("logFiles", [7], "logFiles[0] is no object"),
        ("logFiles", [{}], "no text s3Bucket"),
        ("digestEndTime", "soon", "digestEndTime is no time"),
        ("digestStartTime", "2026-10-01T00:00:00", "no time zone"),
        ("previousDigestSignature", None, "no text previousDigestSignature"),
        ("digestPublicKeyFingerprint", 5, "no text digestPublicKeyFingerprint"),
    ],
)
def test_a_field_that_is_no_field_is_named(field, value, why):
    bucket = written_bucket()
    key = middle(bucket)
    bucket.objects[key] = gzip.compress(json.dumps(bucket.body(key) | {field: value}).encode())
    (finding,) = check(bucket).failed
    assert (finding.kind, finding.object) == (Kind.DIGEST_DAMAGED, key)
    assert why in finding.why


def test_a_digest_without_its_signature_was_written_again_but_the_next_one_proves_it():
    bucket = written_bucket()
    key = middle(bucket)
    bucket.metadata[key] = {}
    statement = check(bucket)
    assert named(statement) == {(Kind.DIGEST_UNSIGNED, key)}
    assert statement.digests_valid == 49
    assert statement.logs_valid == 98


def test_another_algorithm_is_never_called_valid():
    bucket = written_bucket()
    key = middle(bucket)
    bucket.metadata[key]["signature-algorithm"] = "SHA512withRSA"
    assert (Kind.UNKNOWN_ALGORITHM, key) in named(check(bucket))
    bucket = Bucket()
    writer = Writer(bucket).hours(BEGIN, BEGIN + 5 * HOUR, 0)
    entry = writer.log(BEGIN + 8 * HOUR) | {"hashAlgorithm": "SHA-1"}
    writer.digest(BEGIN + timedelta(hours=9, minutes=7, seconds=31), [entry])
    statement = check(bucket, BEGIN + 2 * HOUR, BEGIN + 9 * HOUR)
    assert (Kind.UNKNOWN_ALGORITHM, entry["s3Object"]) in named(statement)
    assert statement.logs_valid == 0


def test_an_object_among_the_digests_that_is_none_is_named():
    bucket = written_bucket()
    folder = f"AWSLogs/{ACCOUNT}/CloudTrail-Digest/{REGION}/2026/10/01/"
    wrong_day = middle(bucket).rpartition("/")[2]
    bucket.objects |= {f"{folder}notes.txt": b"x", f"{folder}{wrong_day}": b"x"}
    assert named(check(bucket)) == {
        (Kind.DIGEST_EXTRA, f"{folder}notes.txt"),
        (Kind.DIGEST_EXTRA, f"{folder}{wrong_day}"),
    }


def test_a_planted_digest_is_named_and_hides_nothing():
    bucket = written_bucket()
    key = middle(bucket).replace("20261002T000731Z", "20261002T003000Z")
    bucket.objects[key] = bucket.objects[middle(bucket)]
    bucket.metadata[key] = bucket.metadata[middle(bucket)]
    statement = check(bucket)
    assert named(statement) == {(Kind.DIGEST_MOVED, key)}


# -- time


def stopped(between):
    """A bucket whose trail was stopped in the middle and started again."""
    bucket = Bucket()
    writer = Writer(bucket).hours(BEGIN - timedelta(days=1), BEGIN + 10 * HOUR, 1)
    writer.restart()
    return bucket, writer.hours(BEGIN + 13 * HOUR + between, END, 1)


def test_a_restart_of_logging_is_named_with_the_time_it_was_off():
    bucket, _ = stopped(timedelta(hours=7))
    (finding,) = check(bucket).findings
    assert finding.kind is Kind.RESTART
    minute = timedelta(minutes=7, seconds=31)
    assert (finding.since, finding.until) == (BEGIN + 12 * HOUR + minute, BEGIN + 19 * HOUR + minute)
    assert "StopLogging" in finding.kind.remedy


def test_a_restart_without_a_pause_is_named_too():
    bucket, _ = stopped(HOUR)
    assert [finding.kind for finding in check(bucket).findings] == [Kind.RESTART]


def test_hours_that_a_linked_chain_does_not_cover_are_a_gap():
    bucket = Bucket()
    writer = Writer(bucket).hours(BEGIN - timedelta(days=1), BEGIN + 10 * HOUR, 1)
    writer.hours(BEGIN + 20 * HOUR, END, 1)  # linked to the last one before
    (finding,) = check(bucket).findings
    assert (finding.kind, finding.until - finding.since) == (Kind.GAP, 7 * HOUR)


def test_a_chain_that_begins_within_the_period_leaves_the_time_before_unchecked():
    bucket = Bucket()
    Writer(bucket).hours(BEGIN + 10 * HOUR, END, 1)
    statement = check(bucket)
    (finding,) = statement.findings
    assert (finding.kind, finding.since) == (Kind.STARTS_LATER, BEGIN)
    assert finding.until == BEGIN + timedelta(hours=9, minutes=7, seconds=31)
    assert statement.verdict is Verdict.UNCHECKED


def test_a_chain_that_begins_after_a_deleted_one_still_counts_as_unchecked_not_whole():
    bucket = Bucket()
    Writer(bucket).hours(END + HOUR, END + 2 * HOUR, 1)
    statement = check(bucket)
    assert statement.verdict is Verdict.UNCHECKED


def test_an_hour_without_logs_is_whole():
    assert check(written_bucket(logs=0)).is_whole


def test_what_is_not_due_is_left_out_and_said():
    bucket = written_bucket()
    now = END - timedelta(minutes=30)
    for key in bucket.digests():
        if DigestName.parse(key).end > now - HOUR:
            bucket.remove(key)
    statement = check(bucket, now=now)
    assert (statement.is_whole, statement.due, statement.until) == (True, now - LATE, END)
    statement = check(bucket, now - HOUR, now, now=now)
    assert [finding.kind for finding in statement.findings] == [Kind.NOT_DUE]
    assert statement.verdict is Verdict.UNCHECKED


@pytest.mark.parametrize("minutes", range(0, 60, 7))
def test_periods_that_begin_anywhere_are_whole(minutes):
    bucket = written_bucket()
    begin, end = BEGIN + timedelta(minutes=minutes), BEGIN + timedelta(hours=5, minutes=3 * minutes)
    statement = check(bucket, begin, end)
    assert statement.findings == ()
    assert statement.chains[0].covered == ((begin, end),)


# -- backfill


def test_a_backfill_digest_vouches_for_late_logs_with_the_key_of_its_own_time():
    bucket = written_bucket()
    writer = Writer(bucket, seed=5)
    late = writer.log(MIDDLE - timedelta(minutes=30))
    assert (Kind.LOG_EXTRA, late["s3Object"]) in named(check(bucket))
    writer.digest(MIDDLE + timedelta(seconds=4), [late], backfill=True)
    bucket.asked.clear()
    statement = check(bucket)
    assert statement.findings == ()
    assert [(chain.is_backfill, chain.digests, chain.logs_valid) for chain in statement.chains] == [
        (False, 49, 98),
        (True, 1, 1),
    ]
    made = MIDDLE + timedelta(days=2, seconds=4)
    assert (REGION, made - HOUR, made + HOUR) in bucket.asked


def test_a_changed_log_of_a_backfill_digest_is_named():
    bucket = written_bucket()
    writer = Writer(bucket, seed=5)
    late = writer.log(MIDDLE - timedelta(minutes=30))
    writer.digest(MIDDLE + timedelta(seconds=4), [late], backfill=True)
    bucket.objects[late["s3Object"]] = gzip.compress(b"{}")
    assert named(check(bucket)) == {(Kind.LOG_CHANGED, late["s3Object"])}


# -- what cannot be checked is never called valid


def test_a_digest_or_log_that_may_not_be_read_could_not_be_checked():
    bucket = written_bucket()
    key = middle(bucket)
    log = logs_of(bucket, following(bucket, key))[0]
    logs = logs_of(bucket, key)
    bucket.denied = (key, log)
    statement = check(bucket)
    assert named(statement) == {
        (Kind.UNREADABLE, key),
        (Kind.UNREADABLE, log),
        *((Kind.UNVOUCHED, item) for item in logs),
    }
    assert statement.verdict is Verdict.UNCHECKED
    assert (statement.digests_valid, statement.logs, statement.logs_valid) == (48, 96, 95)


@pytest.mark.parametrize(
    "part", ["AWSLogs/", "CloudTrail-Digest/", "CloudTrail-Digest/us-east-1/", "CloudTrail/us-east"]
)
def test_a_folder_that_may_not_be_listed_could_not_be_checked(part):
    bucket = written_bucket()
    bucket.denied = (part if part.startswith("AWSLogs") else f"AWSLogs/{ACCOUNT}/{part}",)
    statement = check(bucket)
    assert statement.verdict is Verdict.UNCHECKED
    assert Kind.UNREADABLE in {finding.kind for finding in statement.findings}
    assert "AccessDenied" in statement.findings[0].why


def test_without_public_keys_nothing_is_valid():
    bucket = written_bucket()
    bucket.keys_denied = True
    statement = check(bucket)
    assert statement.verdict is Verdict.UNCHECKED
    assert {finding.kind for finding in statement.findings} == {Kind.KEYS_UNAVAILABLE, Kind.UNVOUCHED}
    assert (statement.digests_valid, statement.logs_valid) == (0, 0)


def test_a_key_that_is_none_is_not_trusted():
    bucket = written_bucket()
    bucket.public_keys = lambda *_: {fingerprint(): b"0\x03no"}
    statement = check(bucket)
    assert Kind.KEYS_UNAVAILABLE in {finding.kind for finding in statement.findings}
    assert statement.digests_valid == 0


def test_what_breaks_off_is_read_again():
    bucket = written_bucket()
    key = middle(bucket)
    bucket.flaky = {key: 2, logs_of(bucket, key)[0]: 2}
    assert check(bucket).is_whole
    bucket.flaky = {key: 3}
    assert (Kind.UNREADABLE, key) in named(check(bucket))


def test_without_kept_metadata_only_the_newest_digest_lacks_its_signature():
    bucket = written_bucket()
    bucket.metadata.clear()
    bucket.loses_metadata = True
    assert check(bucket).is_whole  # one after the period is there, and repeats the last one's
    digests = bucket.digests()
    for key in digests[digests.index(middle(bucket)) + 1 :]:
        for log in logs_of(bucket, key):
            bucket.remove(log)
        bucket.remove(key)
    statement = check(bucket, end=MIDDLE)
    assert (Kind.SIGNATURE_NOT_KEPT, middle(bucket)) in named(statement)
    assert {finding.kind for finding in statement.findings} == {Kind.SIGNATURE_NOT_KEPT, Kind.UNVOUCHED}
    assert statement.verdict is Verdict.UNCHECKED


def test_what_there_was_no_time_for_is_not_called_whole():
    bucket = many()
    asked = iter(range(10_000))
    statement = check(bucket, enough=lambda: next(asked) > 60)
    assert statement.verdict is Verdict.UNCHECKED
    assert {finding.kind for finding in statement.findings} == {Kind.NOT_REACHED}
    assert 0 < statement.digests < 5 * 49


def test_a_chain_that_moved_to_another_bucket_is_named():
    bucket = Bucket()
    writer = Writer(bucket).hours(BEGIN - timedelta(days=1), BEGIN + 10 * HOUR, 1)
    writer.previous["previousDigestS3Bucket"] = "the-bucket-before"
    writer.previous["previousDigestS3Object"] += "x"
    writer.hours(BEGIN + 14 * HOUR, END, 1)
    kinds = {finding.kind: finding.object for finding in check(bucket).findings}
    assert kinds[Kind.ELSEWHERE].startswith("the-bucket-before/AWSLogs/")


# -- any single change


def is_inside(key):
    return BEGIN < DigestName.parse(key).end < BEGIN + 6 * HOUR


def mutate(bucket, draw):
    """One change somebody could make; returns what it did."""
    inside = [key for digest in bucket.digests() if is_inside(digest) for key in (digest, *logs_of(bucket, digest))]
    key = draw(st.sampled_from(inside))
    is_digest = "/CloudTrail-Digest/" in key
    what = draw(st.sampled_from(["delete", "flip", "cut", "append", "content", "swap", "signature", "rename"]))
    content = bucket.objects[key]
    match what:
        case "delete":
            bucket.remove(key)
        case "flip":
            place = draw(st.integers(0, len(content) - 1))
            changed = bytearray(content)
            changed[place] ^= 1 << draw(st.integers(0, 7))
            if unpacks_alike(bytes(changed), content):
                return None  # a bit of the gzip header that no reader looks at
            bucket.objects[key] = bytes(changed)
        case "cut":
            bucket.objects[key] = content[: draw(st.integers(0, len(content) - 1))]
        case "append":
            bucket.objects[key] = content + draw(st.binary(min_size=1, max_size=40))
        case "content":
            bucket.objects[key] = gzip.compress(draw(st.binary(max_size=40)))
        case "swap":
            others = [k for k in bucket.objects if ("/CloudTrail-Digest/" in k) == is_digest and k != key]
            other = draw(st.sampled_from(sorted(others)))
            for store in (bucket.objects, bucket.metadata):
                if key in store:
                    store[key], store[other] = store[other], store[key]
        case "signature":
            if not is_digest:
                return None
            wrong = draw(st.text("0123456789abcdef", max_size=512))
            bucket.metadata[key] = bucket.metadata[key] | {"signature": wrong}
        case "rename":
            bucket.objects[f"{key}.bak"] = bucket.objects.pop(key)
    return what, key


def unpacks_alike(one, two):
    try:
        return gzip.decompress(one) == gzip.decompress(two)
    except (OSError, EOFError, ValueError):
        return False
    except Exception:  # zlib.error is no OSError
        return False


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_single_change_is_found_and_named(data):
    end = BEGIN + 5 * HOUR
    bucket = written_bucket(end=end)
    done = mutate(bucket, data.draw)
    if done is None:
        return
    _, key = done
    statement = check(bucket, end=end, workers=2)
    assert not statement.is_whole, done
    assert any(key in finding.object for finding in statement.findings), (done, statement.findings)


# -- names, memory, progress


def test_names_that_are_not_those_of_digests_are_told():
    folder = f"AWSLogs/{ACCOUNT}/CloudTrail-Digest/{REGION}/2026/10/01/"
    good = f"{folder}{ACCOUNT}_CloudTrail-Digest_{REGION}_t_us-west-2_20261001T010000Z.json.gz"
    name = DigestName.parse(f"p/{good}")
    assert (name.trail, name.home_region, name.is_backfill) == ("t", "us-west-2", False)
    for bad in (
        good.replace("T010000Z", "T990000Z"),
        good.replace(".gz", ".gz.bak"),
        good.replace(f"{ACCOUNT}_", f"{OTHER}_"),
        f"x{good}",
        good.replace("T010000Z", "T010000Z_late"),
        "",
    ):
        assert DigestName.parse(bad) is None, bad


def test_a_bomb_is_unpacked_in_pieces_and_stopped():
    packed = gzip.compress(bytes(300 << 20), 9)
    tracemalloc.start()
    try:
        with pytest.raises(DamagedError, match="more than 200 MiB"):
            for _ in inflated([packed], 200 << 20):
                pass
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [0, 1, (1 << 18) - 1, 1 << 18, (1 << 18) + 1, 3 << 18])
@pytest.mark.parametrize("chunk", [1, 999, 1 << 20])
def test_every_byte_comes_out_whatever_the_pieces(size, chunk):
    content = b"a" * size
    packed = gzip.compress(content, mtime=0)
    chunks = [packed[start : start + chunk] for start in range(0, len(packed), chunk)]
    assert b"".join(inflated(chunks, 1 << 30)) == content


def test_memory_does_not_grow_with_the_number_of_log_files():
    peaks = []
    for logs in (2, 12):
        bucket = written_bucket(logs=logs, end=BEGIN + timedelta(days=6))
        tracemalloc.start()
        check(bucket, end=BEGIN + timedelta(days=6), workers=2)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 2.5 * peaks[0] + 2_000_000


def test_progress_goes_to_one_and_counts():
    told: list[Progress] = []
    check(many(), progress=told.append)
    assert [item.done for item in told] == sorted(item.done for item in told)
    assert (told[-1].done, told[-1].digests, told[-1].logs) == (1.0, 5 * 49, 5 * 49)


def test_times_are_written_as_cloudtrail_does():
    assert written(BEGIN) == "2026-10-01T00:00:00Z"
