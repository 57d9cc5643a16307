"""Back-testing gives what the ordinary pipeline gives, whatever the files look like and however the work is spread."""

import gzip
import json
import random
from datetime import UTC, datetime, timedelta

import pytest

from cli.backtest import BackTest, Crew, Job, Listing
from cli.records import Broken, Record, records_of, sources
from cli.replay import Replay
from cli.trail_files import Span, files_of
from handlers.alerting.event import Event
from handlers.detections import CATALOGUE
from tests.bench.trail_corpus import KINDS, Maker, corpus
from tests.building import detection, envelope, record, root_record
from tests.unit.corpus_records import CORPUS


def back_test(*names, workers=1, detections=CATALOGUE, **options):
    """The alerts told, the quiet ones, and the run itself with what it named."""
    job = Job(detections=tuple(detections), **options)
    with (
        BackTest(job) as test,
        Listing(files_of([str(name) for name in names], span=job.span)) as listing,
        Crew(job, workers=workers) as crew,
    ):
        named = list(listing.broken)
        for done in crew.results(listing):
            test.take(done)
            named += done.named
        told, quiet = test.finish(), test.quiet()
    return told, quiet, test, [str(broken) for broken in named]


def ordinary(*names, detections=CATALOGUE):
    """The same by the ordinary pipeline: every record through every pattern, in the order in which they happened."""
    bodies = []
    for source in sources([str(name) for name in names]):
        assert not isinstance(source, Broken)
        for item in records_of(source, stdin=None):
            assert isinstance(item, Record)
            bodies.append((Event.parse(item.body).time or datetime.min.replace(tzinfo=UTC), len(bodies), item))
    replay = Replay(detections)
    for _, _, item in sorted(bodies, key=lambda body: body[:2]):
        assert replay.feed(item) is None
    return replay.finish(), replay.quiet(), len(bodies)


def shape(raised):
    """What matters of alerts: who is in which, in which order, with which words."""
    return [
        (item.alert.id, item.alert.count, item.alert.severity, item.alert.headline.id, _ids(item)) for item in raised
    ]


def _ids(raised):
    return [finding.id for finding in (*raised.findings, *raised.silent)]


def write(path, *bodies):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(json.dumps({"Records": list(bodies)}, separators=(",", ":")).encode()))
    return path


@pytest.fixture(scope="module")
def trail(tmp_path_factory):
    return corpus(6_000, below=tmp_path_factory.mktemp("corpus"))


@pytest.mark.parametrize("workers", [1, 2])
def test_everyday_logs_give_the_same_alerts_as_the_ordinary_pipeline(trail, workers):
    told, quiet, test, named = back_test(trail.folder, workers=workers)
    expected, expected_quiet, events = ordinary(trail.folder)
    assert (shape(told), shape(quiet)) == (shape(expected), shape(expected_quiet))
    assert (test.events, test.files, test.problems, named) == (events, len(trail.files), 0, [])
    assert len(told) > 5


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_record_the_corpus_was_given_is_what_it_is_said_to_be(tmp_path, kind):
    maker = Maker(chance=random.Random(kind), region="us-east-1")
    told, quiet, _, _ = back_test(write(tmp_path / "a.json.gz", *(KINDS[kind].make(maker) for _ in range(3))))
    fired = [finding.detection_id for raised in (*told, *quiet) for finding in (*raised.findings, *raised.silent)]
    if KINDS[kind].detection:
        assert fired.count(KINDS[kind].detection) == 3
    assert KINDS[kind].never not in fired
    assert bool(KINDS[kind].detection) is not bool(KINDS[kind].never)


