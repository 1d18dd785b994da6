-- Whether the account has no connection any more.
-- $1 uuid account
-- > last boolean
SELECT NOT EXISTS (SELECT FROM public.ce_calendar_connections c WHERE c.account_id = $1) AS last
