"""The sweep's function, its adapters and its command against S3, SQS and DynamoDB."""

import gzip
import json
from datetime import UTC, datetime, timedelta

import boto3
import pytest
import time_machine
from typer.testing import CliRunner

from cli.main import app
from handlers import raise_alert, sweep_trail, wiring, wiring_sweep
from handlers.adapters.arrivals import ArrivalTable
from handlers.adapters.log_listing import ListedTable, LogListing, Place, list_new, made_at
from handlers.adapters.log_notices import notices_in
from handlers.adapters.log_store import GoneError, LogStore, UnfitError
from handlers.alerting.errors import UnavailableError
from handlers.alerting.event import Road
from handlers.alerting.sweeping import LIST_ATTRIBUTE
from handlers.settings import SweepSettings
from local.slack import SlackServer
from tests.building import ACCOUNT, NOW, envelope, root_record
from tests.integration.conftest import REGION
from tests.integration.test_raise_alert import CONTEXT, batch

BUCKET = f"rootwatch-trail-{ACCOUNT}-{REGION}"
CONFIG = f"""\
[deployment]
account = "{ACCOUNT}"
home_region = "{REGION}"
[slack]
channel = "C0123456789"
"""


def log_object(*records):
    return gzip.compress(json.dumps({"Records": records}).encode())


def key_of(made=NOW, *, suffix="a", region=REGION, account=ACCOUNT):
    name = f"{account}_CloudTrail_{region}_{made:%Y%m%dT%H%MZ}_{suffix:0>16}.json.gz"
    return f"AWSLogs/{account}/CloudTrail/{region}/{made:%Y/%m/%d}/{name}"


def deletion(**changes):
    return root_record(
        eventName="DeleteBucket", eventSource="s3.amazonaws.com", requestParameters={"bucketName": "b"}, **changes
    )


@pytest.fixture
def bucket(aws):
    s3 = boto3.client("s3", region_name=REGION)
    s3.create_bucket(Bucket=BUCKET)
    return s3


@pytest.fixture
def slack():
    with SlackServer() as server:
        yield server


@pytest.fixture
def deployed(alert_table, bucket, slack, monkeypatch):
    """What infra makes, in moto; returns the queues' URLs: of events, and of logs."""
    _, table = alert_table
    sqs = boto3.client("sqs")
    events, logs = (sqs.create_queue(QueueName=f"rootwatch-{name}")["QueueUrl"] for name in ("events", "logs"))
    topic = boto3.client("sns").create_topic(Name="alerts")["TopicArn"]
    boto3.client("ssm").put_parameter(Name="/rootwatch/slack-token", Value=slack.token, Type="SecureString")
    settings = SweepSettings(
        account=ACCOUNT,
        table_name=table,
        queue_url=events,
        topic_arn=topic,
        slack_channel=slack.workspace.channel("security-alerts").id,
        slack_token_source="ssm:/rootwatch/slack-token",
        slack_api_url=slack.api_url,
        regions=(REGION,),
        sweeps=True,
        trail_bucket=BUCKET,
        trail_prefix="AWSLogs/",
        logs_queue_url=logs,
    )
    for name, value in settings.to_environment().items():
        monkeypatch.setenv(name, value)
    made = (wiring.alerting, wiring.client, wiring_sweep.sweeping)
    for cached in made:
        cached.cache_clear()
    yield events, logs
    for cached in made:
        cached.cache_clear()


class Metrics(dict):
    """What was counted, by name."""

    def take(self, line):
        (metric,) = line["_aws"]["CloudWatchMetrics"]
        assert line["Deployment"] == "rootwatch"
        name = metric["Metrics"][0]["Name"]
        self[name] = self.get(name, 0) + line[name]

    def since(self):
        found = dict(self)
        self.clear()
        return found


@pytest.fixture
def metrics(monkeypatch):
    counted = Metrics()
    for module in (wiring, wiring_sweep):
        monkeypatch.setattr(module, "emit", counted.take)
    return counted


def notice(key):
    return json.dumps(
        {"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": BUCKET}, "object": {"key": key}}}]}
    )


