"""A session as a message, a table and a picture: within limits, in every language, whatever the records say."""

from __future__ import annotations

import csv
import dataclasses
import io
import random
import string
import struct
import time
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from handlers.adapters.activity_csv import COLUMNS, csv_of
from handlers.adapters.activity_message import activity_message
from handlers.adapters.activity_picture import picture_of
from handlers.adapters.activity_story import activity_story, who_of
from handlers.adapters.canvas import SIZES, Canvas, drawable, fitted, text_width
from handlers.adapters.slack_message import Message
from handlers.adapters.story import MessageSettings
from handlers.adapters.wording_activity import ENGLISH, LANGUAGES, ActivityWords, activity_words, picture_characters
from handlers.alerting.activity import Activity, Gap, GapKind, Sort, activity_of
from handlers.alerting.event import Event
from handlers.alerting.following import Over, Step
from handlers.alerting.notable_reads import ReadKind
from handlers.alerting.session import Join, SessionKey
from tests.building import ACCOUNT, record
from tests.unit.adapters.inspection import check_message, check_visible
from tests.unit.hostile_strings import HOSTILE

BEGIN = datetime(2026, 11, 2, 3, 0, 0, tzinfo=UTC)
ALICE = f"arn:aws:iam::{ACCOUNT}:user/alice"
KEY = SessionKey(
    accounts=frozenset({ACCOUNT}), principals=frozenset({ALICE}), access_keys=frozenset({"AKIAEXAMPLEALICE"})
)
GAPS = tuple(Gap(kind=kind, source="event history", detail="us-east-1: AccessDenied") for kind in GapKind)


def event(minute: float = 4, **changes: Any) -> Event:
    return Event.parse(record(eventTime=(BEGIN + timedelta(minutes=minute)).isoformat(), **changes))


def activity(*events: Event, gaps: tuple[Gap, ...] = ()) -> Activity:
    return activity_of(KEY, events, BEGIN, BEGIN + timedelta(hours=13), gaps=gaps)


def usual() -> Activity:
    identity = {**record()["userIdentity"], "invokedBy": "cloudformation.amazonaws.com"}
    return activity(
        event(0, eventSource="signin.amazonaws.com", eventName="ConsoleLogin"),
        event(5),
        event(6, requestParameters={"userName": "carol"}),
        event(7, eventSource="s3.amazonaws.com", eventName="PutBucketPolicy"),
        event(9, eventSource="secretsmanager.amazonaws.com", eventName="GetSecretValue", readOnly=True),
        event(10, errorCode="AccessDenied", eventName="CreateAccessKey"),
        event(11, eventSource="ec2.amazonaws.com", eventName="RunInstances", userIdentity=identity),
        *(event(12 + n, eventName="ListUsers", readOnly=True) for n in range(20)),
        gaps=(Gap(kind=GapKind.LAG, source="event history"),),
    )


def hostile(text: str) -> Activity:
    """`text` everywhere a caller, or whoever forges a record, can put it, and a hundred times of it."""
    identity = record()["userIdentity"]
    return activity(
        event(1, eventName=text, eventSource=text),
        event(2, errorCode=text, eventName=text),
        event(3, userIdentity={**identity, "invokedBy": text or "x"}, requestParameters={"userName": text}),
        event(4, readOnly=True, eventSource="kms.amazonaws.com", eventName="Decrypt", resources=[{"ARN": text}]),
        event(5, sourceIPAddress=text, userAgent=text, awsRegion=text, requestParameters={"roleName": text}),
        *(
            event(6, eventName=f"{n}{text}", eventSource=f"{n}{text}", requestParameters={"userName": f"{n}{text}"})
            for n in range(30)
        ),
        *(event(7, errorCode=f"{n}{text}", eventName=f"{text}{n}") for n in range(30)),
        Event.parse({**record(), "eventTime": text, "eventName": text or "x"}),
        gaps=(*GAPS, *(Gap(kind=GapKind.FAILED, source=text, detail=text) for _ in range(10))),
    )


def message(told: Activity, *, language: str = "en", step: Step = Step.SECOND, over: Over | None = None) -> Message:
    settings = MessageSettings(language=language, time_zone="Asia/Tokyo", version="0.1.0")
    words = activity_words(language)
    return activity_message("A0123456789", told, step=step, over=over, settings=settings, attachment=words.attached)


