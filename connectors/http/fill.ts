/** Body and headers of a call, with everything filled in. */
import type { CallSpec } from './catalog.js';
import { writeJson } from './json.js';
import { type Filling, fillJson, fillText } from './template.js';

export function filledBody(
  { json, form }: Pick<CallSpec, 'json' | 'form'>,
  filling: Filling,
): { text: string; type: string } | null {
  if (json !== undefined) return { text: writeJson(fillJson(json, filling)), type: 'application/json' };
  if (form === undefined) return null;
  const text = new URLSearchParams(filledTexts(form, filling)).toString();
  return { text, type: 'application/x-www-form-urlencoded' };
}

export function filledTexts(
  texts: Readonly<Record<string, string>>,
  filling: Filling,
): Record<string, string> {
  return Object.fromEntries(Object.entries(texts).map(([name, value]) => [name, fillText(value, filling)]));
}
