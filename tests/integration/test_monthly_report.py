"""The monthly report's function, from its call to the audit log, Slack and the mail."""

import json
from datetime import UTC, datetime, timedelta

import boto3
import pytest
import time_machine
from moto.core import DEFAULT_ACCOUNT_ID

from audit.digest_statement import Statement
from audit.report.building import report_of
from audit.report.document import Missing, Word
from audit.report.example import example_facts
from audit.report.month import Month
from audit.report.publishing import REPORTS
from handlers import monthly_report, wiring_report
from handlers.adapters.slack import SlackNotifier
from handlers.alerting.errors import UnavailableError
from handlers.monthly_report import make
from handlers.settings import ReportSettings
from handlers.wiring_report import Monthly
from tests.building import NOW, Stage, detection
from tests.integration.test_cli_quiet import book  # noqa: F401 - the fixture

FIRST = datetime(2026, 11, 30, 21, 0, 5, tzinfo=UTC)  # six in the morning of 1 December in Tokyo
STATEMENT = Statement(
    made_at=NOW, by="us", version="1", place="s3://x", keys_from="CloudTrail", since=NOW, until=NOW, due=NOW
)


class Stand:
    """Parts of which each call is remembered, and can be made to fail."""

    def __init__(self, errands):
        self.now, self.files, self.told, self.gathered, self.fails = FIRST, {}, [], [], set()
        self._errands = errands

    def parts(self):
        return Monthly(
            errands=self._errands,
            gather=self._gather,
            put=self._put,
            tell=self._tell,
            language="ja",
            time_zone="Asia/Tokyo",
            clock=lambda: self.now,
        )

    def _gather(self, month):
        self.gathered.append(str(month))
        facts = example_facts(month)
        if "alerts" in self.fails:
            import dataclasses

            facts = dataclasses.replace(facts, alerts=Missing(Word("missing.refused"), "Throttled"))
        return report_of(facts), STATEMENT

    def _put(self, key, content, kind):
        if "put" in self.fails and key.endswith("report.json"):
            raise UnavailableError("S3")
        assert key not in self.files  # nothing can be written twice
        self.files[key] = (content, kind)

    def _tell(self, news, page):
        if "tell" in self.fails:
            raise UnavailableError("Slack")
        self.told.append((news, page))


@pytest.fixture
def stand(book):  # noqa: F811
    return Stand(book)


DUE = {"at": "2026-11-30T21:00:00Z"}


def test_the_month_that_is_over_is_reported_below_its_own_name(stand):
    page = make(DUE, parts=stand.parts())
    assert page == "reports/2026-11/20261130T210005Z/report.html"
    assert stand.gathered == ["2026-11"]
    names = {key.removeprefix("reports/2026-11/20261130T210005Z/") for key in stand.files}
    assert {"report.html", "report.json", "log-integrity.json", "csv/sessions.csv"} <= names
    assert stand.files[page][1] == "text/html; charset=utf-8"
    assert json.loads(stand.files[page.replace("report.html", "log-integrity.json")][0])["sha256"] == STATEMENT.sha256


def test_people_are_told_in_three_lines(stand):
    make(DUE, parts=stand.parts())
    ((news, page),) = stand.told
    assert news.title == "Rootwatch 2026-11 のレポート：rootwatch"
    assert len(news.lines) >= 3
    assert news.lines[0].startswith("2026-11：アラート")
    assert page in stand.files


def test_the_page_is_written_last_so_that_where_it_is_everything_is(stand):
    make(DUE, parts=stand.parts())
    assert list(stand.files)[-1].endswith("/report.html")


def test_a_second_call_makes_no_second_report(stand):
    make(DUE, parts=stand.parts())
    stand.now += timedelta(hours=3)
    assert "made already" in make(DUE, parts=stand.parts())
    assert len(stand.told) == 1


@pytest.mark.parametrize("broken", ["put", "tell", "alerts"])
def test_what_failed_is_done_by_the_next_attempt_below_a_key_of_its_own(stand, broken):
    stand.fails.add(broken)
    with pytest.raises(UnavailableError):
        make(DUE, parts=stand.parts())
    assert stand.told == []
    stand.fails.clear()
    stand.now += timedelta(minutes=1)
    page = make(DUE, parts=stand.parts())
    assert page == "reports/2026-11/20261130T210105Z/report.html"
    assert [told for _, told in stand.told] == [page]


def test_while_one_makes_it_another_does_not(stand):
    assert stand._errands.begin("monthly-report 2026-11", now=FIRST, lease=timedelta(minutes=16))
    assert "made already" in make(DUE, parts=stand.parts())
    stand.now += timedelta(minutes=17)  # whoever was on it has died
    assert make(DUE, parts=stand.parts()).endswith("report.html")


def test_a_call_that_comes_a_day_late_is_about_the_same_month(stand):
    stand.now += timedelta(days=1)
    make(DUE, parts=stand.parts())
    assert stand.gathered == ["2026-11"]


def test_a_month_that_is_asked_for_by_name_is_made_again(stand):
    make(DUE, parts=stand.parts())
    stand.now += timedelta(minutes=1)
    assert make({"month": "2026-11"}, parts=stand.parts()).endswith("report.html")
    stand.now += timedelta(minutes=1)
    assert make({"month": "2026-09"}, parts=stand.parts()).startswith("reports/2026-09/")