def texts_of(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [
            text
            for key, item in value.items()
            for text in ([item] if key == "text" and isinstance(item, str) else texts_of(item))
        ]
    return [text for item in value for text in texts_of(item)] if isinstance(value, list) else []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("step", Step)
@pytest.mark.parametrize("over", [None, *Over])
def test_every_report_in_every_language_is_within_slacks_limits(language: str, step: Step, over: Over | None) -> None:
    for told in (usual(), activity(), activity(gaps=GAPS)):
        check_message(message(told, language=language, step=step, over=over))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_hostile_gets_out_of_a_message(language: str, text: str) -> None:
    key = dataclasses.replace(KEY, principals=frozenset({text[:300], ALICE}))
    told = dataclasses.replace(hostile(text), key=key)
    check_message(message(told, language=language))


def test_a_report_tells_writes_reads_failures_and_what_may_be_missing() -> None:
    shown = "".join(texts_of(message(usual()).blocks))
    for expected in (
        "Writes: 3 · Notable reads: 1 of 21 · Failed: 1 · By AWS services: 1",
        "iam ×2",
        "CreateUser ×2 bob, carol",
        "03:05:00–03:06:00",
        "secretsmanager:GetSecretValue",
        "the value of a secret",
        "AccessDenied ×1",
        "iam:CreateAccessKey",
        "cloudformation.amazonaws.com ×1",
        "What was changed",
        "access key ×27",
        "CloudTrail's event history may lag behind by 15 minutes",
        "recorded only where a trail is set to",
        "192.0.2.10 ×26",
        "2026-11-02 03:00:00 to 03:31:00 UTC (2026-11-02 12:00:00 to 12:31:00 Asia/Tokyo)",
    ):
        assert expected in shown, expected


def test_where_nothing_was_written_it_says_so() -> None:
    looked = activity(event(eventName="ListUsers", readOnly=True))
    assert "No writes seen." in "".join(texts_of(message(looked).blocks))
    assert "No writes seen." in message(looked).text
    assert "No writes seen." not in "".join(texts_of(message(usual()).blocks))
    assert "Nothing was recorded." in "".join(texts_of(message(activity()).blocks))
    assert "書き込みはありません。" in "".join(texts_of(message(looked, language="ja").blocks))


def test_what_does_not_fit_is_counted() -> None:
    many = activity(*(event(n / 10, eventSource=f"service{n}.amazonaws.com") for n in range(50)))
    shown = "".join(texts_of(message(many).blocks))
    assert "and 38 more" in shown


def test_an_arn_is_shown_by_what_it_names() -> None:
    listed = [{"ARN": f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:prod/db-AbCdEf"}]
    shown = "".join(texts_of(message(activity(event(resources=listed))).blocks))
    assert "secret:prod/db-AbCdEf" in shown
    assert "arn:aws:secretsmanager" not in shown


@pytest.mark.parametrize(
    ("arns", "who"),
    [
        ({f"arn:aws:iam::{ACCOUNT}:root"}, "root"),
        ({f"arn:aws:sts::{ACCOUNT}:assumed-role/Admin/alice"}, "Admin/alice"),
        ({ALICE}, "alice"),
        (set(), "AKIAEXAMPLEALICE"),
    ],
)
def test_people_are_called_by_their_short_names(arns: set[str], who: str) -> None:
    told = dataclasses.replace(activity(), key=dataclasses.replace(KEY, principals=frozenset(arns)))
    assert who_of(told) == who


# --- words ---


def _gaps(text: str) -> set[str | None]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def _texts(words: ActivityWords) -> dict[str, str]:
    texts: dict[str, str] = {}
    for item in dataclasses.fields(words):
        value = getattr(words, item.name)
        texts.update(
            {f"{item.name}.{key}": text for key, text in value.items()}
            if isinstance(value, Mapping)
            else {item.name: value}
        )
    return texts


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_says_everything_with_the_same_gaps_to_fill(language: str) -> None:
    texts, english = _texts(activity_words(language)), _texts(ENGLISH)
    assert texts.keys() == english.keys()
    for key, text in texts.items():
        assert text.strip(), key
        assert _gaps(text) == _gaps(english[key]), key
        # Only punctuation is the same in both.
        assert language == "en" or text != english[key] or key in {"label", "times"}, key


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_has_a_word_for_everything_that_is_told(language: str) -> None:
    words = activity_words(language)
    for told, kinds in (
        (words.titles, Step),
        (words.over, Over),
        (words.joins, Join),
        (words.reads, ReadKind),
        (words.gaps, GapKind),
        (words.sorts, Sort),
        (words.picture_sorts, Sort),
    ):
        assert set(told) == set(kinds)


def test_a_language_that_we_do_not_have_is_english() -> None:
    assert activity_words("fr") is ENGLISH


@pytest.mark.parametrize("size", SIZES)
def test_every_letter_of_a_pictures_words_can_be_drawn(size: str) -> None:
    """Where this fails: `python -m local.glyphs`."""
    needed = picture_characters() + string.ascii_letters + string.digits + "–·…×:/-"
    assert drawable(needed, size) == needed


# --- the table ---


def rows_of(told: Activity, time_zone: str = "Asia/Tokyo") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(csv_of(told, time_zone=time_zone).decode("utf-8-sig"), newline="")))


def test_the_table_has_every_record_with_both_times() -> None:
    rows = rows_of(usual())
    assert len(rows) == 27
    assert list(rows[0]) == list(COLUMNS)
    assert (rows[1]["time_utc"], rows[1]["time_local"]) == ("2026-11-02 03:05:00+00:00", "2026-11-02 12:05:00+09:00")
    assert [row["kind"] for row in rows[:7]] == [
        *("sign-in", "write", "write", "write", "notable read", "failed", "by a service")
    ]
    assert rows[1]["resources"] == "bob"
    assert rows[1]["joined_by"] == "access key"


def test_the_table_is_as_rfc_4180_wants_it() -> None:
    content = csv_of(activity(event(userAgent='say "hello", again')), time_zone="UTC")
    text = content.decode("utf-8-sig")
    assert text.endswith("\r\n")
    assert text.count("\r\n") == text.count("\n") == 2
    assert '"say ""hello"", again"' in text


@pytest.mark.parametrize("text", HOSTILE)
def test_no_cell_is_a_formula_or_breaks_its_line(text: str) -> None:
    told = hostile(text)
    content = csv_of(told, time_zone="Asia/Tokyo").decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(content, newline="")))
    assert len(rows) == 1 + len(told.events)
    for row in rows:
        assert len(row) == len(COLUMNS)
        for cell in row:
            check_visible(cell)
            assert not cell.lstrip(' \ufffd"').startswith(("=", "+", "-", "@", "|", "＝", "＋", "－", "＠")), cell


