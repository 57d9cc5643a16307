-- title: Findings that were kept quiet
-- title.ja: 通知されなかった検出
-- answers: Every finding of the period that a suppression or a declared deployer kept quiet, and why.
-- answers.ja: 期間内に抑制または宣言されたデプロイロールにより通知されなかった検出と、その理由。
SELECT DISTINCT
  coalesce(event_time, received) AS time,
  detection_id AS operation,
  actor,
  subject AS resource,
  source_ip,
  account,
  region,
  quiet AS reason,
  alert_id AS alert,
  event_id
FROM findings
WHERE account IN (:account) AND region IN (:region)
  AND day BETWEEN :from_day AND :to_day
  AND substr(coalesce(event_time, received), 1, 19) >= substr(:from_time, 1, 19)
  AND substr(coalesce(event_time, received), 1, 19) < substr(:to_time, 1, 19)
  AND quiet IS NOT NULL
ORDER BY time, event_id, operation
