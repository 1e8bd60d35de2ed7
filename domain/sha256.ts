/** SHA-256 where there is no Node: in workflow code. FIPS 180-4, over the UTF-8 of a text. */

const ROUNDS = Uint32Array.from(fractions(64, 3));
const START = Uint32Array.from(fractions(8, 2));

/** In lower-case hexadecimal. */
export function sha256(text: string): string {
  const data = padded(new TextEncoder().encode(text));
  const hash = START.slice();
  const words = new Uint32Array(64);
  for (let at = 0; at < data.byteLength; at += 64) mix(hash, words, data, at);
  return [...hash].map(word => word.toString(16).padStart(8, '0')).join('');
}

function padded(bytes: Uint8Array): DataView {
  const data = new DataView(new ArrayBuffer(((bytes.length + 72) >> 6) << 6));
  new Uint8Array(data.buffer).set(bytes);
  data.setUint8(bytes.length, 0x80);
  data.setBigUint64(data.byteLength - 8, BigInt(bytes.length) * 8n);
  return data;
}

function mix(hash: Uint32Array, w: Uint32Array, data: DataView, at: number): void {
  for (let n = 0; n < 16; n++) w[n] = data.getUint32(at + n * 4);
  for (let n = 16; n < 64; n++) {
    const [early, late] = [w[n - 15]!, w[n - 2]!];
    const s0 = turned(early, 7) ^ turned(early, 18) ^ (early >>> 3);
    const s1 = turned(late, 17) ^ turned(late, 19) ^ (late >>> 10);
    w[n] = w[n - 16]! + s0 + w[n - 7]! + s1;
  }
  let [a, b, c, d, e, f, g, h] = hash as unknown as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  for (let n = 0; n < 64; n++) {
    const s1 = turned(e, 6) ^ turned(e, 11) ^ turned(e, 25);
    const first = (h + s1 + ((e & f) ^ (~e & g)) + ROUNDS[n]! + w[n]!) | 0;
    const s0 = turned(a, 2) ^ turned(a, 13) ^ turned(a, 22);
    const second = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    [a, b, c, d, e, f, g, h] = [(first + second) | 0, a, b, c, (d + first) | 0, e, f, g];
  }
  for (const [n, word] of [a, b, c, d, e, f, g, h].entries()) hash[n]! += word;
}

function turned(word: number, by: number): number {
  return (word >>> by) | (word << (32 - by));
}

/** The first 32 bits of the fractional parts of the roots of the first primes: what the standard begins with. */
function fractions(count: number, root: 2 | 3): number[] {
  const found: number[] = [];
  for (let n = 2; found.length < count; n++) {
    let isPrime = true;
    for (let by = 2; by * by <= n; by++) isPrime &&= n % by !== 0;
    if (isPrime) found.push(Number(rootOf(BigInt(n) << BigInt(32 * root), root) & 0xffffffffn));
  }
  return found;
}

/** The whole part of a root, by halving. */
function rootOf(value: bigint, root: 2 | 3): bigint {
  let [low, high] = [0n, 1n << 40n];
  while (low < high) {
    const middle = (low + high + 1n) >> 1n;
    if (middle ** BigInt(root) <= value) low = middle;
    else high = middle - 1n;
  }
  return low;
}
