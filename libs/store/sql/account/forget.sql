-- Forgets an account that nothing refers to any more. One that gets a connection at this moment is
-- kept by the foreign key.
-- $1 uuid account
DELETE FROM calfleet.accounts a
WHERE a.id = $1
    AND NOT EXISTS (SELECT FROM public.ce_calendar_connections c WHERE c.account_id = a.id)
    AND NOT EXISTS (SELECT FROM calfleet.calendars k WHERE k.account_id = a.id)
    AND NOT EXISTS (SELECT FROM calfleet.channels h WHERE h.account_id = a.id)
    AND NOT EXISTS (SELECT FROM calfleet.notices n WHERE n.account_id = a.id)
    AND NOT EXISTS (SELECT FROM calfleet.purges p WHERE p.account_id = a.id)
