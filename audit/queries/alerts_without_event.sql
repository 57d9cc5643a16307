-- title: Alerts without an event
-- title.ja: イベントのないアラート
-- answers: Findings about calls of which the log has no record: a gap in the log, or a forged event.
-- answers.ja: ログに記録のない呼び出しの検知。ログの欠落か偽造の可能性。
WITH events AS (
  SELECT DISTINCT eventid
  FROM cloudtrail
  WHERE account IN (:account) AND region IN (:region)
  AND day BETWEEN :from_day AND :to_day
  AND eventtime >= :from_time AND eventtime < :to_time
)
SELECT DISTINCT
  concat(substr(findings.event_time, 1, 19), 'Z') AS time,
  findings.event_name AS operation,
  findings.actor AS actor,
  findings.subject AS resource,
  findings.detection_id AS detection_id,
  findings.alert_id AS alert_id,
  findings.road AS road,
  findings.source_ip AS source_ip,
  findings.account AS account,
  findings.region AS region,
  findings.event_id AS event_id
FROM findings
WHERE findings.day >= :from_day
  AND concat(substr(findings.event_time, 1, 19), 'Z') >= :from_time
  AND concat(substr(findings.event_time, 1, 19), 'Z') < :to_time
  AND findings.account IN (:account) AND findings.region IN (:region)
  AND findings.access_key_id IS NOT NULL
  AND findings.event_service LIKE '%.amazonaws.com'
  AND NOT EXISTS (SELECT 1 FROM events WHERE events.eventid = findings.event_id)
ORDER BY time, event_id, detection_id
