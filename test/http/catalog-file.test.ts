/** What is wrong with a catalog for HTTP: one line per mistake, with its place, before anything is called. */
import { describe, expect, test } from 'vitest';
import { readCatalog } from '../../connectors/catalog/file.js';
import { KINDS } from '../../connectors/registry.js';
import { catalogOf } from './harness.js';

function mistakes(change: (catalog: string) => string): string {
  const before = catalogOf();
  const text = change(before);
  expect(text, 'the change must be one').not.toBe(before);
  const reading = readCatalog(text, 'desk.yaml', KINDS);
  return reading.ok ? '' : reading.mistakes.join('\n');
}

test('the desk of the tests has none', () => {
  expect(readCatalog(catalogOf(), 'desk.yaml', KINDS)).toMatchObject({ ok: true });
});

const BY_SWITCH = 'block: { by: switch, reason: one is on or off }\n';

describe.each<[what: string, change: (text: string) => string, says: RegExp]>([
  [
    'an unknown key',
    text => text.replace('    write: { put', '    wirte: { put'),
    /desk\.yaml:\d+:\d+ categories\.things\.wirte: unknown key wirte \(did you mean write\?\)/,
  ],
  [
    'a call with two methods',
    text =>
      text.replace("{ get: '/users/{user}', at: /user }", "{ get: '/users/{user}', post: '/u/{user}' }"),
    /people\.read: get and post were given: one call has one of them/,
  ],
  [
    'a call without one',
    text => text.replace('self: { get: /me, at: /user }', 'self: { at: /user }'),
    /people\.self: one of get, post, put, patch, delete is needed/,
  ],
  [
    'a placeholder that is not known there',
    text => text.replace("'/things/{key}', at: /item", "'/things/{id}', at: /item"),
    /categories\.things\.read.*\{id\} is not known here.*known are \{key\}/,
  ],
  [
    'a list that does not say whose',
    text => text.replace('/things?owner={from}&', '/things?'),
    /categories\.things\.list: \{from\} stands nowhere in it: every answer would be the same/,
  ],
  [
    'pages that are not asked for',
    text => text.replace('&page={page}&size={size}', ''),
    /\{page\} stands nowhere in it/,
  ],
  [
    'a filter that nothing proves',
    text => text.replace(/ {4}proof: \{ get: '\/things.*\n/, ''),
    /parameters that a system does not know are ignored in silence: give under proof/,
  ],
  [
    'what the switch is to take along, and takes to nobody',
    text => text.replace('    title: Things\n', '    title: Things\n    switch: { when: with }\n'),
    /categories\.things\.switch\.when: the switch takes nothing to anybody: .* as \{to\.things\}[\s\S]*categories\.things\.write: write has no meaning with when: with/,
  ],
  [
    'a switch that names the taker of what it does not take along',
    text => text.replace("json: { status: 'off' }", "json: { status: 'off', to: '{to.things}' }"),
    /deactivate\.calls\.0\.json: \{to\.things\} is not known here/,
  ],
  [
    'what is removed along with the switch',
    text =>
      text.replace('    title: Seats\n', '    title: Seats\n    switch: { when: with, within: 1 day }\n'),
    /switch\.within: a deadline counts from the switch[\s\S]*seats\.switch\.when: the switch takes items to a successor, and do: remove names none/,
  ],
  [
    'an account that comes back from where it is gone',
    text => text.replace(/(deactivate: .*\}\])( \})/, '$1, until: gone$2'),
    /reactivate: there is no account any more that could be switched on/,
  ],
  [
    'a block that takes the account away',
    text => text.replace(/(\nblock: .*\}\])( \})/, '$1, until: gone$2'),
    /block\.until: an account that is gone is off: until: gone belongs to deactivate/,
  ],
  [
    'a block by a switch that there is not',
    text =>
      text.replace(
        /block: .*\nunblock: .*\ndeactivate: .*\nreactivate: .*\n/,
        'block: { by: switch, reason: one is on or off }\n',
      ),
    /block\.by: there is no deactivate by the system that could block/,
  ],
  [
    'a block by a switch from which there is no way back',
    text => text.replace(/block: .*\nunblock: .*\n/, BY_SWITCH).replace(/reactivate: .*\n/, ''),
    /block: a block must be reversible: what the switch blocks is given back by reactivate, which is missing/,
  ],
  [
    'a way back of its own for a block by the switch',
    text => text.replace(/block: .*\n/, BY_SWITCH),
    /unblock: what the switch blocks is given back by reactivate: leave unblock out/,
  ],
  [
    'a block by a switch that hands things over',
    text =>
      text
        .replace(/block: .*\nunblock: .*\n/, BY_SWITCH)
        .replace('    title: Things\n', '    title: Things\n    switch: { when: with }\n')
        .replace(/ {4}write: \{ put.*\n/, '')
        .replace("json: { status: 'off' }", "json: { status: 'off', things_to: '{to.things}' }"),
    /^desk\.yaml:\d+:\d+ block\.by: the switch hands things over, which nobody has approved when a block is made$/,
  ],
  [
    'no way to change what is handed over',
    text => text.replace(/ {4}write: \{ put.*\n/, ''),
    /categories\.things: do: transfer needs write, or bulk/,
  ],
  [
    'an address of another host in place of a path',
    text => text.replace('get: /me', "get: 'https://evil.example.com/me'"),
    /people\.self\.get: .*a path begins with one slash/,
  ],
  [
    'a path that begins like another host',
    text => text.replace('get: /me', "get: '//evil.example.com/me'"),
    /people\.self\.get: .*a path begins with one slash/,
  ],
  [
    'a pointer that is none',
    text => text.replace('key: /key', 'key: key'),
    /a pointer looks like \/owner\/id/,
  ],
  [
    'a time that is none',
    text => text.replace('connect: {}', 'connect: { timeout: soon }'),
    /connect\.timeout: "soon" was given; allowed are times like/,
  ],
  [
    'a call that may land after it is said not to have happened',
    text => text.replace('connect: {}', 'connect: { timeout: 60s, lands_within: 90s }'),
    /connect\.lands_within: 90s was given.*at least twice that is needed/,
  ],
  [
    'a network that is none',
    text => text.replace('connect: {}', 'connect: { networks: [10.0.0.0/33] }'),
    /connect\.networks.*a network is written like 10\.1\.0\.0\/16/,
  ],
  [
    'an outcome that nobody knows',
    text => text.replace('is: rejected, code: /error }', 'is: refused, code: /error }'),
    /outcomes\.1\.is: "refused" was given, allowed are ok, unchanged/,
  ],
  [
    'a group that is not there',
    text =>
      text
        .replace('get: /me, at: /user }', 'get: /me, at: /user, group: branhc }')
        .replace('limits: {', 'limits: { groups: { branch: 1 },'),
    /there is no group branhc \(did you mean branch\?\)/,
  ],
  [
    'an ETag where several come at once',
    text =>
      text
        .replace("{ get: '/things/{key}', at: /item }", "{ get: '/things?ids={keys}', at: /items, many: 50 }")
        .replace("json: { owner: '{to}' } }", "json: { owner: '{to}' }, compare: etag }"),
    /an ETag comes with one item alone/,
  ],
  [
    'a value that was kept by nobody',
    text => text.replace('json: { status: active }', "json: { status: '{kept.status}' }"),
    /\{kept\.status\} is not known here/,
  ],
  [
    'a way to sign in that is none',
    text => text.replace('auth: { bearer: token }', 'auth: { baerer: token }'),
    /auth/,
  ],
  [
    'a verb that nobody knows',
    text => `${text}sesions: { by: nobody, reason: there are none }\n`,
    /desk\.yaml:\d+:\d+ sesions: unknown key sesions \(did you mean sessions\?\)/,
  ],
  [
    'somebody who does nothing',
    text => `${text}sessions: { by: somebody, reason: there are none }\n`,
    /sessions\.by: "somebody" was given, allowed are system, person, nobody, switch/,
  ],
  [
    'a verb of the system that nothing shows the end of',
    text => `${text}licence: { calls: [{ delete: '/users/{user}/licence' }] }\n`,
    /licence: nothing says when it is done: give until or observe/,
  ],
  [
    'a verb that two things show the end of',
    text =>
      `${text}licence: { by: person, until: { at: /plan, exists: false }, observe: { get: '/users/{user}/plan', until: { at: /count, equals: 0 } } }\n`,
    /licence\.observe: give either until/,
  ],
  [
    'a probe that asks for nobody',
    text => `${text}licence: { by: person, observe: { get: /plans, until: { at: /count, equals: 0 } } }\n`,
    /licence\.observe: \{user\} stands nowhere in it/,
  ],
  [
    'a verb and a category of one name',
    text => `${text.replaceAll('seats', 'tokens')}tokens: { by: nobody, reason: there are none }\n`,
    /tokens: there is a category tokens as well: give either, one by one or all at once/,
  ],
  [
    'what ends with a switch that there is not',
    text =>
      `${text.replace(/deactivate: .*\nreactivate: .*\n/, '')}tokens: { by: switch, reason: they do }\n`,
    /tokens\.by: there is no deactivate that could end it/,
  ],
  [
    'a secret that would be shown',
    text => text.replace('label: /label', 'label: /label\n    secret: [/label]'),
    /\/label is secret and would be shown here/,
  ],
])('%s', (_what, change, says) => {
  test('is said with its place', () => {
    expect(mistakes(change)).toMatch(says);
  });
});
