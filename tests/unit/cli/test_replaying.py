"""`rootwatch replay` as people type it: options, results as text, table, JSON and HTML, buckets, and every error."""

import gzip
import json
from html.parser import HTMLParser

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from cli.trail_files import Fetcher, File, s3_reason
from tests.building import record, root_record
from tests.unit.adapters.inspection import check_visible

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\x1b[2J\u202e={{7*7}}"


def packed(*bodies):
    return gzip.compress(json.dumps({"Records": list(bodies)}).encode())


class Page(HTMLParser):
    """What a browser would make of a page: its tags with their attributes, and its text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.words = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(self.words)


def test_a_table_has_one_line_an_alert_and_says_what_was_quiet(rootwatch, write, sign_in):
    write("a.json.gz", packed(sign_in()["detail"], record(eventName="CreateUser")))
    write("b.json.gz", packed(sign_in(recipientAccountId="210987654321")["detail"]))
    result = rootwatch("replay", "--format", "table", "a.json.gz", "b.json.gz")
    head, first, second, empty, summary = result.stdout.splitlines()
    assert head.split() == ["TIME", "(UTC)", "SEVERITY", "ACCOUNT", "TIMES", "DETECTION", "WHAT"]
    assert {line.split()[3] for line in (first, second)} == {"123456789012", "210987654321"}
    assert (empty, summary) == ("", "2 alerts from 3 events in 2 files")


def test_what_was_kept_quiet_is_counted_by_its_reason(rootwatch, write):
    write(
        "r.toml",
        '[deployment]\naccount = "123456789012"\nhome_region = "us-east-1"\n[slack]\nchannel = "C0123456789"\n'
        '[detections]\nstaging = ["access-key-created"]\n',
    )
    write("a.json.gz", packed(record(eventName="CreateAccessKey", requestParameters={"userName": "bob"})))
    result = rootwatch("replay", "--format", "table", "-c", "r.toml", "-d", "access-key-created", "a.json.gz")
    assert result.exit_code == 0, result.stderr
    assert "1  access-key-created  this detection is in staging" in result.stdout
    assert result.stdout.endswith("0 alerts from 1 event in 1 file; 1 alert kept quiet or below the threshold\n")
    (line,) = rootwatch("replay", "--json", "-c", "r.toml", "-d", "access-key-created", "a.json.gz").stdout.splitlines()
    assert json.loads(line)["told"] is False
    assert json.loads(line)["findings"][0]["quiet"] == "this detection is in staging"


def test_the_page_needs_nothing_else_and_what_an_attacker_wrote_is_text_in_it(rootwatch, write, tmp_path):
    hostile = root_record(
        eventName="CreateUser", userAgent=HOSTILE, requestParameters={"userName": HOSTILE}, sourceIPAddress=HOSTILE
    )
    write("a<b>.json.gz", packed(hostile, record(eventName="AttachUserPolicy", userAgent=HOSTILE)))
    write("bad<script>.json.gz", b"\x1f\x8b")
    result = rootwatch("replay", "--format", "html", "-o", "out.html", "a<b>.json.gz", "bad<script>.json.gz")
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (1, "Written to out.html.")
    text = (tmp_path / "out.html").read_text()
    page = Page(text)
    assert not {"script", "img", "link", "iframe", "object", "form"} & set(page.tags)
    assert not [name for name in page.attributes if name.startswith("on") or name in {"src", "href"}]
    assert "<script>alert(1)</script>" in page.text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "{{7*7}}" in page.text
    assert "Partial: 1 record or file could not be read or judged" in page.text
    assert "bad<script>.json.gz: the gzip data are cut off" in page.text
    assert page.tags.count("h1") == 1
    assert "root-activity" in page.text


def test_the_page_goes_to_stdout_and_the_summary_does_not(rootwatch, write, sign_in):
    result = rootwatch("replay", "--format", "html", write("a.json", sign_in()))
    assert result.stdout.startswith("<!doctype html>")
    assert result.stdout.rstrip().endswith("</html>")
    assert result.stderr == "1 alert from 1 event in 1 file\n"


def test_a_result_that_cannot_be_written_is_explained_and_leaves_nothing_behind(rootwatch, write, sign_in, tmp_path):
    path = write("a.json", sign_in())
    result = rootwatch("replay", "--format", "json", "-o", tmp_path / "missing" / "out.json", path)
    assert result.exit_code == 1
    assert "out.json cannot be written: there is no such file or folder" in result.stderr
    (tmp_path / "taken").mkdir()
    result = rootwatch("replay", "--format", "json", "-o", tmp_path / "taken", path)
    assert "taken cannot be written: it is a folder" in result.stderr
    assert sorted(item.name for item in tmp_path.iterdir()) == ["a.json", "taken"]


@pytest.mark.parametrize(
    ("options", "alerts"),
    [
        (("--from", "2026-11-02"), 1),
        (("--from", "2026-11-02", "--to", "2026-11-03"), 2),
        (("--to", "2026-11-02"), 2),
        (("--from", "2026-11"), 2),
        (("--from", "2026-11-02 12:00", "--to", "2026-11-02 13:00"), 1),
        (("--from", "2026-11-02 12:00"), 2),
        (("--from", "2026-12"), 0),
    ],
)
def test_a_period_is_said_as_people_say_it(rootwatch, write, options, alerts):
    moments = ("2026-10-30T12:00:00Z", "2026-11-02T12:00:00Z", "2026-11-03T12:00:00Z")
    write("a.json.gz", packed(*(root_record(eventTime=moment) for moment in moments)))
    result = rootwatch("replay", "--format", "table", *options, "a.json.gz")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[-1] == f"{alerts} alert{'' if alerts == 1 else 's'} from 3 events in 1 file"


def test_a_period_that_no_file_is_of_is_said(rootwatch, write):
    write("logs/CloudTrail/us-east-1/2026/05/01/a.json.gz", packed(root_record()))
    result = rootwatch("replay", "--from", "2026-01", "logs")
    assert result.exit_code == 1
    assert result.stderr == "rootwatch: logs: no file of the time between 2026-01-01 and 2026-02-01\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--format", "xml"), "--format 'xml' is not known.\n  Fix: text, table, json, html."),
        (("--from", "lately"), "--from 'lately' is no time that is understood."),
        (("--to", "2026-02-30"), "--to '2026-02-30' is no date there is"),
        (("--from", "2026-11", "--to", "2026-10"), "before it begins"),
        (("--workers", "-1"), "Invalid value for '--workers'"),
    ],
)
def test_a_wrong_option_is_explained(rootwatch, write, sign_in, options, message):
    result = rootwatch("replay", *options, write("a.json", sign_in()))
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


@pytest.fixture
def bucket(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="trail-logs")
        yield client


def test_logs_are_read_from_a_bucket(rootwatch, bucket, monkeypatch):
    rootwatch_environment(monkeypatch)
    for day in ("2026/11/01", "2026/11/02"):
        for number in range(20):
            body = root_record(eventTime=f"{day.replace('/', '-')}T12:{number:02}:00Z")
            key = f"AWSLogs/123456789012/CloudTrail/us-east-1/{day}/{number}.json.gz"
            bucket.put_object(Bucket="trail-logs", Key=key, Body=packed(body))
    bucket.put_object(
        Bucket="trail-logs", Key="AWSLogs/123456789012/CloudTrail-Digest/us-east-1/2026/11/02/x.json.gz", Body=b""
    )
    result = rootwatch("replay", "--format", "table", "--workers", "1", "s3://trail-logs/AWSLogs/")
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "2 alerts from 40 events in 40 files"), (
        result.stderr
    )
    result = rootwatch(
        "replay", "--workers", "1", "--from", "2026-11-01", "--to", "2026-11-01 06:00", "s3://trail-logs/AWSLogs/"
    )
    assert "0 alerts from 40 events in 40 files" in result.stdout  # delivered late, it may lie in the next day's folder
    result = rootwatch("replay", "--workers", "1", "--from", "2026-11-02", "s3://trail-logs/AWSLogs/")
    assert result.stdout.splitlines()[-1].startswith("1 alert from 20 events in 20 files")


def rootwatch_environment(monkeypatch):
    """The fixture of the command takes credentials away; the bucket needs some."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("s3://no-such-logs/x", "s3://no-such-logs/x: cannot be listed: there is no bucket no-such-logs"),
        ("s3://trail-logs/nothing", "s3://trail-logs/nothing: there is no object that ends in .json"),
        ("s3://", "s3://: no bucket is named."),
    ],
)
def test_a_prefix_that_cannot_be_read_is_explained(rootwatch, bucket, monkeypatch, name, message):
    rootwatch_environment(monkeypatch)
    result = rootwatch("replay", name)
    assert result.exit_code == 1
    assert message in result.stderr


