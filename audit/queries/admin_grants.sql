-- title: Who became administrator
-- title.ja: 管理者になった者
-- answers: Every grant of administrator rights in IAM that succeeded: how, to whom, by whom, with the break-glass window and its approver where there was one.
-- answers.ja: 成功した管理者権限の付与。方法、対象、実行者、ブレークグラス期間とその承認者を示す。
-- parameter: policy  varchar  "%:aws:policy/AdministratorAccess"  the pattern of ARNs of policies that make an administrator
-- parameter: admin  varchar  "%admin%"  the pattern (LIKE, lower case) by which ARNs of administrators are known
WITH grants AS (
  SELECT DISTINCT
    eventtime, eventname, eventid, sourceipaddress, awsregion,
    coalesce(useridentity.arn, useridentity.principalid, useridentity.invokedby, useridentity.accountid, 'unknown') AS actor,
    coalesce(
      json_extract_scalar(requestparameters, '$.userName'), json_extract_scalar(requestparameters, '$.roleName'),
      json_extract_scalar(requestparameters, '$.groupName'), json_extract_scalar(requestparameters, '$.policyName'),
      json_extract_scalar(requestparameters, '$.policyArn')
    ) AS resource,
    coalesce(
      json_extract_scalar(requestparameters, '$.policyArn'),
      json_extract_scalar(requestparameters, '$.policyDocument'),
      json_extract_scalar(requestparameters, '$.groupName')
    ) AS granted,
    coalesce(recipientaccountid, useridentity.accountid) AS account
  FROM cloudtrail
  WHERE account IN (:account) AND region IN (:region)
  AND day BETWEEN :from_day AND :to_day
  AND eventtime >= :from_time AND eventtime < :to_time
    AND eventsource = 'iam.amazonaws.com'
    AND errorcode IS NULL
    AND (
      (
        eventname IN ('AttachUserPolicy', 'AttachRolePolicy', 'AttachGroupPolicy')
        AND json_extract_scalar(requestparameters, '$.policyArn') LIKE :policy
      )
      OR (
        eventname IN ('PutUserPolicy', 'PutRolePolicy', 'PutGroupPolicy', 'CreatePolicy', 'CreatePolicyVersion')
        AND (
          regexp_like(
            json_extract_scalar(requestparameters, '$.policyDocument'),
            '"Effect" *: *"Allow"[^}]*"Action" *: *(\[[^]]*)?"([*]|[*]:[*]|iam:[*])"'
          )
          OR regexp_like(
            json_extract_scalar(requestparameters, '$.policyDocument'),
            '"Action" *: *(\[[^]]*)?"([*]|[*]:[*]|iam:[*])"[^}]*"Effect" *: *"Allow"'
          )
        )
      )
      OR (eventname = 'AddUserToGroup' AND lower(json_extract_scalar(requestparameters, '$.groupName')) LIKE :admin)
    )
),
alerts AS (
  SELECT event_id, max(alert_id) AS alert_id, max(window_id) AS window_id
  FROM findings
  WHERE day >= :from_day
  GROUP BY event_id
),
approvals AS (
  SELECT "window".id AS id, max("window".approved_by) AS approved_by, max("window".ticket) AS ticket
  FROM windows
  GROUP BY "window".id
)
SELECT
  grants.eventtime AS time,
  grants.eventname AS operation,
  grants.actor AS actor,
  grants.resource AS resource,
  grants.granted AS granted,
  alerts.alert_id AS alert_id,
  nullif(alerts.window_id, '') AS window_id,
  approvals.approved_by AS approved_by,
  approvals.ticket AS ticket,
  grants.sourceipaddress AS source_ip,
  grants.account AS account,
  grants.awsregion AS region,
  grants.eventid AS event_id
FROM grants
LEFT JOIN alerts ON alerts.event_id = grants.eventid
LEFT JOIN approvals ON approvals.id = alerts.window_id
ORDER BY time, event_id