def test_the_corpus_is_the_same_every_time(tmp_path):
    first, second = (corpus(1_000, below=tmp_path / name) for name in "ab")
    assert [path.read_bytes() for path in first.files] == [path.read_bytes() for path in second.files]
    assert (first.truth, sum(item["count"] for item in first.truth.values()) > 3) == (second.truth, True)


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not beside this checkout")
@pytest.mark.parametrize("name", ["invictus", "grycap"])
@pytest.mark.parametrize("shuffled", [False, True])
def test_captured_attacks_give_the_same_alerts(tmp_path, name, shuffled):
    with gzip.open(CORPUS / f"{name}.jsonl.gz") as stream:
        bodies = [json.loads(line) for line in stream]
    if shuffled:
        random.Random(7).shuffle(bodies)
    for start in range(0, len(bodies), 53):
        write(tmp_path / f"{start:06}.json.gz", *bodies[start : start + 53])
    expected, expected_quiet, events = ordinary(tmp_path)
    told, quiet, test, named = back_test(tmp_path, workers=2 if shuffled else 1)
    assert test.events == events
    assert named == []
    # Events of one second stand in the order of their files, which shuffling changes for both in the same way.
    assert (shape(told), shape(quiet)) == (shape(expected), shape(expected_quiet))


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not beside this checkout")
def test_lines_and_objects_give_the_same(tmp_path):
    with gzip.open(CORPUS / "invictus.jsonl.gz") as stream:
        bodies = [json.loads(line) for line in stream]
    lines = back_test(CORPUS / "invictus.jsonl.gz")
    objects = back_test(write(tmp_path / "a.json.gz", *bodies))
    assert shape(lines[0]) == shape(objects[0])
    assert lines[2].events == objects[2].events == 2_900


def test_a_second_trail_doubles_nothing(tmp_path):
    bodies = [root_record(eventName="PutBucketTagging") for _ in range(5)]
    write(tmp_path / "first.json.gz", *bodies)
    write(tmp_path / "second.json.gz", *reversed(bodies))
    told, _, test, _ = back_test(tmp_path, workers=2)
    assert sum(item.alert.count for item in told) == 5
    assert (test.events, test.duplicates) == (10, 5)


def test_a_threshold_counts_across_files_and_in_order_of_time(tmp_path):
    begins = datetime(2026, 11, 2, 3, tzinfo=UTC)
    moments = [begins + timedelta(minutes=10 * number) for number in range(6)]
    for number, moment in enumerate(reversed(moments)):
        write(tmp_path / f"{number}.json.gz", record(eventTime=f"{moment:%Y-%m-%dT%H:%M:%SZ}"))
    counting = [detection(threshold=6, window=timedelta(hours=1))]
    told, quiet, _, _ = back_test(tmp_path, detections=counting)
    assert ([item.alert.count for item in told], quiet) == ([6], ())
    told, quiet, _, _ = back_test(tmp_path, detections=[detection(threshold=7, window=timedelta(hours=1))])
    assert (told, [item.alert.count for item in quiet]) == ((), [6])
    assert shape(ordinary(tmp_path, detections=counting)[0]) == shape(back_test(tmp_path, detections=counting)[0])


def test_an_event_without_a_time_is_taken_to_follow_the_one_before_it(tmp_path):
    late, early = root_record(eventTime="2026-11-02T05:00:00Z"), root_record(eventTime="2026-11-02T04:00:00Z")
    untimed = root_record(eventName="CreateUser")
    del untimed["eventTime"]
    for name, bodies in {"a.json.gz": (early, untimed, late), "b.jsonl": (early, untimed, late)}.items():
        path = tmp_path / name
        if name.endswith("gz"):
            write(path, *bodies)
        else:
            path.write_text("\n".join(json.dumps(body) for body in bodies))
        told, _, _, _ = back_test(path)
        assert {f.event_id: f.received.hour for item in told for f in item.findings}[untimed["eventID"]] == 4
        write(path, untimed, late) if name.endswith("gz") else path.write_text(
            f"{json.dumps(untimed)}\n{json.dumps(late)}"
        )
        told, _, _, _ = back_test(path)
        assert {f.event_id: f.received.hour for item in told for f in item.findings}[untimed["eventID"]] == 5


def test_a_file_without_any_time_is_of_the_time_in_its_name(tmp_path):
    untimed = root_record(eventName="CreateUser")
    del untimed["eventTime"]
    name = "123456789012_CloudTrail_us-east-1_20260503T0715Z_AAAAAAAAAAAAAAAA.json.gz"
    told, _, _, _ = back_test(write(tmp_path / name, untimed))
    assert told[0].alert.headline.received == datetime(2026, 5, 3, 7, 15, tzinfo=UTC)
    told, _, _, _ = back_test(write(tmp_path / "x.json.gz", untimed))
    assert told[0].alert.headline.received.year == 1970


