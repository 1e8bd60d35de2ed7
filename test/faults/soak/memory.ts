/** The picture of a soak's memory: how much the largest worker held, over time. */

const [WIDTH, HEIGHT, LEFT, BELOW] = [720, 240, 60, 30];

/** @param memory MiB, and when in ms since the start @returns an SVG */
export function drawMemory(memory: readonly { at: number; mib: number }[]): string {
  const last = Math.max(1, ...memory.map(one => one.at));
  const most = Math.max(100, Math.ceil(Math.max(0, ...memory.map(one => one.mib)) / 100) * 100);
  const x = (at: number): number => LEFT + ((WIDTH - LEFT - 10) * at) / last;
  const y = (mib: number): number => HEIGHT - BELOW - ((HEIGHT - BELOW - 10) * mib) / most;
  const line = memory.map(({ at, mib }) => `${x(at).toFixed(1)},${y(mib).toFixed(1)}`).join(' ');
  const marks = Array.from({ length: 5 }, (_, n) => (most * n) / 4);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="11">
<rect width="100%" height="100%" fill="white"/>
${marks.map(mib => `<path d="M${LEFT} ${y(mib)}H${WIDTH - 10}" stroke="#ddd"/><text x="${LEFT - 6}" y="${y(mib) + 4}" text-anchor="end">${mib} MiB</text>`).join('\n')}
<polyline points="${line}" fill="none" stroke="#2457a6" stroke-width="1.5"/>
<text x="${LEFT}" y="${HEIGHT - 8}">0</text><text x="${WIDTH - 10}" y="${HEIGHT - 8}" text-anchor="end">${(last / 60_000).toFixed(0)} min</text>
</svg>
`;
}
