-- title: Sessions of root and of administrators
-- title.ja: ルートユーザーと管理者のセッション
-- answers: Every session of root or an administrator that began in the period, by its sign-in or access key, with the break-glass window it was held against.
-- answers.ja: 期間内に始まったルートユーザーまたは管理者のセッションと、照合されたブレークグラス期間。
WITH begun AS (
  SELECT DISTINCT
    coalesce(event_time, received) AS time, finding_id, detection_id, actor, source_ip, account, region, alert_id,
    window_id, standing,
    coalesce(
      json_extract_scalar(session, '$.sign_ins[0]'), json_extract_scalar(session, '$.access_keys[0]'), finding_id
    ) AS session_key
  FROM findings
  WHERE account IN (:account) AND region IN (:region)
    AND day BETWEEN :from_day AND :to_day
    AND substr(coalesce(event_time, received), 1, 19) >= substr(:from_time, 1, 19)
    AND substr(coalesce(event_time, received), 1, 19) < substr(:to_time, 1, 19)
    AND detection_id IN (
      'root-console-login', 'root-activity', 'root-session-assumed', 'root-federated',
      'admin-session-started', 'admin-console-login'
    )
)
SELECT
  min(time) AS time,
  max(CASE WHEN detection_id LIKE 'root-%' THEN 'root' ELSE 'administrator' END) AS kind,
  min(actor) AS actor,
  min(source_ip) AS source_ip,
  min(account) AS account,
  max(window_id) AS window,
  max(standing) AS standing,
  session_key
FROM begun
GROUP BY session_key
ORDER BY time, session_key
