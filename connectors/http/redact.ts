/**
 * What of a call and its answer may be shown: never a secret of the connection, nor what looks like one.
 * Systems give keys away in answers that are about something else (Redmine's account has its API key).
 */
const SECRET_KEY =
  /pass(word|wd|phrase)?$|secret|token|api[-_]?key|authorization|cookie|credential|session[-_]?id|private[-_]?key|(^|[-_])key$/i;
/** A key of an item is no secret, whatever it is called. */
const HARMLESS = /^(key|next_page_token|page_token)$/i;

export const HIDDEN = '(hidden)';

export class Redaction {
  readonly #secrets: string[];

  /** Short values would be found everywhere: what is shorter than four characters protects nothing. */
  constructor(secrets: readonly string[]) {
    const forms = secrets.filter(one => one.length >= 4).flatMap(one => [one, encodeURIComponent(one)]);
    this.#secrets = [...new Set(forms)].sort((a, b) => b.length - a.length);
  }

  text(text: string): string {
    return this.#secrets.reduce((shown, secret) => shown.replaceAll(secret, HIDDEN), text);
  }

  /** A JSON value with the values of key-like fields hidden, at any depth. */
  json(value: unknown): unknown {
    if (typeof value === 'string') return this.text(value);
    if (Array.isArray(value)) return value.map(one => this.json(one));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, one]) => [key, this.#hides(key, one) ? HIDDEN : this.json(one)]),
    );
  }

  headers(headers: Readonly<Record<string, string>>): Record<string, string> {
    return Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [
        name,
        SECRET_KEY.test(name) ? HIDDEN : this.text(value),
      ]),
    );
  }

  #hides(key: string, value: unknown): boolean {
    return (
      SECRET_KEY.test(key) && !HARMLESS.test(key) && (typeof value === 'string' || typeof value === 'number')
    );
  }
}
