-- Deletes what has expired of these people.
-- $1 uuid organisation
-- $2 text[] people
DELETE FROM calfleet.slot_holds
WHERE id IN (
    SELECT id FROM calfleet.slot_holds
    WHERE organization_id = $1 AND person = ANY ($2) AND expires_at <= now()
    ORDER BY id FOR UPDATE)