@pytest.mark.parametrize("zone", ["Nowhere/AtAll", "", "../../etc/passwd", "Asia/Tokyo\0"])
def test_a_time_zone_that_is_not_there_costs_only_the_local_times(zone: str) -> None:
    assert rows_of(usual(), zone)[1]["time_local"] == "2026-11-02 03:05:00+00:00"


def test_years_at_the_edge_of_time_are_no_reason_to_fail() -> None:
    edges = [Event.parse(record(eventTime=text)) for text in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z")]
    told = activity_of(KEY, edges, datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
    assert len(told.events) == 2
    for language in LANGUAGES:
        check_message(message(told, language=language))
    assert picture(told)
    assert len(rows_of(told)) == 2


# --- the picture ---


def picture(told: Activity, *, language: str = "en", who: str = "alice") -> bytes:
    settings = MessageSettings(language=language, time_zone="Asia/Tokyo")
    return picture_of(told, who=who, account=f"shop ({ACCOUNT})", settings=settings)


def pixels_of(png: bytes) -> tuple[int, int, bytes]:
    """Width, height and the rows of a PNG, its check sums checked."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    place, data, width, height = 8, b"", 0, 0
    while place < len(png):
        length = struct.unpack(">I", png[place : place + 4])[0]
        kind, content = png[place + 4 : place + 8], png[place + 8 : place + 8 + length]
        assert struct.unpack(">I", png[place + 8 + length : place + 12 + length])[0] == zlib.crc32(kind + content)
        if kind == b"IHDR":
            width, height = struct.unpack(">II", content[:8])
            assert content[8:] == bytes([8, 2, 0, 0, 0])
        elif kind == b"IDAT":
            data += content
        place += 12 + length
    rows = zlib.decompress(data)
    assert len(rows) == height * (1 + 3 * width)
    return width, height, rows


def has_colour(rows: bytes, colour: tuple[int, int, int]) -> bool:
    return bytes(colour) * 4 in rows


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_picture_is_a_png_that_shows_each_kind_of_deed_in_its_colour(language: str) -> None:
    width, height, rows = pixels_of(picture(usual(), language=language))
    assert (width, height) == (1600, 200 + 5 * 56 + 130)
    for colour in ((192, 86, 0), (192, 19, 67), (110, 40, 160), (0, 122, 90)):
        assert has_colour(rows, colour), colour


def test_more_services_than_lines_share_the_last_one() -> None:
    many = activity(*(event(n, eventSource=f"service{n}.amazonaws.com") for n in range(50)))
    _, height, _ = pixels_of(picture(many))
    assert height == 200 + 10 * 56 + 130


@pytest.mark.parametrize("told", [activity(), activity(event()), activity(event(1), event(700))])
def test_nothing_a_single_moment_or_half_a_day_can_be_drawn(told: Activity) -> None:
    pixels_of(picture(told))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_draw_letters_that_we_have_and_nothing_else(text: str) -> None:
    width, height, _ = pixels_of(picture(hostile(text), who=text))
    assert (width, height) == (1600, 200 + 10 * 56 + 130)
    assert set(drawable(text)) <= set(drawable(string.printable)) | set(picture_characters()) | set("–·…×")


def test_drawing_outside_of_the_canvas_is_not_seen_and_no_error() -> None:
    canvas = Canvas(20, 10)
    blank = canvas.png()
    canvas.rectangle(-50, -50, 20, 20, (0, 0, 0))
    canvas.rectangle(30, 0, 5, 5, (0, 0, 0))
    canvas.text(-500, -500, "far away", (0, 0, 0))
    canvas.text(100, 100, "far away", (0, 0, 0))
    assert canvas.png() == blank
    canvas.disc(0, 0, 5, (0, 0, 0))
    canvas.text(15, 9, "W", (0, 0, 0))
    assert canvas.png() != blank


def test_a_text_that_is_too_wide_ends_in_dots() -> None:
    shown = fitted("a" * 1_000_000, 200)
    assert shown.endswith("…")
    assert text_width(shown) <= 200
    assert fitted("short", 200) == "short"


# --- much of it ---


def test_ten_thousand_records_are_told_in_seconds() -> None:
    """It prints what each part took."""
    chance = random.Random(7)
    services = [f"service{n}.amazonaws.com" for n in range(40)]
    events = [
        event(
            chance.random() * 600,
            eventSource=chance.choice(services),
            eventName=f"Call{chance.randrange(200)}",
            readOnly=chance.random() < 0.7,
            requestParameters={"resourceName": f"thing-{chance.randrange(5_000)}"},
            **({"errorCode": "AccessDenied"} if chance.random() < 0.1 else {}),
        )
        for _ in range(10_000)
    ]
    took: dict[str, float] = {}

    def timed(what: str, begun: float) -> float:
        took[what] = time.perf_counter() - begun
        return time.perf_counter()

    begun = time.perf_counter()
    told = activity(*events)
    begun = timed("sorted out", begun)
    check_message(message(told))
    check_message(message(told, language="ja"))
    begun = timed("two messages, checked", begun)
    assert csv_of(told, time_zone="UTC").count(b"\r\n") == 10_001
    begun = timed("table", begun)
    pixels_of(picture(told))
    timed("picture", begun)
    print({what: round(seconds, 3) for what, seconds in took.items()})
    assert sum(took.values()) < 20, took


def test_random_reports_are_within_slacks_limits_in_both_languages() -> None:
    chance = random.Random(11)
    for number in range(100):
        text = chance.choice(HOSTILE)[: chance.randrange(1, 400)]
        events = [
            event(
                chance.random() * 700,
                eventSource=chance.choice([text, "iam.amazonaws.com", f"{chance.random()}{text}"]),
                eventName=f"{text}{chance.randrange(50)}",
                readOnly=chance.choice([True, False, "true", None, text]),
                requestParameters={"userName": text, "roleName": f"{text}{chance.random()}"},
                sourceIPAddress=f"{text}{chance.randrange(9)}",
                **({"errorCode": f"{text}{chance.randrange(40)}"} if chance.random() < 0.4 else {}),
            )
            for _ in range(chance.randrange(0, 40))
        ]
        told = activity(*events, gaps=GAPS[: chance.randrange(len(GAPS))])
        language = list(LANGUAGES)[number % 2]
        check_message(
            message(told, language=language, step=chance.choice(list(Step)), over=chance.choice([None, *Over]))
        )


def test_the_story_is_the_same_for_the_terminal() -> None:
    story = activity_story(usual(), step=Step.NOW, over=None, words=ENGLISH, time_zone="UTC")
    assert [section.title for section in story.sections] == [
        ENGLISH.writes,
        ENGLISH.notable,
        ENGLISH.failures,
        ENGLISH.by_services,
        ENGLISH.resources,
    ]
