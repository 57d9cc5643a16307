-- title: Console logins without MFA
-- title.ja: MFA なしのコンソールログイン
-- answers: Console logins of root and of IAM users that succeeded without a second factor. Of federated logins AWS cannot know.
-- answers.ja: 二要素認証なしで成功したルートユーザーと IAM ユーザーのログイン。フェデレーションは AWS からは判断できない。
SELECT DISTINCT
  eventtime AS time,
  eventname AS operation,
  coalesce(useridentity.arn, useridentity.principalid, useridentity.invokedby, useridentity.accountid, 'unknown') AS actor,
  useridentity.type AS actor_type,
  coalesce(json_extract_scalar(additionaleventdata, '$.MFAUsed'), 'unknown') AS mfa,
  useragent AS user_agent,
  sourceipaddress AS source_ip,
  coalesce(recipientaccountid, useridentity.accountid) AS account,
  awsregion AS region,
  eventid AS event_id
FROM cloudtrail
WHERE account IN (:account) AND region IN (:region)
  AND day BETWEEN :from_day AND :to_day
  AND eventtime >= :from_time AND eventtime < :to_time
  AND eventname = 'ConsoleLogin'
  AND useridentity.type IN ('Root', 'IAMUser')
  AND json_extract_scalar(responseelements, '$.ConsoleLogin') = 'Success'
  AND lower(coalesce(json_extract_scalar(additionaleventdata, '$.MFAUsed'), 'unknown')) <> 'yes'
ORDER BY time, event_id
