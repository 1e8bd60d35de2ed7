/** Names and titles come from other systems: what people are shown is made harmless first. */

/**
 * Text from elsewhere as one harmless line: no escape sequences, line breaks, other control characters or
 * marks that reverse the direction of what follows.
 */
export function clean(text: string): string {
  return text
    .replace(ESCAPES, '')
    .replace(/[\r\n\t\u2028\u2029]+/g, ' ')
    .replace(CONTROLS, '');
}

/**
 * A whole escape sequence goes, not only its first character: CSI, OSC (to BEL or ST), and two-character
 * ones.
 */
const ESCAPES =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this removes
  /[\u001b\u009b](?:\][^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c)?|\[?[0-?]*[ -/]*[@-~])?/g;

const CONTROLS =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this removes
  /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
