-- title: Alerts that nobody has taken
-- title.ja: 未対応のアラート
-- answers: The alerts of MEDIUM and worse that opened before the end of the period and whose last act, if there was any, left them open or escalated.
-- answers.ja: 期間の終わりまでに発生し、最後の操作の後も未対応またはエスカレーション中の 重大度「中」以上のアラート。
-- parameter: history  bigint  "400"  how many days before the period an alert may have begun
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
acts AS (
  SELECT alert, state, version, max(version) OVER (PARTITION BY alert) AS last_version
  FROM transitions
  WHERE day >= :history_day
),
lives AS (
  SELECT DISTINCT alert, state FROM acts WHERE version = last_version
)
SELECT
  found.opened AS time,
  coalesce(lives.state, 'open') AS state,
  found.severity AS severity,
  found.alert_id AS alert
FROM found
LEFT JOIN lives ON lives.alert = found.alert_id
WHERE found.severity >= 3 AND coalesce(lives.state, 'open') IN ('open', 'escalated')
  AND substr(found.opened, 1, 19) >= substr(:history_time, 1, 19) AND :from_time < :to_time
ORDER BY severity DESC, time, alert
