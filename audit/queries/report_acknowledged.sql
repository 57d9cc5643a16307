-- title: How soon somebody took each alert
-- title.ja: 各アラートに対応するまでの時間
-- answers: When a person first did something about each alert of MEDIUM and worse that opened in the period, and after how many seconds; sorted by them, so that the median is the row in the middle.
-- answers.ja: 期間内に発生した 重大度「中」以上の各アラートに、人が最初に対応した時刻と経過秒数。秒数順のため、中央の行が中央値。
-- parameter: history  bigint  "120"  how many days before the period an alert may have begun, which then opened earlier
WITH found AS (
  SELECT
    alert_id,
    min(received) AS opened,
    max(
      CASE
        WHEN quiet IS NOT NULL THEN 0
        WHEN severity = 'CRITICAL' THEN 5 WHEN severity = 'HIGH' THEN 4 WHEN severity = 'MEDIUM' THEN 3
        WHEN severity = 'LOW' THEN 2 ELSE 1
      END
    ) AS severity
  FROM findings
  WHERE account IN (:account) AND region IN (:region)
    AND day BETWEEN :history_day AND :to_day
    AND substr(received, 1, 19) < substr(:to_time, 1, 19)
  GROUP BY alert_id
),
taken AS (
  SELECT alert, min("at") AS taken
  FROM transitions
  WHERE day >= :from_day AND "by" <> 'rootwatch'
  GROUP BY alert
)
SELECT
  found.opened AS time,
  taken.taken AS taken,
  found.severity AS severity,
  date_diff('second', from_iso8601_timestamp(found.opened), from_iso8601_timestamp(taken.taken)) AS seconds,
  found.alert_id AS alert
FROM found
JOIN taken ON taken.alert = found.alert_id
WHERE found.severity >= 3 AND substr(found.opened, 1, 19) >= substr(:from_time, 1, 19)
ORDER BY seconds, alert
