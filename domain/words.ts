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

/** A moment to the minute, as people read it: "2026-11-26 17:21", in UTC. @param moment ISO 8601 */
export function minuteOf(moment: string): string {
  return moment.slice(0, 16).replace('T', ' ');
}
