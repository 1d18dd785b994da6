-- Who takes part, as a whole list.
-- $1 uuid meeting
-- $2 text[] people
-- $3 uuid[] users; null: outside of the organisation
-- $4 text[] addresses
-- $5 text[] roles
WITH gone AS (
    DELETE FROM calfleet.meeting_participants
    WHERE meeting_id = $1 AND person <> ALL ($2::text[]))
INSERT INTO calfleet.meeting_participants (meeting_id, person, user_id, address, role)
SELECT $1, n.person, n.user_id, n.address, n.role
FROM unnest($2::text[], $3::uuid[], $4::text[], $5::text[]) AS n (person, user_id, address, role)
ON CONFLICT (meeting_id, person) DO UPDATE
    SET user_id = excluded.user_id, address = excluded.address, role = excluded.role
