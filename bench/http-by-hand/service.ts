/**
 * A system over HTTP in a process of its own, for the figure: people and items, an answer after a fixed time,
 * as networks and applications take it. It counts its calls.
 *
 *   BENCH_SERVICE='{"items":4000,"latencyMs":10}'     says its port to whoever has started it
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const { items, latencyMs } = JSON.parse(process.env.BENCH_SERVICE!) as { items: number; latencyMs: number };
const PEOPLE = ['lena', 'mark', 'olga', 'anna', 'handover'].map((name, n) => ({
  id: String(n + 1),
  name,
  email: `${name}@bench.example`,
  active: true,
}));
const things = new Map(
  Array.from({ length: items }, (_, n) => {
    const id = String(n + 1);
    return [id, { id, owner: '1', title: `Item number ${id}`, notes: 'x'.repeat(400) }] as const;
  }),
);
let calls = 0;

const server = createServer(async (request, response) => {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  const body =
    parts.length > 0 ? (JSON.parse(Buffer.concat(parts).toString()) as Record<string, unknown>) : {};
  const url = new URL(request.url!, 'http://service');
  if (url.pathname !== '/calls') {
    calls += 1;
    await new Promise(resolve => setTimeout(resolve, latencyMs));
  }
  const said = answer(request.method!, url, body);
  response.writeHead(said === null ? 404 : 200, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify(said));
});

function answer(method: string, url: URL, body: Record<string, unknown>): unknown {
  const [, what, id] = url.pathname.split('/');
  if (what === 'calls') return { calls };
  if (what === 'me') return PEOPLE.at(-1);
  const list = what === 'people' ? new Map(PEOPLE.map(one => [one.id, one])) : things;
  if (id !== undefined) {
    const one = list.get(id) as Record<string, unknown> | undefined;
    if (!one) return null;
    if (method === 'PATCH') Object.assign(one, body);
    return one;
  }
  const { searchParams: query } = url;
  const ids = query.get('ids')?.split(',');
  const found = ids
    ? ids.flatMap(one => list.get(one) ?? [])
    : [...list.values()].filter(one =>
        ['owner', 'email'].every(
          by => query.get(by) === null || (one as unknown as Record<string, string>)[by] === query.get(by),
        ),
      );
  const size = 100;
  const page = Number(query.get('page') ?? 1);
  return { items: ids ? found : found.slice((page - 1) * size, page * size), total: found.length };
}

server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => process.send!((server.address() as AddressInfo).port));
process.once('disconnect', () => process.exit(0));