def test_what_eventbridge_brought_is_left_alone_and_what_it_did_not_is_told_marked_and_counted(
    deployed, bucket, slack, metrics
):
    events, logs = deployed
    brought, dropped = deletion(), deletion(eventTime="2026-11-02T03:09:00Z")
    raise_alert.handler(batch(events, json.dumps(envelope(brought))), CONTEXT)
    bucket.put_object(Bucket=BUCKET, Key=key_of(), Body=log_object(brought, dropped))
    assert sweep_trail.handler(batch(logs, notice(key_of())), CONTEXT) == {"batchItemFailures": []}
    assert metrics.since() == {"EventsMissed": 1, "RecordsSwept": 2}
    rows = boto3.client("dynamodb").scan(TableName="alerts")["Items"]
    findings = [json.loads(row["finding"]["S"]) for row in rows if row["sk"]["S"].startswith("FINDING#")]
    assert {item["event_id"]: item["road"] for item in findings} == {
        brought["eventID"]: "eventbridge",
        dropped["eventID"]: "trail",
    }
    noted = {row["pk"]["S"]: row["road"]["S"] for row in rows if row["sk"]["S"] == "ARRIVAL"}
    assert noted == {
        f"ARRIVAL#{ACCOUNT}#{brought['eventID']}": "eventbridge",
        f"ARRIVAL#{ACCOUNT}#{dropped['eventID']}": "trail",
    }
    assert sweep_trail.handler(batch(logs, notice(key_of())), CONTEXT) == {"batchItemFailures": []}
    assert metrics.since()["EventsMissed"] == 0, "that nothing was missed is counted too"
    raise_alert.handler(batch(events, json.dumps(envelope(dropped))), CONTEXT)
    assert metrics.since() == {"EventsDeliveredLate": 1}
    assert len(slack.messages("security-alerts")) == 1


def test_the_message_says_what_eventbridge_did_not(deployed, bucket, slack):
    _, logs = deployed
    bucket.put_object(Bucket=BUCKET, Key=key_of(), Body=log_object(deletion()))
    sweep_trail.handler(batch(logs, notice(key_of())), CONTEXT)
    (message,) = slack.messages("security-alerts")
    assert "EventBridge did not deliver this within" in json.dumps(message)
    assert "it was found in the log bucket" in json.dumps(message)


def test_an_object_that_is_not_there_is_announced(deployed, slack):
    _, logs = deployed
    assert sweep_trail.handler(batch(logs, notice(key_of())), CONTEXT) == {"batchItemFailures": []}
    (message,) = slack.messages("security-alerts")
    assert "could not be swept" in json.dumps(message)
    assert "EventBridge did not deliver" not in json.dumps(message)


def test_the_bucket_is_listed_when_the_schedule_asks_for_it(deployed, bucket):
    _, logs = deployed
    now = datetime.now(UTC)
    keys = [key_of(now, suffix=str(number)) for number in range(12)]
    for key in keys:
        bucket.put_object(Bucket=BUCKET, Key=key, Body=log_object(deletion()))
    bucket.put_object(Bucket=BUCKET, Key=key_of(now - timedelta(days=3)), Body=b"long ago")
    asks = {LIST_ATTRIBUTE: {"DataType": "String", "StringValue": "on"}}
    assert sweep_trail.handler(batch(logs, "list", attributes=asks), CONTEXT) == {"batchItemFailures": []}
    told = {name for name, _ in waiting(logs)}
    assert told == set(keys)


def waiting(queue):
    """The keys in the queue, with their messages' handles."""
    sqs, found = boto3.client("sqs"), []
    while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=600).get(
        "Messages"
    ):
        for message in messages:
            if not message["Body"].startswith("{"):
                continue
            found += [(item.key, message["ReceiptHandle"]) for item in notices_in(message["Body"])]
    return found


# The adapters


@pytest.fixture
def arrivals(alert_table):
    client, table = alert_table
    return ArrivalTable(client=client, table=table, retention=timedelta(days=400))


