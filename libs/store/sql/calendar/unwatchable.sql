-- The provider refuses channels for this calendar: it is polled.
-- $1 bigint calendar
UPDATE calfleet.calendars SET watchable = false WHERE id = $1