def test_only_the_span_asked_for_is_looked_at(tmp_path):
    span = Span(begin=datetime(2026, 11, 2, tzinfo=UTC), end=datetime(2026, 11, 3, tzinfo=UTC))
    root = tmp_path / "AWSLogs/123456789012/CloudTrail/us-east-1/2026"
    for day in ("10/30", "11/01", "11/02", "11/03", "11/04"):
        moments = [f"2026-{day.replace('/', '-')}T12:00:00Z", "2026-11-02T23:59:59Z"]
        write(root / day / "a.json.gz", *(root_record(eventTime=moment) for moment in moments))
    told, _, test, _ = back_test(tmp_path, span=span)
    # What is delivered late may lie in the next day's folder; earlier ones cannot hold it.
    assert test.files == 2
    assert sum(item.alert.count for item in told) == 3


def test_digests_in_a_folder_are_passed_by(tmp_path):
    (tmp_path / "CloudTrail-Digest").mkdir()
    (tmp_path / "CloudTrail-Digest" / "a.json.gz").write_bytes(gzip.compress(b'{"digestS3Object": "x"}'))
    write(tmp_path / "CloudTrail" / "a.json.gz", root_record())
    told, _, test, named = back_test(tmp_path)
    assert (len(told), test.files, named) == (1, 1, [])


def test_a_broken_file_is_named_skipped_and_counted_and_what_can_be_read_of_it_is(tmp_path):
    good = write(tmp_path / "a.json.gz", root_record())
    cut = tmp_path / "b.json.gz"
    many = [record(userAgent=str(n)) for n in range(400)]
    cut.write_bytes(write(tmp_path / "c.json.gz", root_record(), *many).read_bytes()[:-2_000])
    (tmp_path / "c.json.gz").write_bytes(b"\x1f\x8bnothing")
    (tmp_path / "d.json").write_text("no JSON")
    (tmp_path / "e.json").write_text("")
    (tmp_path / "f.json.gz").write_bytes(gzip.compress(b'{"digestS3Object": "x", "digestStartTime": "y"}'))
    for workers in (1, 2):
        told, _, test, named = back_test(tmp_path, workers=workers)
        assert (sum(item.alert.count for item in told), test.files, test.problems) == (2, 6, 5)
        assert sorted(line.partition(": ")[0].removeprefix(f"{tmp_path}/")[0] for line in named) == list("bcdef")
        assert any("the gzip data are cut off" in line for line in named)
    assert len(back_test(good)[0]) == 1


def test_of_a_file_of_something_else_the_first_problems_are_named(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1}\n' * 300)
    _, _, test, named = back_test(path)
    assert (test.problems, len(named)) == (300, 11)
    assert named[-1].endswith("a.jsonl: 290 more problems like these")


def test_a_detection_that_crashes_is_named_and_does_not_silence_the_others(tmp_path):
    def crash(_event, _lookups):
        raise KeyError("policyArn")

    path = write(tmp_path / "a.json.gz", record(), record())
    told, _, test, named = back_test(path, detections=[detection("crashes", assess=crash), detection("works")])
    assert (sum(item.alert.count for item in told), test.failed, test.problems) == (2, 2, 2)
    assert named[0] == f"{path}, record 1: the detection crashes failed: KeyError ('policyArn')"


def test_eventbridge_events_are_played_as_well(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text("\n".join(json.dumps(envelope(root_record())) for _ in range(3)))
    assert sum(item.alert.count for item in back_test(path)[0]) == 3


def test_a_worker_that_is_ended_from_outside_is_said(tmp_path):
    from cli.errors import CommandError

    path = write(tmp_path / "a.json.gz", record())
    with pytest.raises(CommandError, match="too little memory"):
        back_test(path, path, workers=2, detections=[detection(assess=_end)])


def _end(_event, _lookups):
    import os

    os._exit(9)
