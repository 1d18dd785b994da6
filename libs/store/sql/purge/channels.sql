-- Channels that go with a purge: those of its calendars, and with the account's last connection all
-- of the account's.
-- $1 uuid account
-- $2 bigint[] calendars
-- > number bigint
-- > provider_channel_id text
-- > resource_id text
-- > expires_at timestamptz
SELECT h.number, h.provider_channel_id, h.resource_id, h.expires_at
FROM calfleet.channels h
WHERE h.account_id = $1
    AND (h.calendar_id = ANY ($2)
         OR NOT EXISTS (SELECT FROM public.ce_calendar_connections c WHERE c.account_id = $1))
ORDER BY h.number
