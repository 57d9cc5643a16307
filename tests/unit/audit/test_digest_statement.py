"""The statement: what it says, that it is what was written, and that no name breaks out of its line."""

import gzip
import hashlib
import json
from datetime import timedelta

import pytest

from audit.digest import verify
from audit.digest_statement import HOW, Finding, Kind, Statement, StatementError, Verdict, as_text, shown
from tests.unit.audit.signed_chain import ACCOUNT, BEGIN, END, NOW, REGION, Writer, written_bucket

HOSTILE = "AWSLogs/\x1b[31mred\nVerdict     WHOLE\u202egnp\u200b.json.gz"


def statement_of(bucket):
    return verify(bucket, (), (), BEGIN, END, by="arn:aws:iam::123456789012:user/alice", version="1.2", now=NOW)


@pytest.fixture
def damaged():
    bucket = written_bucket()
    bucket.remove(next(key for key in bucket.logs() if "/10/01/" in key))
    bucket.objects[f"AWSLogs/{ACCOUNT}/CloudTrail/{REGION}/2026/10/01/{HOSTILE.replace('/', '-')}"] = gzip.compress(b"")
    bucket.denied = (next(key for key in bucket.digests() if "/10/02/" in key),)
    return statement_of(bucket)


def test_the_verdict_is_the_worst_of_what_was_found(damaged):
    assert damaged.verdict is Verdict.FAILED
    assert statement_of(written_bucket()).verdict is Verdict.WHOLE
    bucket = written_bucket()
    bucket.keys_denied = True
    assert statement_of(bucket).verdict is Verdict.UNCHECKED


def test_a_statement_is_read_again_as_it_was(damaged):
    assert Statement.from_plain(json.loads(json.dumps(damaged.to_plain()))) == damaged


def test_its_hash_can_be_made_by_anybody(damaged):
    plain = damaged.to_plain()
    sha256 = plain.pop("sha256")
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    assert hashlib.sha256(text.encode()).hexdigest() == sha256 == damaged.sha256


@pytest.mark.parametrize(
    "change",
    [
        lambda plain: plain.update(verdict="whole"),
        lambda plain: plain["findings"].pop(),
        lambda plain: plain["findings"][0].update(object="another"),
        lambda plain: plain["findings"][0].update(remedy="nothing"),
        lambda plain: plain["counts"].update(failed=0),
        lambda plain: plain.update(by="bob"),
        lambda plain: plain["chains"][0].update(logs_valid=98),
        lambda plain: plain.update(sha256="0" * 64),
        lambda plain: plain.update(extra=1),
    ],
)
def test_a_statement_that_was_changed_is_refused(damaged, change):
    plain = json.loads(json.dumps(damaged.to_plain()))
    change(plain)
    with pytest.raises(StatementError, match="changed after it was made"):
        Statement.from_plain(plain)


@pytest.mark.parametrize("plain", [{}, [], None, {"format": "other/1"}])
def test_what_is_no_statement_is_refused(plain):
    with pytest.raises(StatementError, match="no statement"):
        Statement.from_plain(plain)


def test_an_incomplete_statement_is_refused(damaged):
    plain = damaged.to_plain()
    for name in ("made_at", "chains", "findings", "keys"):
        with pytest.raises(StatementError, match="incomplete"):
            Statement.from_plain({key: value for key, value in plain.items() if key != name})
    with pytest.raises(StatementError, match="incomplete"):
        Statement.from_plain({**plain, "made_at": "soon"})


def test_the_text_names_each_object_with_what_to_do_and_who_signs(damaged):
    text = "\n".join(as_text(damaged))
    for finding in damaged.findings:
        assert shown(finding.object) in text
        assert finding.kind.remedy in text
    for words in ("FAILED", "user/alice", "Rootwatch 1.2", damaged.sha256, *HOW):
        assert words in text


def test_no_name_breaks_out_of_its_line(damaged):
    lines = list(as_text(damaged))
    assert sum(line.startswith("Verdict ") for line in lines) == 1
    for line in (*lines, *damaged.summary("en"), *damaged.summary("ja")):
        assert "\n" not in line
        assert line.isprintable()


def test_a_long_list_is_cut_on_a_terminal_and_counted():
    bucket = written_bucket()
    for number in range(20):
        Writer(bucket, seed=100 + number).log(BEGIN + timedelta(hours=9))
    statement = statement_of(bucket)
    lines = list(as_text(statement, most=5))
    assert sum(line.startswith("    - ") for line in lines) == 5
    assert any("and 15 more" in line for line in lines)


def test_every_kind_says_what_it_means_and_what_to_do():
    for kind in Kind:
        assert kind.meaning
        assert kind.remedy.endswith(".")
    assert Kind.GAP.verdict is Verdict.FAILED
    assert Kind.UNREADABLE.verdict is Verdict.UNCHECKED


def test_three_lines_in_both_languages(damaged):
    whole = statement_of(written_bucket())
    english, japanese = whole.summary(), whole.summary("ja")
    assert len(english) == len(japanese) == 3
    assert "Logs whole" in english[0]
    assert "完全です" in japanese[0]
    assert "NOT WHOLE" in damaged.summary()[0]
    assert "完全ではありません" in damaged.summary("ja")[0]
    for summary in (damaged.summary(), damaged.summary("ja")):
        assert "log-missing" in summary[2]
    assert "98" in english[1]


def test_a_finding_is_read_again_as_it_was():
    finding = Finding(kind=Kind.GAP, object="x", since=BEGIN, until=END)
    assert Finding.from_plain(finding.to_plain()) == finding
