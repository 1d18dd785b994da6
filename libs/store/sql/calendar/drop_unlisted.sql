-- Calendars that the provider no longer lists; a trigger leaves a purge for each.
-- $1 uuid connection
-- $2 text[] the provider's ids of those that it lists
DELETE FROM calfleet.calendars
WHERE connection_id = $1 AND NOT provider_calendar_id = ANY ($2)
