-- title: Organisation changes
-- title.ja: 組織の変更
-- answers: Every change of the organisation: accounts, units, policies, delegated administrators, and attempts that failed.
-- answers.ja: 組織の変更。アカウント、OU、ポリシー、委任管理者。失敗した試みも含む。
SELECT DISTINCT
  eventtime AS time,
  eventname AS operation,
  coalesce(useridentity.arn, useridentity.principalid, useridentity.invokedby, useridentity.accountid, 'unknown') AS actor,
  coalesce(json_extract_scalar(requestparameters, '$.accountId'), json_extract_scalar(requestparameters, '$.policyId'), json_extract_scalar(requestparameters, '$.targetId')) AS resource,
  requestparameters AS request,
  errorcode AS error,
  sourceipaddress AS source_ip,
  coalesce(recipientaccountid, useridentity.accountid) AS account,
  awsregion AS region,
  eventid AS event_id
FROM cloudtrail
WHERE account IN (:account) AND region IN (:region)
  AND day BETWEEN :from_day AND :to_day
  AND eventtime >= :from_time AND eventtime < :to_time
  AND eventsource IN ('organizations.amazonaws.com', 'account.amazonaws.com', 'ram.amazonaws.com')
  AND NOT starts_with(eventname, 'Describe')
  AND NOT starts_with(eventname, 'List')
  AND NOT starts_with(eventname, 'Get')
ORDER BY time, event_id
