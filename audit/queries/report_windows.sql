-- title: Break-glass windows
-- title.ja: ブレークグラス期間
-- answers: Every break-glass window that reaches into the period, as its last act left it, and who approved it.
-- answers.ja: 期間にかかるブレークグラス期間について、最後の操作後の状態と承認者。
-- parameter: history  bigint  "35"  how many days before the period a window may have been asked for
WITH acts AS (
  SELECT
    "window".id AS id, "window".account AS account, "window".identity AS identity, "window".person AS person,
    "window".ticket AS ticket, "window".starts AS starts, "window".ends AS ends, "window".state AS state,
    "window".approved_by AS approved_by, "window".emergency AS emergency, "window".version AS version,
    max("window".version) OVER (PARTITION BY "window".id) AS last_version
  FROM windows
  WHERE day >= :history_day
)
SELECT DISTINCT
  starts AS time, ends, state, person AS actor, identity AS resource, account, ticket, approved_by, emergency, id
FROM acts
WHERE version = last_version AND account IN (:account)
  AND substr(starts, 1, 19) < substr(:to_time, 1, 19) AND substr(ends, 1, 19) >= substr(:from_time, 1, 19)
ORDER BY time, id
