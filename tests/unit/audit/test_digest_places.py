"""Where digests, log files and keys are had: folders, files of keys, and the copy that a check leaves behind."""

import base64
import json
import os
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from audit.digest import MissingObjectError, UnreadableError, verify
from audit.digest_places import KEYS_FILE, SIDECAR, AwsKeys, FileKeys, FolderLogs, Keeping, KeysError
from audit.digest_statement import Kind
from tests.unit.audit.signed_chain import (
    ACCOUNT,
    BEGIN,
    BUCKET,
    END,
    NOW,
    REGION,
    fingerprint,
    public_der,
    written_bucket,
)

SPAN = (BEGIN, END)


class Trusting:
    name = "a test"

    def public_keys(self, region, since, until):
        return {fingerprint(): public_der()}


def check(store, begin=BEGIN, end=END):
    return verify(store, (), (), begin, end, by="alice", version="1", now=NOW)


def laid_out(bucket, folder, *, sidecars=False):
    """The bucket's objects as files, as `aws s3 sync` leaves them."""
    for key, content in bucket.objects.items():
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        if sidecars and key in bucket.metadata:
            path.with_name(path.name + SIDECAR).write_text(json.dumps(bucket.metadata[key]))
    return FolderLogs(folder, bucket.root, keys=Trusting(), bucket=BUCKET)


@pytest.mark.parametrize("options", [{}, {"prefix": "cloud/trail/"}, {"organization": "o-a1b2c3d4e5"}])
def test_a_plain_copy_is_whole_where_the_next_digests_repeat_the_signatures(tmp_path, options):
    statement = check(laid_out(written_bucket(**options), tmp_path))
    assert statement.is_whole, statement.findings
    assert (statement.digests, statement.logs_valid) == (49, 98)


def test_a_copy_without_its_prefix_is_whole(tmp_path):
    bucket = written_bucket(prefix="cloud/trail/")
    laid_out(bucket, tmp_path)
    assert check(FolderLogs(tmp_path / "cloud" / "trail", keys=Trusting())).is_whole


def test_the_newest_digest_of_a_plain_copy_needs_the_signature_that_a_sidecar_keeps(tmp_path):
    bucket = written_bucket()
    newest = next(key for key in bucket.digests() if "20261002T000731Z" in key)
    for key in bucket.digests():
        if key > newest:
            bucket.remove(key)
    for key in bucket.logs():
        if key.split("/")[-2] != "01" or "/10/" not in key:
            bucket.remove(key)
    end = BEGIN.replace(day=2)
    statement = check(laid_out(bucket, tmp_path / "plain"), end=end)
    assert (Kind.SIGNATURE_NOT_KEPT, newest) in {(finding.kind, finding.object) for finding in statement.unchecked}
    statement = check(laid_out(bucket, tmp_path / "kept", sidecars=True), end=end)
    assert Kind.SIGNATURE_NOT_KEPT not in {finding.kind for finding in statement.findings}


def test_a_copy_of_another_bucket_is_told(tmp_path):
    laid_out(written_bucket(), tmp_path)
    statement = check(FolderLogs(tmp_path, keys=Trusting(), bucket="another"))
    assert {finding.kind for finding in statement.failed} == {Kind.DIGEST_MOVED}


def test_a_changed_file_of_a_copy_is_named(tmp_path):
    bucket = written_bucket()
    store = laid_out(bucket, tmp_path, sidecars=True)
    log = next(key for key in bucket.logs() if "/10/01/" in key)
    (tmp_path / log).write_bytes(b"")
    assert [(finding.kind, finding.object) for finding in check(store).findings] == [(Kind.LOG_DAMAGED, log)]


def test_a_broken_sidecar_could_not_be_read(tmp_path):
    bucket = written_bucket()
    store = laid_out(bucket, tmp_path, sidecars=True)
    key = next(key for key in bucket.digests() if "/10/01/" in key)
    for text in ("{", "[]", '{"signature": 7}'):
        (tmp_path / f"{key}{SIDECAR}").write_text(text)
        found = [finding for finding in check(store).findings if finding.object == key]
        assert [finding.kind for finding in found] == [Kind.UNREADABLE]
        assert SIDECAR in found[0].why


def test_what_a_computer_leaves_in_folders_is_not_taken_for_a_log(tmp_path):
    bucket = written_bucket()
    store = laid_out(bucket, tmp_path)
    for key in (bucket.digests()[30], bucket.logs()[60]):
        (tmp_path / key).with_name(".DS_Store").write_bytes(b"x")
    assert check(store).is_whole


