/**
 * Draws growth.svg from the figures in figures.jsonl, which is what `npm run bench -- --json growth` prints:
 * `node --import tsx bench/growth/picture.ts`. Left the time, both axes logarithmic, beside a line on which
 * ten times the items take ten times as long; right the worker's memory above idle, beside its limit.
 */
import { readFile, writeFile } from 'node:fs/promises';
import type { Line } from '../harness/figure.js';

interface Point {
  items: number;
  ms: number;
  mb: number;
}

type Scale = (value: number) => number;

const TOP = 56;
const BOTTOM = 300;
const INK = '#1f2933';
const FAINT = '#cbd2d9';
const OURS = '#0b6e99';
const BESIDE = '#b45309';

const lines = (await readFile(new URL('./figures.jsonl', import.meta.url), 'utf8')).trim().split('\n');
const points = lines
  .map(line => JSON.parse(line) as Line)
  .filter(line => line.name.startsWith('growth-'))
  .map(
    (line): Point => ({ items: Number(line.items), ms: line.ours_ms, mb: Number(line.memory_above_idle_mb) }),
  );
await writeFile(new URL('./growth.svg', import.meta.url), picture(points));

function picture(points: readonly Point[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 860 350" font-family="system-ui, sans-serif" font-size="12" fill="${INK}">
<title>Time and worker memory by number of items</title>
<rect width="860" height="350" fill="white"/>
${time(points)}
${memory(points)}
</svg>
`;
}

function time(points: readonly Point[]): string {
  const x = logarithmic(1000, 1_000_000, 110, 380);
  const y = logarithmic(100, 100_000, BOTTOM, TOP);
  const last = points.at(-1)!;
  const linear = points
    .map(({ items }) => [x(items), y((last.ms / last.items) * items)] as const)
    .filter(([, at]) => at <= BOTTOM);
  return [
    heading(80, 'Time, from the request to the report'),
    ...[100, 1000, 10_000, 100_000].map(ms => rung(80, 400, y(ms), `${ms / 1000} s`)),
    ...points.map(({ items }) => foot(x(items), items)),
    path(linear, BESIDE, '5 4'),
    text(linear[0]![0] + 14, linear[0]![1] - 2, 'linear', BESIDE),
    ...curve(
      points.map(({ items, ms }) => [x(items), y(ms)] as const),
      points.map(({ ms }) => `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`),
    ),
  ].join('\n');
}

function memory(points: readonly Point[]): string {
  const x = logarithmic(1000, 1_000_000, 530, 800);
  const y: Scale = mb => BOTTOM - ((BOTTOM - TOP) * mb) / 250;
  const limit = y(200);
  return [
    heading(500, "Worker's memory above idle, at its highest"),
    ...[0, 50, 100, 150, 200, 250].map(mb => rung(500, 820, y(mb), `${mb} MiB`)),
    ...points.map(({ items }) => foot(x(items), items)),
    path([[500, limit] as const, [820, limit] as const], BESIDE, '5 4'),
    text(506, limit - 6, 'limit', BESIDE),
    ...curve(
      points.map(({ items, mb }) => [x(items), y(mb)] as const),
      points.map(({ mb }) => `${mb}`),
    ),
  ].join('\n');
}

function logarithmic(from: number, to: number, start: number, end: number): Scale {
  return value => start + ((end - start) * Math.log(value / from)) / Math.log(to / from);
}

function curve(at: readonly (readonly [number, number])[], labels: readonly string[]): string[] {
  const dots = at.map(
    ([x, y], n) =>
      `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="4" fill="${OURS}"/>\n${text(x, y - 11, labels[n]!, OURS, 'middle')}`,
  );
  return [path(at, OURS), ...dots];
}

function path(at: readonly (readonly [number, number])[], colour: string, dashes = 'none'): string {
  const points = at.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(' ');
  return `<polyline points="${points}" fill="none" stroke="${colour}" stroke-width="2" stroke-dasharray="${dashes}"/>`;
}

function rung(from: number, to: number, y: number, label: string): string {
  return `<line x1="${from}" x2="${to}" y1="${y.toFixed(1)}" y2="${y.toFixed(1)}" stroke="${FAINT}"/>\n${text(from - 8, y + 4, label, INK, 'end')}`;
}

function foot(x: number, items: number): string {
  return text(x, BOTTOM + 20, items.toLocaleString('en'), INK, 'middle');
}

function heading(x: number, words: string): string {
  return `<text x="${x}" y="28" font-weight="600">${words}</text>\n${text(x, BOTTOM + 40, 'items of the leaver')}`;
}

function text(x: number, y: number, words: string, colour = INK, anchor = 'start'): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" fill="${colour}" text-anchor="${anchor}">${words}</text>`;
}
