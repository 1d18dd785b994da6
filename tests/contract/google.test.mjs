// The official Google client against the simulator: what it cannot do here, it could not do there.
import assert from 'node:assert/strict';
import { createHash, createPublicKey, randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { calendar as calendarApi, auth } from '@googleapis/calendar';

import { startReceiver, startSimulator } from './simulator.mjs';

const CLIENT_ID = 'calfleet-dev.apps.googleusercontent.com';
const CLIENT_SECRET = 'calfleet-dev-secret';
const REDIRECT = 'https://app.example.com/callback';
const SCOPES = [
  'openid',
  'email',
  'https://www.googleapis.com/auth/calendar.events',
  'https://www.googleapis.com/auth/calendar.calendarlist.readonly',
  'https://www.googleapis.com/auth/calendar.freebusy',
];

let sim;
let client;
let api;

function newClient() {
  return new auth.OAuth2({
    clientId: CLIENT_ID,
    clientSecret: CLIENT_SECRET,
    redirectUri: REDIRECT,
    endpoints: {
      oauth2AuthBaseUrl: sim.google_auth_url,
      oauth2TokenUrl: sim.google_token_url,
      oauth2RevokeUrl: sim.google_revoke_url,
      oauth2FederatedSignonJwkCertsUrl: sim.google_certs_url,
      tokenInfoUrl: `${sim.url}/tokeninfo`,
    },
  });
}

function newApi(who) {
  return calendarApi({ version: 'v3', auth: who, rootUrl: `${sim.url}/` });
}

// The consent page, answered as a browser would: its form posted. Gives the redirect's parameters.
async function consent(address, fields = {}) {
  const form = new URLSearchParams(new URL(address).search);
  for (const [name, value] of Object.entries({ account: 'ana@example.com', decision: 'accept', ...fields })) {
    [value].flat().forEach((one) => form.append(name, one));
  }
  const answer = await fetch(sim.google_auth_url, { method: 'POST', body: form, redirect: 'manual' });
  assert.equal(answer.status, 302);
  return new URL(answer.headers.get('location')).searchParams;
}

async function connect(who, fields) {
  const verifier = randomBytes(48).toString('base64url');
  const address = who.generateAuthUrl({
    access_type: 'offline',
    prompt: 'consent',
    scope: SCOPES,
    state: 'the state',
    code_challenge_method: 'S256',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
  });
  const params = await consent(address, fields);
  assert.equal(params.get('state'), 'the state');
  const { tokens } = await who.getToken({ code: params.get('code'), codeVerifier: verifier });
  who.setCredentials(tokens);
  return tokens;
}

// The error that a call ends with: its status, reason and message.
async function refused(promise) {
  try {
    await promise;
  } catch (error) {
    assert.ok(error.response, `no answer: ${error}`);
    const body = error.response.data?.error;
    return { status: error.response.status, reason: body?.errors?.[0]?.reason, message: body?.message ?? body };
  }
  assert.fail('the call succeeded');
}

const meeting = (id, hour, more = {}) => ({
  id,
  summary: `Meeting ${id}`,
  start: { dateTime: `2026-10-20T${hour}:00:00`, timeZone: 'Europe/Lisbon' },
  end: { dateTime: `2026-10-20T${hour}:30:00`, timeZone: 'Europe/Lisbon' },
  ...more,
});

before(async () => {
  sim = await startSimulator();
  client = newClient();
  await connect(client);
  api = newApi(client);
});

after(async () => {
  assert.equal(await sim.stop(), 0);
});

describe('OAuth', () => {
  test('a code gives tokens with the granted scopes', async () => {
    const who = newClient();
    const tokens = await connect(who);
    assert.equal(tokens.token_type, 'Bearer');
    assert.ok(tokens.refresh_token);
    assert.match(tokens.scope, /calendar\.events/);
    assert.ok(tokens.expiry_date > Date.now() + 3500 * 1000);
  });

  test('the ID token is good for the official verifier', async () => {
    const who = newClient();
    const tokens = await connect(who);
    const { keys } = await (await fetch(sim.google_certs_url)).json();
    const certs = Object.fromEntries(
      keys.map((key) => [
        key.kid,
        createPublicKey({ key, format: 'jwk' }).export({ type: 'spki', format: 'pem' }),
      ]),
    );
    const verify = (token) =>
      who.verifySignedJwtWithCertsAsync(token, certs, CLIENT_ID, ['https://accounts.google.com']);
    const claims = (await verify(tokens.id_token)).getPayload();
    assert.equal(claims.email, 'ana@example.com');
    assert.match(claims.sub, /^\d{21}$/);
    const [head, body, signature] = tokens.id_token.split('.');
    const other = Buffer.from(JSON.stringify({ ...claims, sub: '1' })).toString('base64url');
    assert.notEqual(other, body);
    await assert.rejects(verify([head, other, signature].join('.')));
  });

  test('an access token that has ended is refreshed', async () => {
    const who = newClient();
    const tokens = await connect(who);
    who.setCredentials({ ...tokens, expiry_date: Date.now() - 1000 });
    await newApi(who).events.list({ calendarId: 'primary' });
    assert.notEqual(who.credentials.access_token, tokens.access_token);
    assert.equal(who.credentials.refresh_token, tokens.refresh_token);
  });

  test('unticked scopes are not granted', async () => {
    const who = newClient();
    const tokens = await connect(who, {
      granular: '1',
      grant: ['https://www.googleapis.com/auth/calendar.freebusy'],
    });
    assert.doesNotMatch(tokens.scope, /calendar\.events/);
    const why = await refused(newApi(who).events.list({ calendarId: 'primary' }));
    assert.deepEqual([why.status, why.reason], [403, 'insufficientPermissions']);
  });

  test('declining comes back as access_denied', async () => {
    const address = newClient().generateAuthUrl({ scope: SCOPES, state: 's' });
    const params = await consent(address, { decision: 'decline' });
    assert.equal(params.get('error'), 'access_denied');
    assert.equal(params.get('code'), null);
  });

  test('a code works once, and only with its verifier', async () => {
    const who = newClient();
    const address = who.generateAuthUrl({
      scope: SCOPES,
      code_challenge_method: 'S256',
      code_challenge: createHash('sha256').update('v'.repeat(43)).digest('base64url'),
    });
    const code = (await consent(address)).get('code');
    const wrong = await refused(who.getToken({ code, codeVerifier: 'w'.repeat(43) }));
    assert.deepEqual([wrong.status, wrong.message], [400, 'invalid_grant']);
    const late = await refused(who.getToken({ code, codeVerifier: 'v'.repeat(43) }));
    assert.equal(late.message, 'invalid_grant');
  });

  test('after a revocation refreshing fails as a dead grant', async () => {
    const who = newClient();
    const tokens = await connect(who, { account: 'bo@example.com' });
    await who.revokeToken(tokens.refresh_token);
    const why = await refused(who.refreshAccessToken());
    assert.deepEqual([why.status, why.message], [400, 'invalid_grant']);
    const call = await fetch(`${sim.google_api_url}/calendars/primary/events`, {
      headers: { authorization: `Bearer ${tokens.access_token}` },
    });
    assert.equal(call.status, 401);
  });
});

describe('calendars', () => {
  test('the list has the primary calendar and a sync token', async () => {
    const { data } = await api.calendarList.list({ showHidden: true, showDeleted: true });
    const primary = data.items.find((item) => item.primary);
    assert.equal(primary.id, 'ana@example.com');
    assert.equal(primary.accessRole, 'owner');
    assert.equal(primary.timeZone, 'Europe/Lisbon');
    assert.ok(data.nextSyncToken);
  });

  test('an incremental list brings what was added and what went', async () => {
    const first = await api.calendarList.list({ showHidden: true, showDeleted: true });
    const made = await sim.admin('POST', 'calendars', { account: 'ana@example.com', summary: 'Team' });
    const second = await api.calendarList.list({ syncToken: first.data.nextSyncToken });
    assert.deepEqual(second.data.items.map((item) => item.id), [made.id]);
    await sim.admin('DELETE', `calendars/${encodeURIComponent(made.id)}`);
    const third = await api.calendarList.list({ syncToken: second.data.nextSyncToken });
    assert.equal(third.data.items[0].deleted, true);
  });
});

describe('events', () => {
  test('insert, get, patch and delete', async () => {
    const { data: made } = await api.events.insert({
      calendarId: 'primary',
      requestBody: meeting('aaaaa1', '10', { extendedProperties: { private: { a: '1', b: '2' } } }),
    });
    assert.equal(made.iCalUID, 'aaaaa1@google.com');
    assert.equal(made.start.dateTime, '2026-10-20T10:00:00+01:00');
    assert.equal(made.organizer.self, true);
    assert.equal(made.transparency, undefined);

    const { data: patched } = await api.events.patch({
      calendarId: 'primary',
      eventId: 'aaaaa1',
      requestBody: { location: 'Room 1', extendedProperties: { private: { a: null, c: '3' } } },
    });
    assert.equal(patched.summary, 'Meeting aaaaa1');
    assert.deepEqual(patched.extendedProperties.private, { b: '2', c: '3' });
    assert.notEqual(patched.etag, made.etag);

    const { status } = await api.events.delete({ calendarId: 'primary', eventId: 'aaaaa1' });
    assert.equal(status, 204);
    const { data: gone } = await api.events.get({ calendarId: 'primary', eventId: 'aaaaa1' });
    assert.equal(gone.status, 'cancelled');
    const again = await refused(api.events.delete({ calendarId: 'primary', eventId: 'aaaaa1' }));
    assert.deepEqual([again.status, again.reason], [410, 'deleted']);
    const taken = await refused(
      api.events.insert({ calendarId: 'primary', requestBody: meeting('aaaaa1', '10') }),
    );
    assert.deepEqual([taken.status, taken.reason], [409, 'duplicate']);
  });

  test('update replaces, If-Match guards', async () => {
    const { data: made } = await api.events.insert({
      calendarId: 'primary',
      requestBody: meeting('aaaaa2', '11', { location: 'Here' }),
    });
    const { summary, start, end } = made;
    const { data: put } = await api.events.update(
      { calendarId: 'primary', eventId: 'aaaaa2', requestBody: { summary, start, end } },
      { headers: { 'If-Match': made.etag } },
    );
    assert.equal(put.location, undefined);
    const late = await refused(
      api.events.patch(
        { calendarId: 'primary', eventId: 'aaaaa2', requestBody: { summary: 'x' } },
        { headers: { 'If-Match': made.etag }, retry: false },
      ),
    );
    assert.deepEqual([late.status, late.reason], [412, 'conditionNotMet']);
  });

  test('mistakes are refused with their reasons', async () => {
    const insert = (requestBody) => refused(api.events.insert({ calendarId: 'primary', requestBody }));
    assert.equal((await insert(meeting('WXYZ', '10'))).message, 'Invalid resource id value.');
    assert.equal((await insert({ start: { date: '2026-10-20' } })).message, 'Missing end time.');
    const empty = await insert({ start: { date: '2026-10-20' }, end: { date: '2026-10-20' } });
    assert.equal(empty.reason, 'timeRangeEmpty');
    const missing = await refused(api.events.get({ calendarId: 'primary', eventId: 'nothere1' }));
    assert.deepEqual([missing.status, missing.reason], [404, 'notFound']);
  });

  test('pages, then only what changed', async () => {
    const { id } = await sim.admin('POST', 'calendars', { account: 'ana@example.com', summary: 'Pages' });
    for (let i = 0; i < 7; i++) {
      await api.events.insert({ calendarId: id, requestBody: meeting(`page${i}0`, `1${i}`) });
    }
    const seen = [];
    let pageToken;
    let syncToken;
    let pages = 0;
    do {
      const { data } = await api.events.list({ calendarId: id, maxResults: 3, showDeleted: true, pageToken });
      assert.ok(data.items.length <= 3);
      assert.equal(Boolean(data.nextPageToken), !data.nextSyncToken);
      seen.push(...data.items.map((item) => item.id));
      pageToken = data.nextPageToken;
      syncToken = data.nextSyncToken;
      pages++;
    } while (pageToken);
    assert.equal(pages, 3);
    assert.equal(new Set(seen).size, 7);

    const nothing = await api.events.list({ calendarId: id, syncToken, showDeleted: true });
    assert.deepEqual(nothing.data.items, []);
    await api.events.patch({ calendarId: id, eventId: 'page00', requestBody: { summary: 'New' } });
    await api.events.delete({ calendarId: id, eventId: 'page10' });
    const changed = await api.events.list({
      calendarId: id,
      syncToken: nothing.data.nextSyncToken,
      showDeleted: true,
    });
    assert.deepEqual(
      changed.data.items.map((item) => [item.id, item.status]),
      [['page00', 'confirmed'], ['page10', 'cancelled']],
    );

    const mixed = await refused(
      api.events.list({ calendarId: id, syncToken, timeMin: '2026-01-01T00:00:00Z' }),
    );
    assert.equal(mixed.message, 'Sync token cannot be used with other request restrictions');
    const garbage = await refused(api.events.list({ calendarId: id, syncToken: 'garbage' }));
    assert.deepEqual([garbage.status, garbage.reason], [400, 'invalid']);
    await sim.admin('POST', 'cursors/expire', { calendar: id });
    const expired = await refused(api.events.list({ calendarId: id, syncToken }));
    assert.deepEqual([expired.status, expired.reason], [410, 'fullSyncRequired']);
  });

  test('a series over the end of summer time keeps its wall time', async () => {
    await api.events.insert({
      calendarId: 'primary',
      requestBody: meeting('aaaaa3', '09', { recurrence: ['RRULE:FREQ=WEEKLY;COUNT=3'] }),
    });
    const { data } = await api.events.instances({ calendarId: 'primary', eventId: 'aaaaa3' });
    assert.deepEqual(
      data.items.map((item) => item.start.dateTime),
      ['2026-10-20T09:00:00+01:00', '2026-10-27T09:00:00Z', '2026-11-03T09:00:00Z'],
    );
    const second = data.items[1].id;
    assert.equal(second, 'aaaaa3_20261027T090000Z');
    const { data: exception } = await api.events.patch({
      calendarId: 'primary',
      eventId: second,
      requestBody: { summary: 'Other' },
    });
    assert.equal(exception.recurringEventId, 'aaaaa3');
    assert.equal(exception.originalStartTime.dateTime, '2026-10-27T09:00:00Z');
    await api.events.delete({ calendarId: 'primary', eventId: data.items[2].id });
    const { data: rows } = await api.events.list({ calendarId: 'primary', iCalUID: 'aaaaa3@google.com' });
    assert.deepEqual(
      rows.items.map((item) => [item.id, item.status]).sort(),
      [
        ['aaaaa3', 'confirmed'],
        ['aaaaa3_20261027T090000Z', 'confirmed'],
        ['aaaaa3_20261103T090000Z', 'cancelled'],
      ],
    );
  });
});

describe('free/busy', () => {
  test('opaque events are busy, unreadable calendars are errors', async () => {
    await api.events.insert({
      calendarId: 'primary',
      requestBody: {
        summary: 'Busy',
        start: { dateTime: '2027-01-10T10:00:00Z' },
        end: { dateTime: '2027-01-10T11:00:00Z' },
      },
    });
    await api.events.insert({
      calendarId: 'primary',
      requestBody: {
        transparency: 'transparent',
        start: { dateTime: '2027-01-10T12:00:00Z' },
        end: { dateTime: '2027-01-10T13:00:00Z' },
      },
    });
    const { data } = await api.freebusy.query({
      requestBody: {
        timeMin: '2027-01-10T00:00:00Z',
        timeMax: '2027-01-11T00:00:00Z',
        items: [{ id: 'primary' }, { id: 'bo@example.com' }],
      },
    });
    assert.deepEqual(data.calendars.primary.busy, [
      { start: '2027-01-10T10:00:00Z', end: '2027-01-10T11:00:00Z' },
    ]);
    assert.equal(data.calendars['bo@example.com'].errors[0].reason, 'notFound');
  });
});

describe('push', () => {
  test('a channel announces itself, then each burst of changes', async () => {
    const receiver = await startReceiver();
    const id = `channel-${randomBytes(8).toString('hex')}`;
    const { data: channel } = await api.events.watch({
      calendarId: 'primary',
      requestBody: { id, type: 'web_hook', address: receiver.url, token: 'secret', params: { ttl: '3600' } },
    });
    assert.ok(Number(channel.expiration) > Date.now() + 3500 * 1000);
    const [hello] = await receiver.wait(1);
    assert.equal(hello['x-goog-resource-state'], 'sync');
    assert.equal(hello['x-goog-message-number'], '1');
    assert.equal(hello['x-goog-channel-id'], id);

    await api.events.insert({ calendarId: 'primary', requestBody: meeting('aaaaa4', '15') });
    const [, change] = await receiver.wait(2);
    assert.equal(change['x-goog-resource-state'], 'exists');
    assert.equal(change['x-goog-channel-token'], 'secret');
    assert.equal(change['x-goog-resource-id'], channel.resourceId);
    assert.equal(change['content-length'], '0');

    const taken = await refused(
      api.events.watch({
        calendarId: 'primary',
        requestBody: { id, type: 'web_hook', address: receiver.url },
      }),
    );
    assert.equal(taken.reason, 'channelIdNotUnique');
    const stop = { requestBody: { id, resourceId: channel.resourceId } };
    assert.equal((await api.channels.stop(stop)).status, 204);
    assert.equal((await refused(api.channels.stop(stop))).status, 404);
    receiver.stop();
  });
});

test('the official client sends nothing that is not documented', async () => {
  const { calls } = await sim.admin('GET', 'journal?unknown=1');
  assert.deepEqual(calls, []);
});
