-- title: Events without an alert
-- title.ja: アラートのないイベント
-- answers: Root sign-ins and root’s changes, grants of administrator rights and changes of trails of which no finding was recorded.
-- answers.ja: 検知が記録されていない重要イベント（ルート操作、管理者付与、証跡変更）。
-- parameter: policy  varchar  "%:aws:policy/AdministratorAccess"  the pattern of ARNs of policies that make an administrator
WITH events AS (
  SELECT DISTINCT
    eventtime, eventname, eventid, eventsource, errorcode, sourceipaddress, awsregion,
    coalesce(useridentity.arn, useridentity.principalid, useridentity.invokedby, useridentity.accountid, 'unknown') AS actor,
    coalesce(recipientaccountid, useridentity.accountid) AS account
  FROM cloudtrail
  WHERE account IN (:account) AND region IN (:region)
  AND day BETWEEN :from_day AND :to_day
  AND eventtime >= :from_time AND eventtime < :to_time
    AND (
      (useridentity.type = 'Root' AND (useridentity.invokedby IS NULL OR useridentity.invokedby = 'signin.amazonaws.com')
        AND (eventname = 'ConsoleLogin' OR coalesce(readonly, 'false') <> 'true'))
      OR (
        eventsource = 'iam.amazonaws.com' AND errorcode IS NULL
        AND eventname IN ('AttachUserPolicy', 'AttachRolePolicy', 'AttachGroupPolicy')
        AND json_extract_scalar(requestparameters, '$.policyArn') LIKE :policy
      )
      OR (
        eventsource = 'cloudtrail.amazonaws.com'
        AND eventname IN ('StopLogging', 'DeleteTrail', 'UpdateTrail', 'PutEventSelectors')
      )
    )
)
SELECT
  events.eventtime AS time,
  events.eventname AS operation,
  events.actor AS actor,
  events.eventsource AS service,
  events.errorcode AS error,
  events.sourceipaddress AS source_ip,
  events.account AS account,
  events.awsregion AS region,
  events.eventid AS event_id
FROM events
WHERE NOT EXISTS (
  SELECT 1 FROM findings WHERE findings.day >= :from_day AND findings.event_id = events.eventid
)
ORDER BY time, event_id