def test_the_first_road_is_remembered_and_strange_ids_are_too(arrivals):
    strange = f"{ACCOUNT}#" + "é" * 4_000
    assert arrivals.note("a#1", Road.EVENTBRIDGE, now=NOW) is None
    assert arrivals.note("a#1", Road.TRAIL, now=NOW) is Road.EVENTBRIDGE
    assert arrivals.note(strange, Road.UNWATCHED, now=NOW) is None
    many = [f"a#{number}" for number in range(250)]
    assert arrivals.known([*many, strange]) == {"a#1": Road.EVENTBRIDGE, strange: Road.UNWATCHED}
    assert arrivals.known([]) == {}
    assert arrivals.known(["a#1", "a#1"]) == {"a#1": Road.EVENTBRIDGE}, "asked twice, as of a doubled record"


def test_a_table_that_answers_a_part_is_asked_for_the_rest(arrivals, monkeypatch):
    arrivals.note("a#1", Road.TRAIL, now=NOW)
    real, asked = arrivals._client.batch_get_item, []

    def partly(**request):
        asked.append(request)
        return real(**request) if len(asked) > 1 else nothing(**request)

    def nothing(**request):
        return {"Responses": {}, "UnprocessedKeys": request["RequestItems"]}

    monkeypatch.setattr(arrivals._client, "batch_get_item", partly)
    assert arrivals.known(["a#1"]) == {"a#1": Road.TRAIL}
    monkeypatch.setattr(arrivals._client, "batch_get_item", nothing)
    monkeypatch.setattr("handlers.adapters.arrivals.time.sleep", lambda _seconds: None)
    with pytest.raises(UnavailableError, match="unanswered"):
        arrivals.known(["a#1"])


def test_a_table_that_is_not_there_is_unavailable(aws):
    arrivals = ArrivalTable(client=boto3.client("dynamodb"), table="none", retention=timedelta(days=1))
    for ask in (lambda: arrivals.known(["a#1"]), lambda: arrivals.note("a#1", Road.TRAIL, now=NOW)):
        with pytest.raises(UnavailableError, match="ResourceNotFoundException"):
            ask()


def test_the_store_tells_what_a_retry_can_help_from_what_it_cannot(bucket):
    store = LogStore(client=boto3.client, bucket=BUCKET)
    bucket.put_object(Bucket=BUCKET, Key="here", Body=b"content")
    assert store.get("here") == b"content"
    with pytest.raises(GoneError):
        store.get("gone")
    bucket.put_object(Bucket=BUCKET, Key="cold", Body=b"x", StorageClass="DEEP_ARCHIVE")
    with pytest.raises(UnfitError, match="archive"):
        store.get("cold")
    with pytest.raises(UnavailableError, match="NoSuchBucket"):
        LogStore(client=boto3.client, bucket="nobodys-bucket").get("x")


def test_an_object_beyond_all_measure_is_not_read(bucket, monkeypatch):
    monkeypatch.setattr("handlers.adapters.log_store.MAXIMUM_BYTES", 10)
    bucket.put_object(Bucket=BUCKET, Key="large", Body=b"x" * 11)
    with pytest.raises(UnfitError, match="11 bytes"):
        LogStore(client=boto3.client, bucket=BUCKET).get("large")


class Lists:
    """The listing, with what it sent and where it would go on."""

    def __init__(self, table):
        client, name = table
        self.listed = ListedTable(client=client, table=name, bucket=BUCKET, retention=timedelta(days=400))
        self.sent, self.on = [], []

    def __call__(self, now, *, after="", left=60.0):
        self.sent = []
        return list_new(
            listing=LogListing(client=boto3.client, bucket=BUCKET, prefix="AWSLogs/"),
            listed=self.listed,
            send=self.sent.extend,
            go_on=self.on.append,
            after=after,
            now=now,
            seconds_left=lambda: left,
            enough=20.0,
        )