def test_without_credentials_that_is_said(rootwatch):
    result = rootwatch("replay", "s3://trail-logs/x")
    assert result.exit_code == 1
    assert "s3://trail-logs/x: cannot be listed: there are no AWS credentials; set AWS_PROFILE" in result.stderr


@pytest.mark.parametrize(
    ("code", "lists", "words"),
    [
        ("AccessDenied", True, "it takes s3:ListBucket on arn:aws:s3:::b"),
        ("AccessDenied", False, "it takes s3:GetObject on arn:aws:s3:::b/*, and kms:Decrypt"),
        ("ExpiredToken", True, "sign in again"),
        ("InvalidObjectState", False, "restore it first"),
        ("PermanentRedirect", True, "set AWS_REGION"),
        ("SlowDown", False, "SlowDown"),
    ],
)
def test_what_s3_refuses_is_said_in_words(code, lists, words):
    error = ClientError({"Error": {"Code": code, "Message": "m"}}, "GetObject")
    assert words in s3_reason(error, bucket="b", lists=lists)


def test_an_object_that_is_refused_costs_itself_and_the_others_are_read(bucket):
    bucket.put_object(Bucket="trail-logs", Key="a.json.gz", Body=packed(record()))
    names = ("a.json.gz", "gone.json.gz", "a.json.gz")
    fetcher = Fetcher(in_flight=2)
    contents = list(fetcher.contents([File(name=f"s3://trail-logs/{name}", size=10) for name in names]))
    assert [content.problem for content in contents] == ["", "cannot be read: the object is gone", ""]


