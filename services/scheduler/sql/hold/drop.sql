-- Gives a meeting's slots back.
-- $1 uuid meeting
DELETE FROM calfleet.slot_holds WHERE meeting_id = $1
