"""What is read out of files, whatever their form; what is broken is named, and the rest is still read."""

import gzip
import io
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli import records
from cli.records import Broken, Record, Source, records_of, sources
from handlers.alerting.errors import UnreadableEventError
from handlers.alerting.event import MAXIMUM_BYTES, Event
from tests.building import record


def read(content: bytes | str):
    data = content.encode() if isinstance(content, str) else content
    found = list(records_of(Source(name="events", path=None), stdin=io.BytesIO(data)))
    return [item for item in found if isinstance(item, Record)], [item for item in found if isinstance(item, Broken)]


def names(found):
    """The event names read, through Event.parse as a replay does it."""
    return [Event.parse(item.body).name for item in found]


def events(*event_names):
    return [record(eventName=name) for name in event_names]


A, B, C = events("CreateUser", "CreateRole", "CreateGroup")
THREE = ["CreateUser", "CreateRole", "CreateGroup"]
LINES = "\n".join(json.dumps(item) for item in (A, B, C))
FORMS = {
    "one event": (json.dumps(A), THREE[:1]),
    "one event over several lines": (json.dumps(A, indent=2), THREE[:1]),
    "an array": (json.dumps([A, B, C]), THREE),
    "an array over several lines": (json.dumps([A, B, C], indent=2), THREE),
    "an array with one event a line": ("[\n" + ",\n".join(json.dumps(item) for item in (A, B, C)) + "\n]", THREE),
    "CloudTrail's log file": (json.dumps({"Records": [A, B, C]}), THREE),
    "CloudTrail's log file over several lines": (json.dumps({"Records": [A, B, C]}, indent=1), THREE),
    "Records after another key": (json.dumps({"note": 1, "Records": [A, B, C]}), THREE),
    "Records before another key": (json.dumps({"Records": [A, B, C], "note": {"a": [1]}}), THREE),
    "no Records": ('{"Records": []}', []),
    "an empty array": ("[]", []),
    "JSON lines": (LINES, THREE),
    "JSON lines with blank lines and Windows line ends": (LINES.replace("\n", "\r\n\r\n") + "\r\n", THREE),
    "JSON lines of log files": ("\n".join([json.dumps({"Records": [A, B]}), json.dumps({"Records": [C]})]), THREE),
    "events one after another without line ends": (LINES.replace("\n", ""), THREE),
    "pretty events one after another": ("\n".join(json.dumps(item, indent=2) for item in (A, B, C)), THREE),
    "lookup-events": (
        json.dumps({"Events": [{"EventId": "1", "CloudTrailEvent": json.dumps(item)} for item in (A, B, C)]}, indent=4),
        THREE,
    ),
    "a byte order mark": ("\ufeff" + json.dumps([A, B, C]), THREE),
    "white space around it": ("\n\n  " + json.dumps([A, B, C]) + "\n\n", THREE),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("packed", [False, True])
def test_every_form_is_read_plain_or_gzipped(form, packed):
    text, expected = FORMS[form]
    found, broken = read(gzip.compress(text.encode()) if packed else text)
    assert (names(found), broken) == (expected, [])


def test_a_gzip_file_of_several_members_is_read_to_its_end():
    found, broken = read(b"".join(gzip.compress((json.dumps(item) + "\n").encode()) for item in (A, B, C)))
    assert (names(found), broken) == (THREE, [])


def test_a_record_knows_its_place():
    assert [item.place for item in read(json.dumps({"Records": [A, B]}))[0]] == ["record 1", "record 2"]
    assert [item.place for item in read(f"\n\n{json.dumps(A)}\n\n{json.dumps(B)}")[0]] == ["line 3", "line 5"]
    log_files = "\n".join([json.dumps({"Records": [A, B]}), json.dumps({"Records": [C]})])
    assert [item.place for item in read(log_files)[0]] == ["line 1, record 1", "line 1, record 2", "line 2, record 1"]


BAD = {
    "an empty file": (b"", [], "events: is empty"),
    "only white space": (b" \n\n ", [], "events: is empty"),
    "an empty gzip file": (gzip.compress(b""), [], "events: is empty"),
    "text": (b"hello", [], "events, line 1, column 1: not JSON: expecting value"),
    "half an event": (
        json.dumps(A).encode()[:60],
        [],
        "events, line 1, column 61: not JSON: expecting property name",
    ),
    "half an array": (
        (json.dumps([A, B])[:-10]).encode(),
        THREE[:1],
        "events, record 2 (line 1, column ",
    ),
    "an array without its last bracket": (
        json.dumps([A, B])[:-1].encode(),
        THREE[:2],
        "the text ends before its last bracket",
    ),
    "a broken line": (
        f'{json.dumps(A)}\n{{"eventName": oops}}\n{json.dumps(B)}'.encode(),
        THREE[:2],
        "events, line 2, column 15: not JSON: expecting value",
    ),
    "a broken first line": (
        f'{{"eventName": oops}}\n{json.dumps(A)}\n{json.dumps(B)}'.encode(),
        THREE[:2],
        "events, line 1, column 15: not JSON: expecting value",
    ),
    "a broken record among others": (
        f'{{"Records": [{json.dumps(A)}, {{"eventName": oops, "a": "}}]"}}, {json.dumps(B)}]}}'.encode(),
        THREE[:2],
        "characters from there on are left out",
    ),
    "a missing comma": (
        f"[{json.dumps(A)} {json.dumps(B)}, {json.dumps(C)}]".encode(),
        THREE[:1],
        "a comma is missing after it; what follows it in this file is not read",
    ),
    "deep nesting": (
        f"[{json.dumps(A)}, {'[' * 100_000}{']' * 100_000}, {json.dumps(B)}]".encode(),
        THREE[:2],
        "events, record 2 (line 1, column ",
    ),
    "a number of ten thousand digits": (
        f'[{json.dumps(A)}, {{"eventName": {"9" * 10_000}}}, {json.dumps(B)}]'.encode(),
        THREE[:2],
        "not JSON that can be read",
    ),
    "a byte that is not UTF-8": (
        json.dumps([A, B, C]).encode().replace(b"CreateRole", b"Create\xffRole"),
        ["CreateUser", "CreateGroup"],
        "not UTF-8: byte 0xff",
    ),
    "a gzip file cut off": (
        gzip.compress(LINES.encode())[:-20],
        None,
        "events: the gzip data are cut off: copy the file again; ",
    ),
    "a gzip file with a wrong checksum": (
        gzip.compress(LINES.encode())[:-8] + b"\0" * 8,
        THREE,
        "events: the gzip data are damaged (CRC check failed",
    ),
    "gzip data that are none": (b"\x1f\x8b" + b"x" * 40, [], "events: the gzip data are damaged"),
    "a file gzipped twice": (gzip.compress(gzip.compress(b"{}")), [], "events: it was compressed twice"),
    "UTF-16": (json.dumps(A).encode("utf-16"), [], "events: this is UTF-16 (PowerShell's > writes that)"),
    "a zip archive": (b"PK\x03\x04....", [], "events: this is a zip archive: unpack it first"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named_once_with_its_place_and_cause_and_the_rest_is_read(case):
    content, expected, message = BAD[case]
    found, broken = read(content)
    assert expected is None or names(found) == expected
    assert len(broken) == 1
    assert message in str(broken[0])


def test_a_cut_off_gzip_file_gives_what_came_before_the_cut():
    many = [record(eventName=f"Call{number}", userAgent=os.urandom(200).hex()) for number in range(200)]
    found, broken = read(gzip.compress(json.dumps({"Records": many}).encode())[:-5_000])
    assert 100 < len(found) < 200
    assert names(found) == [item["eventName"] for item in many[: len(found)]]
    assert [str(item) for item in broken] == [
        f"events: the gzip data are cut off: copy the file again; {len(found)} records before that could be read"
    ]


def test_a_record_beyond_what_eventbridge_carries_is_left_to_event_parse_to_refuse():
    big = record(requestParameters={"x": "y" * MAXIMUM_BYTES})
    found, broken = read(json.dumps({"Records": [A, big, B]}))
    assert (len(found), broken) == (3, [])
    with pytest.raises(UnreadableEventError, match="more than the 1,048,576 that EventBridge carries"):
        Event.parse(found[1].body)


def test_half_characters_and_nan_come_out_as_event_parse_makes_them():
    found, _ = read('[{"eventName": "Create\\ud800User"}, {"eventName": "X", "a": NaN}]')
    assert names(found[:1]) == ["Create\ufffdUser"]
    assert Event.parse(found[1].body).dig("a") == "NaN"


@pytest.mark.parametrize("value", ["1", '"text"', "null", "[[]]", '{"Records": [1, "x", null, []]}'])
def test_what_is_json_but_no_event_is_refused_by_event_parse(value):
    found, broken = read(value)
    assert found
    assert not broken
    for item in found:
        with pytest.raises(UnreadableEventError):
            Event.parse(item.body)


def test_a_document_larger_than_we_hold_in_memory_is_refused(monkeypatch):
    monkeypatch.setattr(records, "MAXIMUM_DOCUMENT", 3_000)
    monkeypatch.setattr(records, "_CHUNK", 100)
    _, broken = read(b"[" + b" " * 10_000)
    assert "more than 256 MB" in str(broken[0])
    _, broken = read(json.dumps([A, B, C, A, B], indent=2))
    assert "more than 256 MB" in str(broken[0])
    found, broken = read("\n".join([LINES] * 20))
    assert (len(found), broken) == (60, [])  # JSON lines are as long as they like


@given(
    st.lists(
        st.dictionaries(st.text(max_size=5), st.text(max_size=20) | st.integers() | st.lists(st.text(max_size=3))),
        max_size=6,
    ),
    st.sampled_from(["lines", "array", "records", "pretty", "joined"]),
    st.integers(1, 40),
)
def test_what_was_written_is_read_whatever_the_values_and_the_chunks(values, form, chunk):
    items = [{"eventName": "X", **value} for value in values]
    text = {
        "lines": "\n".join(map(json.dumps, items)),
        "array": json.dumps(items),
        "records": json.dumps({"Records": items}),
        "pretty": json.dumps(items, indent=1, ensure_ascii=True),
        "joined": " ".join(map(json.dumps, items)),
    }[form]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "_CHUNK", chunk)
        found, broken = read(text)
    if items or form not in ("lines", "joined"):
        assert broken == []
        assert [json.loads(i.body) if isinstance(i.body, str) else i.body for i in found] == items


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_no_bytes_make_reading_raise(data):
    found, broken = read(data)
    assert found or broken or data.strip().startswith((b"[", b"{", b"\xef\xbb\xbf"))


@given(st.data())
def test_no_damage_to_a_log_file_makes_reading_raise_or_go_unnoticed(data):
    good = bytearray(json.dumps({"Records": [A, B, C]}).encode())
    cut = data.draw(st.integers(1, len(good) - 1))
    found, broken = read(bytes(good[:cut]))
    assert len(found) <= 3
    assert broken or len(found) == 3


def test_a_folder_gives_its_event_files_in_order_and_nothing_else(write, tmp_path):
    for name in ("b.json", "a/2.json.gz", "a/1.jsonl", "notes.txt", ".hidden.json", ".git/x.json", "z.ndjson"):
        write(name, "{}")
    write("AWSLogs/123456789012/CloudTrail-Digest/us-east-1/d.json.gz", "{}")
    found = [source.name for source in sources([str(tmp_path)])]
    assert found == [str(tmp_path / name) for name in ("b.json", "z.ndjson", "a/1.jsonl", "a/2.json.gz")]


def test_a_folder_without_event_files_is_named(tmp_path):
    assert [str(item) for item in sources([str(tmp_path)])] == [
        f"{tmp_path}: this folder holds no file that ends in .json, .jsonl, .ndjson, .json.gz, .jsonl.gz, .ndjson.gz"
    ]


def test_a_file_that_is_not_there_or_is_no_file_is_named(tmp_path):
    for name in ("missing.json", "x/y.json"):
        source = Source(name=name, path=tmp_path / name)
        assert [str(item) for item in records_of(source, stdin=io.BytesIO())] == [
            f"{name}: cannot be read: there is no such file or folder"
        ]
    source = Source(name="folder", path=tmp_path)
    assert [str(item) for item in records_of(source, stdin=io.BytesIO())] == ["folder: cannot be read: it is a folder"]


def test_what_may_not_be_read_is_named(write, monkeypatch):
    def refuse(*_arguments, **_options):
        raise PermissionError(13, "Permission denied", "secret.json")

    path = write("secret.json", "{}")
    monkeypatch.setattr("pathlib.Path.open", refuse)  # root reads everything: chmod would prove nothing here
    found = list(records_of(Source(name="secret.json", path=path), stdin=io.BytesIO()))
    assert [str(item) for item in found] == ["secret.json: cannot be read: you have no permission"]


def test_a_folder_that_cannot_be_listed_is_named(write, tmp_path, monkeypatch):
    write("a/1.json", "{}")
    listed = os.scandir

    def refuse(path):
        if str(path).endswith("/a"):
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert [str(item) for item in sources([str(tmp_path)])] == [
        f"{tmp_path / 'a'}: cannot be listed: you have no permission"
    ]


def test_standard_input_stays_open_for_others():
    stream = io.BytesIO(json.dumps(A).encode())
    assert len(list(records_of(Source(name="standard input", path=None), stdin=stream))) == 1
    assert not stream.closed