@pytest.mark.parametrize("event", [{"at": "2026-11-30T21:00:00"}, {"at": "soon"}, {"month": "2026-13"}])
def test_what_is_no_time_is_refused(stand, event):
    with pytest.raises(ValueError, match=r"zone|Invalid|month"):
        make(event, parts=stand.parts())
    assert stand.files == {}


# With the real adapters


@pytest.fixture
def environment(book, monkeypatch):  # noqa: F811
    topic = boto3.client("sns", region_name="us-east-1").create_topic(Name="rootwatch-email")["TopicArn"]
    queue = boto3.client("sqs", region_name="us-east-1").create_queue(QueueName="mails")["QueueUrl"]
    boto3.client("sns", region_name="us-east-1").subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:us-east-1:{DEFAULT_ACCOUNT_ID}:mails"
    )
    boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="rootwatch-audit")
    settings = ReportSettings(
        account=DEFAULT_ACCOUNT_ID,
        home_region="us-east-1",
        table_name="rootwatch-alerts",
        topic_arn=topic,
        slack_channel="C0123456789",
        slack_token_source="ssm:/rootwatch/slack-token",
        audit_bucket="rootwatch-audit",
        regions=("us-east-1",),
        time_zone="Asia/Tokyo",
    )
    for name, value in settings.to_environment().items():
        monkeypatch.setenv(name, value)
    return queue


def test_from_the_call_to_the_bucket_slack_and_the_mail(book, environment, monkeypatch):  # noqa: F811
    said = []
    monkeypatch.setattr(SlackNotifier, "say_report", lambda self, message: said.append(message))
    stage = Stage(book=book, detections=[detection()])
    stage.send()
    with time_machine.travel(FIRST, tick=False):
        done = monthly_report.handler(DUE, None)["done"]
    assert done.startswith(f"{REPORTS}2026-11/")
    s3 = boto3.client("s3", region_name="us-east-1")
    plain = json.loads(s3.get_object(Bucket="rootwatch-audit", Key=done.replace(".html", ".json"))["Body"].read())
    alerts = next(item for item in plain["sections"] if item["key"] == "alerts")
    assert next(item["value"] for item in alerts["figures"] if item["key"] == "alerts") == 1
    reasons = {item["section"]: item["why"] for item in plain["missing"]}
    assert reasons["coverage"] == "the scheduled report does not ask for it"
    assert reasons["questions"] == "it is not switched on in rootwatch.toml"
    page = s3.get_object(Bucket="rootwatch-audit", Key=done)
    assert page["ContentDisposition"] == "attachment"
    assert b"<!doctype html>" in page["Body"].read()
    link = f"https://us-east-1.console.aws.amazon.com/s3/object/rootwatch-audit?region=us-east-1&prefix={done}"
    link = link.replace(done, done.replace("/", "%2F"))
    (message,) = said
    elements = message.blocks[0]["elements"][0]["elements"]
    assert elements[0]["text"] == "Rootwatch report for 2026-11: rootwatch"
    assert elements[-1] == {"type": "link", "url": link, "text": elements[-1]["text"]}
    (mail,) = boto3.client("sqs", region_name="us-east-1").receive_message(QueueUrl=environment)["Messages"]
    mail = json.loads(mail["Body"])
    assert mail["Subject"] == "Rootwatch report for 2026-11: rootwatch"
    assert "2026-11: 1 alerts, 0 root sessions, 0 administrator sessions." in mail["Message"]
    assert link in mail["Message"]


def test_when_time_runs_short_no_question_is_asked_any_more_and_the_report_is_made():
    from audit.engines import Answer, EngineError
    from audit.report.gathering import ask_all

    class Engine:
        asked = 0

        def run(self, sql, parameters):
            Engine.asked += 1
            return Answer(columns=("a",), rows=[], scanned_bytes=1)

    left = iter([900.0] * 2 + [10.0] * 1000)
    hasty = wiring_report._InTime(Engine(), lambda: next(left))
    found = ask_all(hasty, Month.parse("2026-11", "UTC"))
    assert Engine.asked == min(2, len(found))
    late = [item for item in found if item.missing]
    assert len(late) == max(0, len(found) - 2)
    with pytest.raises(EngineError, match="15 minutes"):
        hasty.run("SELECT 1", {})


def test_the_bucket_keeps_what_was_written_first(aws):
    from handlers.adapters.report_bucket import ReportBucket

    s3 = boto3.client("s3", region_name="us-east-1")
    s3.create_bucket(Bucket="kept")
    bucket = ReportBucket(client=lambda _service: s3, bucket="kept")
    bucket.put("reports/x", b"first", "text/csv")
    bucket.put("reports/x", b"second", "text/csv")
    assert s3.get_object(Bucket="kept", Key="reports/x")["Body"].read() == b"first"
    with pytest.raises(UnavailableError, match="NoSuchBucket"):
        ReportBucket(client=lambda _service: s3, bucket="nowhere").put("reports/x", b"", "text/csv")