def test_each_object_is_found_once_though_names_do_not_come_in_order(alert_table, bucket):
    lists = Lists(alert_table)
    now = NOW.replace(hour=23, minute=55)
    put = lambda key: bucket.put_object(Bucket=BUCKET, Key=key, Body=b"")  # noqa: E731
    put(key_of(now - timedelta(hours=5)))
    put(key_of(now - timedelta(minutes=10), suffix="m"))
    assert lists(now) == 1, "what is older than an hour is for a sweep by hand"
    assert lists(now) == 0
    put(key_of(now - timedelta(minutes=10), suffix="c"))
    put(key_of(now + timedelta(minutes=3), suffix="z"))
    assert lists(now + timedelta(minutes=5)) == 2, "one of them has a name before one that was known"
    tomorrow = now + timedelta(minutes=12)
    assert tomorrow.date() > now.date()
    put(key_of(tomorrow))
    assert lists(now + timedelta(minutes=15)) == 1
    assert lists.sent == [key_of(tomorrow)]
    late = now + timedelta(hours=9)
    put(key_of(late - timedelta(hours=6)))
    assert lists(late) == 1, "nobody listed for nine hours, and nothing is lost"
    assert lists(late + timedelta(minutes=15)) == 0


def test_a_listing_that_runs_out_of_time_goes_on_behind_the_last_place(alert_table, bucket):
    lists = Lists(alert_table)
    regions = ("eu-west-1", "us-east-1", "us-west-2")
    for region in regions:
        bucket.put_object(Bucket=BUCKET, Key=key_of(region=region), Body=b"")
    bucket.put_object(Bucket=BUCKET, Key=f"AWSLogs/{ACCOUNT}/CloudTrail-Digest/{REGION}/2026/x.json.gz", Body=b"")
    assert lists(NOW, left=5.0) == 1
    assert lists.on == [Place(account=ACCOUNT, region="eu-west-1")]
    assert lists(NOW, after=f"{ACCOUNT}/eu-west-1") == 2
    assert [key.split("/")[3] for key in lists.sent] == ["us-east-1", "us-west-2"]


def test_a_listing_that_is_refused_is_unavailable(alert_table, aws):
    with pytest.raises(UnavailableError, match="cannot be listed: NoSuchBucket"):
        Lists(alert_table)(NOW)


@pytest.mark.parametrize("key", ["x", "", "a_CloudTrail_us-east-1_20261399T9999Z_x.json.gz"])
def test_a_name_that_says_no_time_has_none(key):
    assert made_at(key) is None
    assert made_at(key_of()) == NOW.replace(second=0, microsecond=0)


# By hand


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "rootwatch.toml"
    path.write_text(CONFIG)
    return path


@pytest.fixture
def logs(bucket):
    """Three objects of two regions, one more an hour and a half after the time, and a digest; the queue's URL."""
    for key in (
        key_of(NOW),
        key_of(NOW + timedelta(minutes=50)),
        key_of(NOW, region="eu-west-1"),
        key_of(NOW + timedelta(minutes=150)),
    ):
        bucket.put_object(Bucket=BUCKET, Key=key, Body=b"x" * 2_000_000 if "eu-west" in key else b"x")
    bucket.put_object(Bucket=BUCKET, Key=f"AWSLogs/{ACCOUNT}/CloudTrail-Digest/{REGION}/2026/x.json.gz", Body=b"")
    queue = boto3.client("sqs", region_name=REGION).create_queue(QueueName="rootwatch-logs")
    with time_machine.travel("2026-11-02T08:00:00Z", tick=True):
        yield queue["QueueUrl"]


def sweep(config, *options):
    return CliRunner().invoke(app, ["sweep", "--config", str(config), *options])


TIMES = ("--from", "2026-11-02 03:00", "--to", "2026-11-02 04:00")


def test_by_hand_the_objects_of_a_time_are_counted_and_sent(logs, config):
    result = sweep(config, *TIMES)
    assert result.exit_code == 0, result.output
    assert f"{ACCOUNT}  us-east-1  2        0.0" in result.stdout
    assert f"{ACCOUNT}  eu-west-1  1        2.0" in result.stdout
    assert "3 log objects of 2026-11-02 03:00 to 2026-11-02 04:00 UTC on the way" in result.stdout
    assert {key for key, _ in waiting(logs)} == {
        key_of(NOW),
        key_of(NOW + timedelta(minutes=50)),
        key_of(NOW, region="eu-west-1"),
    }


