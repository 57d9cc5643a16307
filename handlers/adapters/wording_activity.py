"""The fixed words of a report on a session, in each language: of the message, of the picture and of the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from handlers.alerting.activity import GapKind, Sort
from handlers.alerting.following import Over, Step
from handlers.alerting.notable_reads import ReadKind
from handlers.alerting.session import Join


@dataclass(frozen=True, kw_only=True)
class ActivityWords:
    """One language. A text with {braces} is filled with `str.format`; the names in braces are the same in each."""

    titles: Mapping[Step, str]
    over: Mapping[Over, str]
    joins: Mapping[Join, str]
    reads: Mapping[ReadKind, str]  # why a read is told
    gaps: Mapping[GapKind, str]
    sources: Mapping[str, str]  # by the source's name
    sorts: Mapping[Sort, str]

    # Labels
    who: str
    period: str
    addresses: str
    regions: str
    joined: str
    label: str

    # What was done
    nothing: str
    no_writes: str
    counts: str
    period_value: str
    sessions: str
    times: str
    more: str

    # Sections
    writes: str
    notable: str
    failures: str
    by_services: str
    resources: str
    missing: str

    # Files
    attached: str
    no_scope: str
    not_attached: str
    csv_title: str
    picture_title: str
    picture_alt: str
    bare: str

    # In the picture: every character of these is drawn from glyphs.json
    picture_heading: str
    picture_counts: str
    picture_no_writes: str
    picture_nothing: str
    picture_other: str
    picture_sorts: Mapping[Sort, str]


ENGLISH = ActivityWords(
    titles={
        Step.FIRST: "What was done: the first 15 minutes",
        Step.SECOND: "What was done: the first hour",
        Step.END: "What was done: the session is over",
        Step.AFTER_ALL: "What was done: the session went on after it seemed over",
        Step.NOW: "What was done until now",
    },
    over={
        Over.SIGNED_OUT: "CloudTrail recorded its end.",
        Over.EXPIRED: "Its credentials are no longer valid.",
        Over.SILENT: "Nothing was recorded of it for 30 minutes, so it counts as over.",
    },
    joins={
        Join.SIGN_IN: "sign-in session",
        Join.ACCESS_KEY: "access key",
        Join.PRINCIPAL: "identity and time",
    },
    reads={
        ReadKind.SECRET: "the value of a secret",
        ReadKind.DATA: "data",
        ReadKind.DECRYPTION: "something was decrypted",
        ReadKind.CREDENTIALS: "credentials were handed out",
        ReadKind.SESSION: "another session was opened",
        ReadKind.BILLING: "billing and costs",
        ReadKind.IDENTITIES: "who is there and may do what",
        ReadKind.MACHINE: "code, settings or the screen of a machine",
    },
    gaps={
        GapKind.FAILED: "{source} could not be read: {detail}.",
        GapKind.CUT: "{source} has more than was read: {detail}.",
        GapKind.LAG: "{source} may lag behind by 15 minutes: the newest records can be missing.",
        GapKind.HISTORY: "{source} reaches back 90 days; what is older is missing.",
        GapKind.DATA_EVENTS: "Reading and writing of data (objects, items) is recorded only where a trail is set to.",
        GapKind.ELSEWHERE: "{source}: account {detail} cannot be asked, Rootwatch has no rights there.",
        GapKind.UNKNOWN_SESSION: "The record names neither a session, nor an access key, nor an identity to follow.",
    },
    sources={
        "event history": "CloudTrail's event history",
        "log bucket": "The trail's log bucket",
        "findings": "The alert table",
    },
    sorts={
        Sort.SIGNING: "sign-in",
        Sort.WRITE: "write",
        Sort.READ: "read",
        Sort.NOTABLE: "notable read",
        Sort.FAILED: "failed",
        Sort.BY_SERVICE: "by an AWS service",
    },
    who="Who",
    period="When",
    addresses="From",
    regions="Regions",
    joined="Joined by",
    label="{label}:",
    nothing="Nothing was recorded.",
    no_writes="No writes seen.",
    counts="Writes: {writes} · Notable reads: {notable} of {reads} · Failed: {failed} · By AWS services: {services}",
    period_value="{first} to {last}",
    sessions="{count} sets of credentials are among them",
    times="{text} ×{count}",
    more="and {count} more",
    writes="Writes, by service",
    notable="Notable reads",
    failures="Failed attempts",
    by_services="What AWS services did on its behalf",
    resources="What was changed",
    missing="What may be missing",
    attached="Every record is in the attached CSV file.",
    no_scope=(
        "The CSV file and the picture are not attached: the app lacks the scope files:write. Add it, install the app "
        "again, or run: rootwatch activity"
    ),
    not_attached="The CSV file and the picture could not be attached ({reason}). They come with: rootwatch activity",
    csv_title="Every record of the session",
    picture_title="The session as a timeline",
    picture_alt="Timeline of a session: {counts}. {first} to {last}.",
    bare="A report on the session of alert {alert}. Slack refuses to show it; run: rootwatch activity",
    picture_heading="What {who} did",
    picture_counts="Writes: {writes} · Notable reads: {notable} · Failed: {failed}",
    picture_no_writes="No writes seen",
    picture_nothing="Nothing was recorded",
    picture_other="{count} other services",
    picture_sorts={
        Sort.SIGNING: "sign-in",
        Sort.WRITE: "write",
        Sort.READ: "read",
        Sort.NOTABLE: "notable read",
        Sort.FAILED: "failed",
        Sort.BY_SERVICE: "by an AWS service",
    },
)

JAPANESE = ActivityWords(
    titles={
        Step.FIRST: "操作内容: 最初の 15 分間",
        Step.SECOND: "操作内容: 最初の 1 時間",
        Step.END: "操作内容: セッション終了",
        Step.AFTER_ALL: "操作内容: 終了と判断した後も続いていたセッション",
        Step.NOW: "操作内容: 現在まで",
    },
    over={
        Over.SIGNED_OUT: "CloudTrail に終了の記録があります。",
        Over.EXPIRED: "認証情報の有効期限が切れました。",
        Over.SILENT: "30 分間記録がないため、終了とみなします。",
    },
    joins={
        Join.SIGN_IN: "サインインセッション",
        Join.ACCESS_KEY: "アクセスキー",
        Join.PRINCIPAL: "ID と時刻",
    },
    reads={
        ReadKind.SECRET: "シークレットの値",
        ReadKind.DATA: "データ",
        ReadKind.DECRYPTION: "復号",
        ReadKind.CREDENTIALS: "認証情報の取得",
        ReadKind.SESSION: "別のセッションの開始",
        ReadKind.BILLING: "請求とコスト",
        ReadKind.IDENTITIES: "ID と権限の一覧",
        ReadKind.MACHINE: "コード、設定、インスタンスの画面",
    },
    gaps={
        GapKind.FAILED: "{source}を読み取れませんでした: {detail}",
        GapKind.CUT: "{source}には、読み取っていない記録があります: {detail}",
        GapKind.LAG: "{source}には最大 15 分の遅れがあり、最新の記録が含まれていない可能性があります。",
        GapKind.HISTORY: "{source}で確認できるのは過去 90 日間です。それより前の記録は含まれません。",
        GapKind.DATA_EVENTS: (
            "データ (オブジェクト、項目) の読み書きは、証跡でデータイベントを記録している場合にのみ残ります。"
        ),
        GapKind.ELSEWHERE: "{source}: アカウント {detail} には Rootwatch の権限がなく、確認できません。",
        GapKind.UNKNOWN_SESSION: "記録に、追跡できるセッション、アクセスキー、ID がありません。",
    },
    sources={
        "event history": "CloudTrail のイベント履歴",
        "log bucket": "証跡のログバケット",
        "findings": "アラートテーブル",
    },
    sorts={
        Sort.SIGNING: "サインイン",
        Sort.WRITE: "書き込み",
        Sort.READ: "読み取り",
        Sort.NOTABLE: "注意すべき読み取り",
        Sort.FAILED: "失敗",
        Sort.BY_SERVICE: "AWS サービスによる操作",
    },
    who="実行者",
    period="日時",
    addresses="送信元",
    regions="リージョン",
    joined="関連付け",
    label="{label}:",
    nothing="記録はありません。",
    no_writes="書き込みはありません。",
    counts="書き込み {writes} 件 · 読み取り {reads} 件中、注意すべきもの {notable} 件 · 失敗 {failed} 件 · "
    "AWS サービスによる操作 {services} 件",
    period_value="{first} から {last}",
    sessions="{count} 組の認証情報を含みます",
    times="{text} ×{count}",
    more="ほか {count} 件",
    writes="書き込み (サービス別)",
    notable="注意すべき読み取り",
    failures="失敗した操作",
    by_services="AWS サービスが代わりに行った操作",
    resources="変更されたリソース",
    missing="含まれていない可能性があるもの",
    attached="すべての記録は添付の CSV ファイルにあります。",
    no_scope=(
        "アプリに files:write スコープがないため、CSV ファイルと図を添付していません。スコープを追加してアプリを"
        "再インストールするか、次を実行してください: rootwatch activity"
    ),
    not_attached="CSV ファイルと図を添付できませんでした ({reason})。次で取得できます: rootwatch activity",
    csv_title="セッションの全記録",
    picture_title="セッションのタイムライン",
    picture_alt="セッションのタイムライン: {counts}。{first} から {last}。",
    bare="アラート {alert} のセッションの報告です。Slack で表示できません。次を実行してください: rootwatch activity",
    picture_heading="{who} の操作",
    picture_counts="書き込み {writes} 件、注意すべき読み取り {notable} 件、失敗 {failed} 件",
    picture_no_writes="書き込みはありません",
    picture_nothing="記録はありません",
    picture_other="ほか {count} サービス",
    picture_sorts={
        Sort.SIGNING: "サインイン",
        Sort.WRITE: "書き込み",
        Sort.READ: "読み取り",
        Sort.NOTABLE: "注意すべき読み取り",
        Sort.FAILED: "失敗",
        Sort.BY_SERVICE: "AWS サービス",
    },
)

LANGUAGES: Mapping[str, ActivityWords] = {"en": ENGLISH, "ja": JAPANESE}


def activity_words(language: str) -> ActivityWords:
    """The words of a language by its two letters; English for one we do not have."""
    return LANGUAGES.get(language, ENGLISH)


def picture_characters() -> str:
    """Every character that a picture's own words are written with, in any language."""
    texts = [
        text
        for words in LANGUAGES.values()
        for name in vars(words)
        if name.startswith("picture_") and name not in ("picture_title", "picture_alt")
        for value in [getattr(words, name)]
        for text in (value.values() if isinstance(value, Mapping) else [value])
    ]
    return "".join(sorted({character for text in texts for character in text}))
