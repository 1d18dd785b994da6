-- Takes slots, in the order of person: an exclusion violation means busy.
-- $1 uuid meeting
-- $2 uuid organisation
-- $3 uuid[] users; null: somebody who is known by address
-- $4 bytea[] hashes of addresses; null: a user
-- $5 timestamptz[] starts
-- $6 timestamptz[] ends
-- $7 boolean booked over knowingly
-- $8 bigint ms until they expire; null: never
INSERT INTO calfleet.slot_holds
    (meeting_id, organization_id, user_id, address_hash, occurrence_at, during, overridden,
     expires_at)
SELECT $1, $2, h.user_id, h.address_hash, h.start_at, tstzrange(h.start_at, h.end_at), $7,
    now() + $8::bigint * interval '1 millisecond'
FROM unnest($3::uuid[], $4::bytea[], $5::timestamptz[], $6::timestamptz[])
    AS h (user_id, address_hash, start_at, end_at)
ORDER BY coalesce(h.user_id::text, encode(h.address_hash, 'hex')) COLLATE "C", h.start_at
