-- title: Unused privileged identities
-- title.ja: 未使用の特権 ID
-- answers: Identities that were made administrator or acted as one in the days before, and did nothing in the period.
-- answers.ja: 以前に管理者になった、または管理者として動いたが、期間内に何もしていない ID。
-- parameter: admin  varchar  "%admin%"  the pattern (LIKE, lower case) by which ARNs of administrators are known
-- parameter: policy  varchar  "%:aws:policy/AdministratorAccess"  the pattern of ARNs of policies that make an administrator
-- parameter: history  bigint  "90"  days before the period that count as known
WITH seen AS (
  SELECT
    CASE
      WHEN useridentity.type = 'Root' THEN 'root'
      ELSE coalesce(useridentity.sessioncontext.sessionissuer.arn, useridentity.arn)
    END AS identity,
    coalesce(recipientaccountid, useridentity.accountid) AS account,
    max(eventtime) AS last_used
  FROM cloudtrail
  WHERE account IN (:account) AND region IN (:region)
  AND day BETWEEN :history_day AND :to_day
  AND eventtime >= :history_time AND eventtime < :to_time
    AND (useridentity.type = 'Root' OR lower(useridentity.arn) LIKE :admin)
  GROUP BY 1, 2
),
granted AS (
  SELECT
    coalesce(
      json_extract_scalar(requestparameters, '$.userName'), json_extract_scalar(requestparameters, '$.roleName'),
      json_extract_scalar(requestparameters, '$.groupName'), json_extract_scalar(requestparameters, '$.policyName'),
      json_extract_scalar(requestparameters, '$.policyArn')
    ) AS name,
    coalesce(recipientaccountid, useridentity.accountid) AS account,
    max(eventtime) AS granted_at
  FROM cloudtrail
  WHERE account IN (:account) AND region IN (:region)
  AND day BETWEEN :history_day AND :to_day
  AND eventtime >= :history_time AND eventtime < :to_time
    AND eventsource = 'iam.amazonaws.com'
    AND errorcode IS NULL
    AND eventname IN ('AttachUserPolicy', 'AttachRolePolicy')
    AND json_extract_scalar(requestparameters, '$.policyArn') LIKE :policy
  GROUP BY 1, 2
),
acted AS (
  SELECT
    coalesce(useridentity.sessioncontext.sessionissuer.username, useridentity.username) AS name,
    coalesce(recipientaccountid, useridentity.accountid) AS account,
    max(eventtime) AS last_used
  FROM cloudtrail
  WHERE account IN (:account) AND region IN (:region)
  AND day BETWEEN :history_day AND :to_day
  AND eventtime >= :history_time AND eventtime < :to_time
    AND useridentity.type IN ('IAMUser', 'AssumedRole')
  GROUP BY 1, 2
),
known AS (
  SELECT identity AS actor, account, last_used, 'acted as one' AS known_because
  FROM seen
  UNION ALL
  SELECT granted.name AS actor, granted.account AS account, acted.last_used AS last_used, 'was granted' AS known_because
  FROM granted
  LEFT JOIN acted ON acted.name = granted.name AND acted.account = granted.account
)
SELECT
  last_used AS time,
  actor,
  known_because,
  account
FROM known
WHERE last_used IS NULL OR last_used < :from_time
ORDER BY actor, account, known_because
