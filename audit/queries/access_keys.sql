-- title: Access keys created and used
-- title.ja: アクセスキーの作成と使用
-- answers: Access keys created, changed or deleted: by whom, for whom, and when and how often each was used in the period.
-- answers.ja: 作成・変更・削除されたアクセスキー。実行者、対象、期間内の使用状況。
WITH changes AS (
  SELECT DISTINCT
    eventtime, eventname, eventid, errorcode, sourceipaddress, awsregion,
    coalesce(useridentity.arn, useridentity.principalid, useridentity.invokedby, useridentity.accountid, 'unknown') AS actor,
    coalesce(
      json_extract_scalar(requestparameters, '$.userName'),
      json_extract_scalar(responseelements, '$.accessKey.userName'), useridentity.username
    ) AS resource,
    coalesce(
      json_extract_scalar(requestparameters, '$.accessKeyId'),
      json_extract_scalar(responseelements, '$.accessKey.accessKeyId')
    ) AS access_key_id,
    coalesce(recipientaccountid, useridentity.accountid) AS account
  FROM cloudtrail
  WHERE account IN (:account) AND region IN (:region)
  AND day BETWEEN :from_day AND :to_day
  AND eventtime >= :from_time AND eventtime < :to_time
    AND eventsource = 'iam.amazonaws.com'
    AND eventname IN ('CreateAccessKey', 'UpdateAccessKey', 'DeleteAccessKey')
),
used AS (
  SELECT
    useridentity.accesskeyid AS key_id,
    min(eventtime) AS first_used,
    max(eventtime) AS last_used,
    count(DISTINCT eventid) AS calls,
    count(DISTINCT sourceipaddress) AS addresses
  FROM cloudtrail
  WHERE account IN (:account) AND region IN (:region)
  AND day BETWEEN :from_day AND :to_day
  AND eventtime >= :from_time AND eventtime < :to_time
    AND useridentity.accesskeyid LIKE 'AKIA%'
  GROUP BY useridentity.accesskeyid
)
SELECT
  changes.eventtime AS time,
  changes.eventname AS operation,
  changes.actor AS actor,
  changes.resource AS resource,
  changes.access_key_id AS access_key_id,
  used.first_used AS first_used,
  used.last_used AS last_used,
  coalesce(used.calls, 0) AS calls,
  coalesce(used.addresses, 0) AS addresses,
  changes.errorcode AS error,
  changes.sourceipaddress AS source_ip,
  changes.account AS account,
  changes.awsregion AS region,
  changes.eventid AS event_id
FROM changes
LEFT JOIN used ON used.key_id = changes.access_key_id
ORDER BY time, event_id
