-- Notices about calendars that are gone; with the account's last connection all of the account's.
-- $1 uuid account
-- $2 bigint[] calendars
DELETE FROM calfleet.notices n
WHERE n.account_id = $1
    AND (n.calendar_id = ANY ($2)
         OR NOT EXISTS (SELECT FROM public.ce_calendar_connections c WHERE c.account_id = $1))
