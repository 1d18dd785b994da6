-- Due rows that no run can read, since their connection is paused, unauthorised or going: they rest,
-- or they would be due again and again. What makes the connection live again hurries them.
-- $1 uuid account
UPDATE calfleet.calendars k
SET due_at = now() + interval '1 hour', due_reason = 'rest'
FROM public.ce_calendar_connections c
WHERE k.account_id = $1 AND c.id = k.connection_id AND k.due_at <= now()
    AND (c.status <> 'active' OR NOT c.sync_enabled OR NOT k.synced)
