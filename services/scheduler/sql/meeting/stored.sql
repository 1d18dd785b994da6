-- A meeting is at the provider and stored here.
-- $1 uuid meeting
-- $2 timestamptz start
-- $3 timestamptz end
-- $4 boolean booked over knowingly
-- $5 uuid event; null: its connection is gone
-- $6 uuid activity
-- $7 text etag
UPDATE calfleet.meetings
SET state = 'confirmed', starts_at = $2, ends_at = $3, overridden = $4, event_id = $5,
    activity_id = $6, etag = $7, updated_at = now()
WHERE id = $1
