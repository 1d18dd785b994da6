-- Who takes part.
-- $1 uuid meeting
-- > person text
-- > user_id uuid
-- > address text
-- > role text
SELECT person, user_id, address, role FROM calfleet.meeting_participants
WHERE meeting_id = $1 ORDER BY person