def test_a_dry_run_sends_nothing(logs, config):
    result = sweep(config, *TIMES, "--dry-run", "--region", "us-east-1", "--account", ACCOUNT)
    assert result.exit_code == 0, result.output
    assert "2 log objects" in result.stdout
    assert "Nothing was sent" in result.stdout
    assert waiting(logs) == []


def test_for_programs_there_is_a_line_for_each_object_and_one_for_all(logs, config):
    result = sweep(config, *TIMES, "--json")
    *objects, total = [json.loads(line) for line in result.stdout.splitlines()]
    assert [item["region"] for item in objects] == ["eu-west-1", "us-east-1", "us-east-1"]
    assert (total["objects"], total["sent"], total["dry_run"]) == (3, 3, False)


def test_a_moment_alone_reaches_to_now(logs, config):
    assert "4 log objects" in sweep(config, "--from", "2026-11-02 03:00", "--dry-run").stdout
    assert "4 log objects" in sweep(config, "--from", "today", "--dry-run").stdout


def test_archived_objects_are_left_out_and_the_exit_code_says_so(logs, config, bucket):
    bucket.put_object(Bucket=BUCKET, Key=key_of(suffix="cold"), Body=b"", StorageClass="DEEP_ARCHIVE")
    result = sweep(config, *TIMES)
    assert result.exit_code == 1
    assert "3 log objects" in result.stdout
    assert "1 log objects are left out" in result.stderr


def test_very_many_are_not_swept_by_a_slip(logs, config, monkeypatch):
    monkeypatch.setattr("cli.sweeping.MANY", 2)
    result = sweep(config, *TIMES)
    assert result.exit_code == 1
    assert "3 log objects would be swept" in result.stderr
    assert "add --yes" in result.stderr
    assert waiting(logs) == []
    assert sweep(config, *TIMES, "--yes").exit_code == 0
    assert len(waiting(logs)) == 3


def test_what_is_older_than_the_alerts_may_be_told_again_and_that_is_said(logs, config):
    result = sweep(config, "--from", "2024-01-01", "--to", "2024-01-02", "--dry-run")
    assert result.exit_code == 0
    assert "No log object holds the time" in result.stdout
    assert "may be told again" in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ((), 2, "Missing option '--from'"),
        (("--from", "soon"), 2, "no time that is understood"),
        (("--from", "2026-12-01"), 2, "still to come"),
        (("--from", "2026-11-02", "--to", "2026-11-01"), 2, "ends"),
        (("--from", "2026-11-02", "--account", "alice"), 2, "12 digits"),
        (("--from", "2026-11-02", "--account", "210987654321"), 1, f"those it has: {ACCOUNT}"),
        (("--from", "2026-11-02", "--region", "eu-west-9"), 1, "eu-west-1, us-east-1"),
    ],
)
def test_what_was_typed_wrongly_is_named(logs, config, options, code, said):
    result = sweep(config, *options)
    assert result.exit_code == code
    assert said in " ".join(result.stderr.split())
    assert waiting(logs) == []


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('[trail]\nmode = "skip"\n', '[trail] mode is "skip"'),
        ('[sweep]\nsource = "off"\n', '[sweep] source is "off"'),
    ],
)
def test_a_deployment_that_sweeps_nothing_says_why(config, more, said):
    config.write_text(CONFIG + more)
    result = sweep(config, *TIMES)
    assert result.exit_code == 1
    assert said in result.stderr
    assert "docs/sweep.md" in result.stderr


def test_a_missing_bucket_queue_or_log_is_named_with_the_remedy(aws, config):
    assert "cannot be listed: NoSuchBucket" in sweep(config, "--from", "2026-10").stderr
    s3 = boto3.client("s3", region_name=REGION)
    s3.create_bucket(Bucket=BUCKET)
    assert "there are no log objects in" in sweep(config, "--from", "2026-10").stderr
    s3.put_object(Bucket=BUCKET, Key=key_of(NOW), Body=b"")
    result = sweep(config, "--from", "2026-11-02", "--to", "2026-11-03")
    assert "the queue rootwatch-logs in us-east-1 is not there" in result.stderr
    assert "cdk deploy" in result.stderr
    assert result.exit_code == 1
