-- A meeting that never began: it goes with its people and holds, so that its key can be used again.
-- $1 uuid meeting
DELETE FROM calfleet.meetings WHERE id = $1
