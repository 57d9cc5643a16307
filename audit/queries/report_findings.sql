-- title: Findings
-- title.ja: 検出
-- answers: Every finding of the period, quiet or not: what was found, when, about whom, and in which alert.
-- answers.ja: 期間内のすべての検出（通知されなかったものを含む）。内容、日時、実行者、アラート。
SELECT DISTINCT
  coalesce(event_time, received) AS time,
  detection_id AS operation,
  actor,
  subject AS resource,
  source_ip,
  account,
  region,
  severity,
  quiet,
  alert_id AS alert,
  event_id
FROM findings
WHERE account IN (:account) AND region IN (:region)
  AND day BETWEEN :from_day AND :to_day
  AND substr(coalesce(event_time, received), 1, 19) >= substr(:from_time, 1, 19)
  AND substr(coalesce(event_time, received), 1, 19) < substr(:to_time, 1, 19)
ORDER BY time, event_id, operation
