/**
 * When a moment is that people have written. The rules of time zones change with governments, and with the
 * Node.js that a worker runs on, so no workflow asks for them: what was said when the plan was made counts.
 */
import { Temporal } from 'temporal-polyfill';
import { momentIn, type When, type WrittenMoment } from '../domain/moment.js';

/**
 * @param zone where a moment is that does not say it
 * @returns a sentence where the zone is not known, or its clocks never show that time, or twice
 */
export function whenIs(text: string, zone: string): When | { problem: string } {
  const written = momentIn(text);
  if (!written) return { problem: `"${text}" is no moment` };
  const there = written.zone ?? (written.offset === null ? zone : 'UTC');
  if (!isZone(there)) return { problem: `"${text}": there is no time zone ${there}` };
  try {
    const at = momentAt(written, there);
    return { at: at.toInstant().toString({ smallestUnit: 'millisecond' }), says: saidOf(at, there) };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { problem: `"${text}": ${whyNot(written, there)}` };
  }
}

/** Does the time zone database of this Node.js have it? */
function isZone(name: string): boolean {
  try {
    Temporal.Now.zonedDateTimeISO(name);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

function momentAt({ day, time, offset, zone }: WrittenMoment, there: string): Temporal.ZonedDateTime {
  // A day that has no midnight begins later: its first moment is the end of the day before.
  if (time === null) return Temporal.PlainDate.from(day).add({ days: 1 }).toZonedDateTime(there);
  if (offset === null)
    return Temporal.PlainDateTime.from(`${day}T${time}`).toZonedDateTime(there, { disambiguation: 'reject' });
  if (zone === null) return Temporal.Instant.from(`${day}T${time}${offset}`).toZonedDateTimeISO('UTC');
  // Z says which moment it is, and the zone only how it is shown.
  if (offset === 'Z') return Temporal.Instant.from(`${day}T${time}Z`).toZonedDateTimeISO(there);
  return Temporal.ZonedDateTime.from(`${day}T${time}${offset}[${there}]`, { offset: 'reject' });
}

function saidOf(at: Temporal.ZonedDateTime, zone: string): string {
  const minute = (one: Temporal.ZonedDateTime): string =>
    one.toPlainDateTime().toString({ smallestUnit: 'minute' }).replace('T', ' ');
  const utc = at.withTimeZone('UTC');
  if (zone === 'UTC') return `${minute(at)} UTC`;
  const same = at.toPlainDate().equals(utc.toPlainDate());
  return `${minute(at)} ${zone} (${same ? minute(utc).slice(11) : minute(utc)} UTC)`;
}

function whyNot({ day, time, offset, zone }: WrittenMoment, there: string): string {
  if (time === null) return `there is no such day in ${there}`;
  if (offset !== null)
    return `in ${zone ?? there} no clock is at ${offset} then; leave the offset out, or mend it`;
  const local = Temporal.PlainDateTime.from(`${day}T${time}`);
  const [early, late] = (['earlier', 'later'] as const).map(disambiguation =>
    local.toZonedDateTime(there, { disambiguation }),
  );
  if (!early!.toPlainDateTime().equals(local)) {
    const instead = `${clockAt(early!)} or ${clockAt(late!)}`;
    return `the clocks of ${there} never show that, since they are set forward; write ${instead}`;
  }
  const [first, second] = [early!, late!].map(one => `${day}T${time}${one.offset}[${there}]`);
  return `the clocks of ${there} show that twice, since they are set back; write ${first} or ${second}`;
}

const clockAt = (at: Temporal.ZonedDateTime): string =>
  `${at.toPlainDateTime().toString({ smallestUnit: 'minute' })}[${at.timeZoneId}]`;
