// Moments as people write them, and when they are: zones by name, clocks that are set forward and back, leap
// days, days without a midnight.

import { describe, expect, test } from 'vitest';
import { whenIs } from '../../activities/moments.js';
import { momentIn } from '../../domain/moment.js';

describe('is, in an office in Berlin,', () => {
  test.each([
    // A day ends when the next one begins, which is not always at midnight, nor after 24 hours.
    ['2026-12-24', '2026-12-24T23:00:00.000Z', '2026-12-25 00:00 Europe/Berlin (2026-12-24 23:00 UTC)'],
    ['2026-03-29', '2026-03-29T22:00:00.000Z', '2026-03-30 00:00 Europe/Berlin (2026-03-29 22:00 UTC)'],
    ['2028-02-29', '2028-02-29T23:00:00.000Z', '2028-03-01 00:00 Europe/Berlin (2028-02-29 23:00 UTC)'],
    [
      '2026-04-23[Africa/Cairo]',
      '2026-04-23T22:00:00.000Z',
      '2026-04-24 01:00 Africa/Cairo (2026-04-23 22:00 UTC)',
    ],
    ['2026-12-24[UTC]', '2026-12-25T00:00:00.000Z', '2026-12-25 00:00 UTC'],
    // Without a zone it is the office's.
    ['2026-12-24T18:00', '2026-12-24T17:00:00.000Z', '2026-12-24 18:00 Europe/Berlin (17:00 UTC)'],
    ['2026-07-01T18:00:30', '2026-07-01T16:00:30.000Z', '2026-07-01 18:00 Europe/Berlin (16:00 UTC)'],
    [
      '2026-03-29T18:00[Europe/Berlin]',
      '2026-03-29T16:00:00.000Z',
      '2026-03-29 18:00 Europe/Berlin (16:00 UTC)',
    ],
    [
      '2026-03-28T18:00[Europe/Berlin]',
      '2026-03-28T17:00:00.000Z',
      '2026-03-28 18:00 Europe/Berlin (17:00 UTC)',
    ],
    [
      '2026-03-29T18:00[America/New_York]',
      '2026-03-29T22:00:00.000Z',
      '2026-03-29 18:00 America/New_York (22:00 UTC)',
    ],
    [
      '2026-03-29T18:00[Asia/Kathmandu]',
      '2026-03-29T12:15:00.000Z',
      '2026-03-29 18:00 Asia/Kathmandu (12:15 UTC)',
    ],
    // An offset says which of two it is.
    [
      '2026-10-25T02:30+02:00[Europe/Berlin]',
      '2026-10-25T00:30:00.000Z',
      '2026-10-25 02:30 Europe/Berlin (00:30 UTC)',
    ],
    [
      '2026-10-25T02:30+01:00[Europe/Berlin]',
      '2026-10-25T01:30:00.000Z',
      '2026-10-25 02:30 Europe/Berlin (01:30 UTC)',
    ],
    ['2026-12-24T18:00:00Z', '2026-12-24T18:00:00.000Z', '2026-12-24 18:00 UTC'],
    [
      '2026-12-24T18:00:00Z[Europe/Berlin]',
      '2026-12-24T18:00:00.000Z',
      '2026-12-24 19:00 Europe/Berlin (18:00 UTC)',
    ],
    ['2026-12-24T18:00:00+01:00', '2026-12-24T17:00:00.000Z', '2026-12-24 17:00 UTC'],
    ['2026-12-24T18:00:00.5-05:30', '2026-12-24T23:30:00.500Z', '2026-12-24 23:30 UTC'],
  ])('%s', (text, at, says) => {
    expect(whenIs(text, 'Europe/Berlin')).toEqual({ at, says });
  });
});

test.each([
  [
    '2026-03-29T02:30[Europe/Berlin]',
    '"2026-03-29T02:30[Europe/Berlin]": the clocks of Europe/Berlin never show that, since they are set forward; write 2026-03-29T01:30[Europe/Berlin] or 2026-03-29T03:30[Europe/Berlin]',
  ],
  [
    '2026-10-25T02:30[Europe/Berlin]',
    '"2026-10-25T02:30[Europe/Berlin]": the clocks of Europe/Berlin show that twice, since they are set back; write 2026-10-25T02:30+02:00[Europe/Berlin] or 2026-10-25T02:30+01:00[Europe/Berlin]',
  ],
  ['2026-10-25T18:00[Europe/Berln]', '"2026-10-25T18:00[Europe/Berln]": there is no time zone Europe/Berln'],
  [
    '2026-07-01T18:00+01:00[Europe/Berlin]',
    '"2026-07-01T18:00+01:00[Europe/Berlin]": in Europe/Berlin no clock is at +01:00 then; leave the offset out, or mend it',
  ],
])('%s is nowhere', (text, problem) => {
  expect(whenIs(text, 'UTC')).toEqual({ problem });
});

test.each([
  'tomorrow',
  '24.12.2026',
  '2026-02-30',
  '2026-13-01',
  '2027-02-29',
  '2026-12-24T24:00',
  '2026-12-24T18:60',
  '2026-12-24T18',
  '2026-12-24+01:00',
  '2026-12-24T18:00 Europe/Berlin',
  '2026-12-24T18:00[]',
  '2026-12-24T18:00[Europe/Berlin][u-ca=japanese]',
  '+002026-12-24',
])('%s is no moment', text => {
  expect(momentIn(text)).toBe(null);
});
