/**
 * How to reach one system, secrets included: named values, resolved from what the configuration names. A
 * bundle shows its names and never its values, wherever it is printed, logged or turned into JSON.
 */
import { HandoverFailure } from './failure.js';

export class Bundle {
  readonly #values: ReadonlyMap<string, string>;

  /** `of`: whose bundle it is, as a sentence calls it: `system "crm"`. */
  constructor(
    readonly of: string,
    values: Readonly<Record<string, string>>,
  ) {
    this.#values = new Map(Object.entries(values));
  }

  get names(): string[] {
    return [...this.#values.keys()];
  }

  /** The value; a `configuration` failure where the configuration does not name it. */
  need(name: string): string {
    const value = this.#values.get(name);
    if (value === undefined)
      throw new HandoverFailure(
        'configuration',
        `The connection of ${this.of} names no "${name}", which is needed.`,
      );
    return value;
  }

  /** The value, or null where the configuration does not name it. */
  may(name: string): string | null {
    return this.#values.get(name) ?? null;
  }

  toJSON(): { of: string; names: string[] } {
    return { of: this.of, names: this.names };
  }

  toString(): string {
    return `the connection of ${this.of} (${this.names.join(', ')})`;
  }

  /** What console.log and debuggers show. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}
