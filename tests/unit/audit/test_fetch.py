import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from audit.engines import EngineError
from audit.fetch import Bucket
from audit.log_files import Wanted
from tests import trail_story

NAME = "logs-123456789012"
OCTOBER = Wanted(from_day="2026/10/01", to_day="2026/11/01")


class Counting:
    """An S3 client that notes what is got, and fails where it is told to."""

    def __init__(self, client, failing=(), code="AccessDenied", breaks=False):
        self._client = client
        self._failing = failing
        self._code = code
        self._breaks = breaks
        self.got = []
        self.listed = []

    def list_objects_v2(self, **request):
        self.listed.append(request["Prefix"])
        if "list" in self._failing:
            raise ClientError({"Error": {"Code": self._code}}, "ListObjectsV2")
        return self._client.list_objects_v2(**request, MaxKeys=3)

    def get_object(self, **request):
        if request["Key"] in self._failing:
            raise ClientError({"Error": {"Code": self._code}}, "GetObject")
        self.got.append(request["Key"])
        found = self._client.get_object(**request)
        if self._breaks:
            found["Body"] = Broken()
        return found


class Broken:
    def iter_chunks(self, _size):
        yield b"half"
        raise ClientError({"Error": {"Code": "ConnectionClosed"}}, "GetObject")


@pytest.fixture
def s3(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=NAME)
        yield client


def put(client, objects, prefix=""):
    for key, data in objects.items():
        client.put_object(Bucket=NAME, Key=f"{prefix}{key}", Body=data)


def keys(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("layout", ["account", "organization"])
@pytest.mark.parametrize("prefix", ["", "of/the/trail"])
def test_the_log_files_of_the_period_come_and_nothing_else(s3, tmp_path, layout, prefix):
    put(s3, trail_story.objects(layout), f"{prefix}/" if prefix else "")
    done = Bucket(s3, NAME, prefix=prefix).fetch(tmp_path, OCTOBER)
    found = keys(tmp_path)
    assert done.files == len(found) and not done.problems
    assert all("/CloudTrail/" in key and ("/2026/10/" in key or "/2026/11/01/" in key) for key in found)
    assert len(found) == sum("/CloudTrail/" in key and "/2026/09/" not in key for key in trail_story.objects(layout))


def test_only_the_accounts_and_regions_asked_for_are_listed_and_fetched(s3, tmp_path):
    put(s3, trail_story.objects())
    client = Counting(s3)
    wanted = Wanted(accounts=("210987654321",), regions=("eu-central-1",), from_day="2026/10/20", to_day="2026/10/21")
    Bucket(client, NAME).fetch(tmp_path, wanted)
    assert len(client.got) == 2 and all("210987654321/CloudTrail/eu-central-1/2026/10/20" in key for key in client.got)
    assert not any("123456789012" in prefix for prefix in client.listed)


def test_nothing_is_fetched_twice_and_an_interrupted_run_is_finished(s3, tmp_path):
    put(s3, trail_story.objects())
    first = Bucket(s3, NAME).fetch(tmp_path, OCTOBER)
    lost = tmp_path / keys(tmp_path)[0]
    lost.write_bytes(b"half")
    client = Counting(s3)
    again = Bucket(client, NAME).fetch(tmp_path, OCTOBER)
    assert (again.files, again.known) == (1, first.files - 1)
    assert client.got == [str(lost.relative_to(tmp_path))]


def test_a_file_is_whole_or_not_there(s3, tmp_path):
    put(s3, trail_story.objects())
    done = Bucket(Counting(s3, breaks=True), NAME).fetch(tmp_path, OCTOBER)
    assert done.files == 0 and done.problems and keys(tmp_path) == []


def test_an_object_that_may_not_be_read_is_named_and_the_others_come(s3, tmp_path):
    objects = trail_story.objects()
    put(s3, objects)
    denied = next(key for key in objects if "/2026/10/05/" in key)
    done = Bucket(Counting(s3, failing={denied}), NAME).fetch(tmp_path, OCTOBER)
    assert done.problems == (f"s3://{NAME}/{denied}: AccessDenied; it was not fetched",)
    assert denied not in keys(tmp_path) and done.files > 5


@pytest.mark.parametrize(
    ("code", "said"), [("AccessDenied", "s3:ListBucket"), ("NoSuchBucket", "no such bucket"), ("SlowDown", "SlowDown")]
)
def test_a_bucket_that_cannot_be_listed_says_why_and_what_to_do(s3, tmp_path, code, said):
    with pytest.raises(EngineError, match=said) as caught:
        Bucket(Counting(s3, failing={"list"}, code=code), NAME).fetch(tmp_path, OCTOBER)
    assert f"s3://{NAME}/AWSLogs/" in str(caught.value)


def test_a_key_that_is_no_path_below_the_folder_is_left(s3, tmp_path):
    day = "AWSLogs/123456789012/CloudTrail/us-east-1/2026/10/05/"
    put(s3, {f"{day}../../../../../../../../evil.json.gz": b"x", f"{day}good.json.gz": b"x"})
    Bucket(s3, NAME).fetch(tmp_path / "logs", OCTOBER)
    assert keys(tmp_path) == [f"logs/{day}good.json.gz"]


def test_whole_months_and_years_are_one_listing(s3, tmp_path):
    put(s3, {"AWSLogs/123456789012/CloudTrail/us-east-1/2026/10/05/a.json.gz": b"x"})
    client = Counting(s3)
    Bucket(client, NAME).fetch(tmp_path, Wanted(from_day="2024/12/31", to_day="2026/10/02"))
    days = [prefix.partition("us-east-1/")[2] for prefix in client.listed if "us-east-1/" in prefix]
    assert (
        days[:2] == ["2024/12/31/", "2025/"] and days[2] == "2026/01/" and days[-2:] == ["2026/10/01/", "2026/10/02/"]
    )


def test_the_audit_log_comes_as_it_lies(s3, tmp_path):
    import json

    put(s3, {key: json.dumps(entry).encode() for key, entry in trail_story.entries().items()})
    done = Bucket(s3, NAME).fetch_entries(tmp_path, ["findings", "windows"])
    assert keys(tmp_path) == sorted(key for key in trail_story.entries() if not key.startswith("transitions"))
    assert Bucket(s3, NAME).fetch_entries(tmp_path, ["findings", "windows"]).known == done.files