def test_files_come_in_the_order_of_keys(tmp_path):
    names = ["a/b/1", "a/b-c", "a/b/2", "a/c", "a/a/z", "a/b0"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    store = FolderLogs(tmp_path, keys=Trusting())
    assert list(store.keys("a/", "a/", "a/\U0010ffff")) == sorted(names)
    assert list(store.keys("a/", "a/b/", "a/b/\U0010ffff")) == ["a/b/1", "a/b/2"]
    assert list(store.keys("a/", "a/b-c", "a/b/1")) == ["a/b-c", "a/b/1"]
    assert list(store.keys("none/", "", "z")) == []


def test_a_name_that_leads_out_of_the_folder_is_in_no_place(tmp_path):
    store = FolderLogs(tmp_path, keys=Trusting())
    assert store.locate(BUCKET, "AWSLogs/../../etc/passwd") is None
    assert store.locate(BUCKET, "etc/passwd") is None
    assert store.locate(BUCKET, "x/AWSLogs/1/y") == "AWSLogs/1/y"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_unreadable(tmp_path):
    path = tmp_path / "AWSLogs"
    path.write_bytes(b"x")
    path.chmod(0)
    with pytest.raises(UnreadableError, match="Permission denied"):
        FolderLogs(tmp_path, keys=Trusting()).open("AWSLogs")


def test_a_file_that_is_not_there_is_missing(tmp_path):
    with pytest.raises(MissingObjectError):
        FolderLogs(tmp_path, keys=Trusting()).open("AWSLogs/x")


# -- the copy that is kept


def test_what_is_kept_can_be_checked_again_without_the_bucket(tmp_path):
    store = Keeping(written_bucket(), tmp_path)
    assert check(store).is_whole
    keys = FileKeys([store.finish()])
    statement = check(FolderLogs(tmp_path, keys=keys))
    assert statement.is_whole
    assert (statement.digests_valid, statement.logs_valid) == (49, 98)
    assert statement.keys_from == str(tmp_path / KEYS_FILE)
    assert keys.public_keys("eu-west-1", *SPAN) == {}  # kept for the region they are of


def test_a_broken_object_is_kept_whole_as_evidence(tmp_path):
    bucket = written_bucket()
    log = next(key for key in bucket.logs() if "/10/01/" in key)
    bucket.objects[log] = b"no gzip at all" * 5000
    statement = check(Keeping(bucket, tmp_path))
    assert [finding.kind for finding in statement.findings] == [Kind.LOG_DAMAGED]
    assert (tmp_path / log).read_bytes() == bucket.objects[log]
    assert not list(tmp_path.rglob(".rootwatch-part-*"))


def test_a_name_that_no_file_can_have_is_not_kept(tmp_path):
    bucket = written_bucket()
    bucket.objects["AWSLogs/../../x"] = b""
    with pytest.raises(UnreadableError, match="cannot be a file's"):
        Keeping(bucket, tmp_path).open("AWSLogs/../../x")


# -- keys


def test_keys_as_the_aws_cli_prints_them(tmp_path):
    path = tmp_path / "keys.json"
    value = base64.b64encode(public_der()).decode()
    path.write_text(json.dumps({"PublicKeyList": [{"Value": value, "Fingerprint": fingerprint()}]}))
    assert FileKeys([path]).public_keys("anywhere", *SPAN) == {fingerprint(): public_der()}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no JSON"),
        ("[]", "no list PublicKeyList"),
        ('{"PublicKeyList": {}}', "no list PublicKeyList"),
        ('{"PublicKeyList": [{"Value": "AAAA"}]}', "PublicKeyList[0] is no public key"),
        ('{"PublicKeyList": [{"Fingerprint": "x", "Value": "%%"}]}', "PublicKeyList[0] is no public key"),
        ('{"regions": {"us-east-1": 5}}', "no list PublicKeyList"),
    ],
)
def test_a_file_that_is_no_list_of_keys_says_why(tmp_path, text, why):
    path = tmp_path / "keys.json"
    path.write_text(text)
    with pytest.raises(KeysError) as caught:
        FileKeys([path])
    assert why in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_file_of_keys_that_is_not_there_says_so(tmp_path):
    with pytest.raises(KeysError, match="No such file"):
        FileKeys([tmp_path / "none.json"])


class CloudTrail:
    """ListPublicKeys in two pages, as boto3 answers."""

    def __init__(self):
        self.asked = []

    def list_public_keys(self, **request):
        self.asked.append(request)
        if "NextToken" not in request:
            return {"PublicKeyList": [{"Fingerprint": "a", "Value": public_der()}], "NextToken": "more"}
        return {"PublicKeyList": [{"Fingerprint": "b", "Value": base64.b64encode(public_der("two"))}]}


def test_every_page_of_keys_is_asked_for():
    client = CloudTrail()
    found = AwsKeys(lambda region: client).public_keys(REGION, *SPAN)
    assert found == {"a": public_der(), "b": public_der("two")}
    assert client.asked[0] == {"StartTime": BEGIN, "EndTime": END}
    assert client.asked[1]["NextToken"] == "more"


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (ClientError({"Error": {"Code": "AccessDeniedException"}}, "ListPublicKeys"), "AccessDeniedException"),
        (EndpointConnectionError(endpoint_url="x"), "EndpointConnectionError"),
    ],
)
def test_keys_that_cannot_be_asked_for_say_why(error, why):
    def fails(region):
        raise error

    with pytest.raises(UnreadableError, match=why):
        AwsKeys(fails).public_keys(REGION, datetime.now(UTC), datetime.now(UTC))


def test_an_account_is_part_of_what_is_laid_out(tmp_path):
    store = laid_out(written_bucket(), tmp_path)
    assert store.folders("AWSLogs/") == [ACCOUNT]