def test_many_objects_are_asked_for_at_a_time_and_few_bytes_held(monkeypatch):
    """Thirty-two requests wait at once; of large objects, only what fits."""
    waiting, most = set(), []

    class Client:
        def get_object(self, *, Bucket, Key):  # noqa: N803 - boto3's names
            import io
            import time

            waiting.add(Key)
            most.append(len(waiting))
            time.sleep(0.02)
            waiting.discard(Key)
            return {"Body": io.BytesIO(Key.encode())}

    monkeypatch.setattr("cli.trail_files.client", lambda _endpoint_url: Client())
    files = [File(name=f"s3://trail-logs/{number}", size=1_000, number=number) for number in range(100)]
    assert [content.data for content in Fetcher(in_flight=32).contents(files)] == [b"%d" % n for n in range(100)]
    assert max(most) >= 30
    most.clear()
    files = [File(name=f"s3://trail-logs/{number}", size=8_000_000, number=number) for number in range(8)]
    assert len(list(Fetcher(in_flight=32).contents(files))) == 8
    assert max(most) <= 2


def test_the_words_of_an_event_are_plain_in_a_table(rootwatch, write):
    write("a.json.gz", packed(root_record(eventName="CreateUser", requestParameters={"userName": HOSTILE})))
    check_visible(rootwatch("replay", "--format", "table", "a.json.gz").stdout, lines=True)
