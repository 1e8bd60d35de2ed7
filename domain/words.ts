/** Small words that everything shown to people shares. */

/** "1,204" */
export function number(value: number): string {
  return value.toLocaleString('en-US');
}

/** "1 item", "1,204 items" */
export function items(count: number): string {
  return `${number(count)} item${count === 1 ? '' : 's'}`;
}

/** One line: texts of other systems can neither break it nor steer a terminal. */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028-\u202e\u2066-\u2069]+/gu, ' ');
}

/**
 * A moment to the minute with its zone, as people read it: "2026-11-26 17:21 UTC".
 * @param moment ISO 8601; a day is its first minute
 */
export function minuteOf(moment: string): string {
  return `${clockOf(moment)} UTC`;
}

/** The same without its zone, for a line or column that names it once. */
export function clockOf(moment: string): string {
  const at = new Date(moment);
  // What cannot be read is shown as it stands.
  const iso = Number.isNaN(at.getTime()) ? moment : at.toISOString();
  return iso.slice(0, 16).replace('T', ' ');
}
