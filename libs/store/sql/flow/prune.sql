-- Consents that nobody will ask about any more.
DELETE FROM calfleet.oauth_flows WHERE expires_at < now() - interval '1 day'
