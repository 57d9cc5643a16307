-- title: What became of alerts
-- title.ja: アラートの処理結果
-- answers: Each alert with findings in the period: when it was raised, acknowledged and settled, by whom, why, and how many minutes it took.
-- answers.ja: 期間内のアラートごとの発生・確認・解決の時刻、担当者、理由、所要時間。
WITH raised AS (
  SELECT
    alert_id,
    min(received) AS raised_at,
    count(DISTINCT finding_id) AS finding_count,
    array_join(array_agg(DISTINCT detection_id ORDER BY detection_id), ', ') AS detections,
    array_join(array_agg(DISTINCT severity ORDER BY severity), ', ') AS severities,
    min(account) AS account
  FROM findings
  WHERE day BETWEEN :from_day AND :to_day
    AND concat(substr(received, 1, 19), 'Z') >= :from_time
    AND concat(substr(received, 1, 19), 'Z') < :to_time
  GROUP BY alert_id
),
decided AS (
  SELECT
    alert, verb, "by" AS person, "at" AS moment, reason, ticket, cause,
    row_number() OVER (PARTITION BY alert, verb ORDER BY version) AS first_number,
    row_number() OVER (PARTITION BY alert ORDER BY version DESC) AS last_number,
    state
  FROM transitions
)
SELECT
  raised.raised_at AS time,
  raised.detections AS operation,
  acknowledged.person AS acknowledged_by,
  raised.alert_id AS alert_id,
  raised.severities AS severity,
  raised.finding_count AS finding_count,
  acknowledged.moment AS acknowledged_at,
  date_diff(
    'minute', from_iso8601_timestamp(raised.raised_at), from_iso8601_timestamp(acknowledged.moment)
  ) AS minutes_to_acknowledge,
  coalesce(latest.state, 'open') AS state,
  latest.person AS decided_by,
  latest.moment AS decided_at,
  nullif(latest.reason, '') AS reason,
  nullif(latest.ticket, '') AS ticket,
  raised.account AS account
FROM raised
LEFT JOIN decided AS acknowledged
  ON acknowledged.alert = raised.alert_id AND acknowledged.verb = 'acknowledge' AND acknowledged.first_number = 1
LEFT JOIN decided AS latest ON latest.alert = raised.alert_id AND latest.last_number = 1
ORDER BY time, alert_id
