-- title: Grants of rights and credentials
-- title.ja: 権限と認証情報の付与
-- answers: Every finding about rights or credentials that somebody gave in the period: to whom, by whom, and in which alert.
-- answers.ja: 期間内の権限または認証情報の付与に関する検出。付与先、付与した人、アラート。
SELECT DISTINCT
  coalesce(event_time, received) AS time,
  detection_id AS operation,
  actor,
  subject AS resource,
  source_ip,
  account,
  region,
  severity,
  summary,
  alert_id AS alert,
  event_id
FROM findings
WHERE account IN (:account) AND region IN (:region)
  AND day BETWEEN :from_day AND :to_day
  AND substr(coalesce(event_time, received), 1, 19) >= substr(:from_time, 1, 19)
  AND substr(coalesce(event_time, received), 1, 19) < substr(:to_time, 1, 19)
  AND detection_id IN (
    'access-key-created', 'admin-credential-created', 'admin-group-joined', 'admin-policy-attached',
    'admin-policy-written', 'identity-center-grant', 'identity-provider-changed', 'organization-guardrail-changed',
    'permissions-boundary-loosened', 'protecting-deny-removed', 'role-trust-widened', 'root-access-key-created',
    'user-policy-attached'
  )
ORDER BY time, event_id, operation
