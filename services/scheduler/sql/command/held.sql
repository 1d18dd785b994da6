-- The slots of a command are held.
-- $1 uuid command
-- $2 uuid meeting
-- $3 bigint how many holds the meeting has now; null: as many as before
-- $4 boolean booked over knowingly
UPDATE calfleet.schedule_commands
SET state = 'held', meeting_id = $2,
    request = request || jsonb_build_object('holds', $3::bigint, 'overridden', $4::boolean)
WHERE id = $1
