/**
 * A link between a worker and a server that can be held, reset, slowed down, and cut at the worst moment:
 * after a COMMIT (or the statement that stores a receipt) was forwarded, and before its answer. It reads
 * PostgreSQL's frontend messages just enough for that.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';

export interface LinkOptions {
  /** Where the server listens now; asked for every connection, because a restarted server may have moved. */
  target: () => { host: string; port: number };
  /** Statements whose answers can be lost; without it, bytes are not looked at (Temporal). */
  watch?: RegExp;
  /** Added to every message in both directions. */
  delayMs?: number;
}

export interface Cut {
  statement: string;
  /** The server had answered, and the answer was thrown away: the statement was certainly carried out. */
  answered: boolean;
}

/**
 * `swallow`: the statement is carried out, and its answer is thrown away. `break`: the connection breaks as
 * soon as it was forwarded, so that nobody knows. `withhold`: it never reaches the server. The other two leave
 * the connection open, a black hole from then on: `mute` after the statement was carried out, `drown` before
 * it reaches the server.
 */
export type CutHow = 'swallow' | 'break' | 'withhold' | 'mute' | 'drown';

export interface Link {
  port: number;
  /** Watched statements that have passed so far. */
  watched(): number;
  connections(): number;
  /**
   * Cuts the connection at the `nth` watched statement from now on; `after` counts only those that follow
   * such a statement in their transaction, `at` only those that are one. Resolves when it has happened.
   */
  cut(nth: number, how: CutHow, after?: RegExp, at?: RegExp): Promise<Cut>;
  /**
   * Nothing gets through in either direction, and nothing is refused either. Answers how many connections
   * were held.
   */
  hold(): number;
  /** Bytes that wait. */
  held(): number;
  release(): number;
  /** Breaks every connection. Answers how many there were. */
  reset(): number;
  close(): Promise<void>;
}

interface Pair {
  client: Socket;
  server: Socket;
  broken: boolean;
}

export async function openLink(options: LinkOptions): Promise<Link> {
  const pairs = new Set<Pair>();
  const waiting: { nth: number; how: CutHow; after?: RegExp; at?: RegExp; done: (cut: Cut) => void }[] = [];
  let watched = 0;
  let held = false;
  let heldBytes = 0;
  let later: (() => void)[] = [];

  /** In order, after the delay, and not while the link is held. */
  const courier = (to: Socket): ((bytes: Buffer) => void) => {
    let line = Promise.resolve();
    return bytes => {
      const due = Date.now() + (options.delayMs ?? 0);
      line = line.then(async () => {
        const left = due - Date.now();
        if (left > 0) await new Promise(resolve => setTimeout(resolve, left));
        while (held) {
          heldBytes += bytes.length;
          await new Promise<void>(resolve => later.push(resolve));
        }
        if (!to.destroyed) to.write(bytes);
      });
    };
  };

  const listener: Server = createServer({ noDelay: true }, client => {
    const { host, port } = options.target();
    const server = connect({ host, port, noDelay: true });
    const pair: Pair = { client, server, broken: false };
    pairs.add(pair);
    let cutting: { cut: Cut; how: CutHow; done: (cut: Cut) => void } | null = null;
    let transaction: string[] = [];
    const breakOff = (): void => {
      pair.broken = true;
      pairs.delete(pair);
      client.destroyed || client.resetAndDestroy();
      server.destroyed || server.resetAndDestroy();
    };
    const toServer = courier(server);
    const toClient = courier(client);
    const reader = options.watch ? statements() : null;
    client.on('data', (bytes: Buffer) => {
      if (pair.broken) return;
      for (const statement of reader?.(bytes) ?? []) {
        if (/^\s*begin\b/i.test(statement)) transaction = [];
        transaction.push(statement);
        if (!options.watch!.test(statement)) continue;
        watched++;
        const next = cutting ? undefined : waiting[0];
        if (!next || next.at?.test(statement) === false) continue;
        if ((next.after && !transaction.some(one => next.after!.test(one))) || --next.nth > 0) continue;
        waiting.shift();
        cutting = { cut: { statement, answered: false }, how: next.how, done: next.done };
      }
      if (cutting?.how === 'withhold') {
        breakOff();
        return cutting.done(cutting.cut);
      }
      if (cutting?.how === 'drown' || (cutting?.how === 'mute' && cutting.cut.answered))
        return cutting.done(cutting.cut);
      toServer(bytes);
      if (cutting?.how === 'break') {
        const { cut, done } = cutting;
        // Once it is on its way: what PostgreSQL makes of it, nobody knows.
        setTimeout(
          () => {
            server.end();
            breakOff();
            done(cut);
          },
          (options.delayMs ?? 0) + 1,
        );
      }
    });
    server.on('data', (bytes: Buffer) => {
      if (pair.broken) return;
      if (!cutting) return toClient(bytes);
      // ReadyForQuery: the answer is complete.
      if (cutting.how === 'mute' && endsReady(bytes)) {
        cutting.cut.answered = true;
        return cutting.done(cutting.cut);
      }
      if (cutting.how === 'swallow' && endsReady(bytes)) {
        cutting.cut.answered = true;
        const { cut, done } = cutting;
        breakOff();
        done(cut);
      }
    });
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const)
      one
        .on('error', () => {})
        .on('close', () => {
          pairs.delete(pair);
          if (!held) other.destroy();
          else later.push(() => other.destroy());
          if (cutting && !pair.broken) {
            pair.broken = true;
            cutting.done(cutting.cut);
          }
        });
  });
  await new Promise<void>((resolve, reject) =>
    listener.once('error', reject).listen(0, '127.0.0.1', resolve),
  );

  const link: Link = {
    port: (listener.address() as { port: number }).port,
    watched: () => watched,
    connections: () => pairs.size,
    cut: (nth, how, after, at) => new Promise(done => waiting.push({ nth, how, after, at, done })),
    hold() {
      held = true;
      heldBytes = 0;
      return pairs.size;
    },
    held: () => heldBytes,
    release() {
      held = false;
      for (const go of later.splice(0)) go();
      return heldBytes;
    },
    reset() {
      const broken = [...pairs];
      for (const pair of broken) {
        pair.broken = true;
        pairs.delete(pair);
        pair.client.resetAndDestroy();
        pair.server.resetAndDestroy();
      }
      return broken.length;
    },
    async close() {
      link.release();
      later = [];
      link.reset();
      await new Promise(resolve => listener.close(resolve));
    },
  };
  return link;
}

function endsReady(bytes: Buffer): boolean {
  const end = bytes.subarray(-6);
  return end.length === 6 && end[0] === 0x5a && end.readInt32BE(1) === 5;
}

/**
 * The texts of the statements that a client has now sent off: simple queries, and executions of prepared ones
 * by the text that was parsed under their name. Messages may arrive in pieces.
 */
function statements(): (bytes: Buffer) => string[] {
  let rest = Buffer.alloc(0);
  let started = false;
  const prepared = new Map<string, string>();
  const portals = new Map<string, string>();
  return bytes => {
    rest = Buffer.concat([rest, bytes]);
    const found: string[] = [];
    for (;;) {
      const head = started ? 1 : 0;
      if (rest.length < head + 4) return found;
      const end = head + rest.readInt32BE(head);
      if (rest.length < end) return found;
      const type = started ? String.fromCharCode(rest[0]!) : 'startup';
      const body = rest.subarray(head + 4, end);
      rest = rest.subarray(end);
      // An SSL request comes before the real start and looks like one.
      if (type === 'startup') started = body.readInt32BE(0) !== 80877103;
      if (type === 'Q') found.push(text(body, 0));
      if (type === 'P') prepared.set(text(body, 0), text(body, text(body, 0).length + 1));
      if (type === 'B') {
        const portal = text(body, 0);
        portals.set(portal, prepared.get(text(body, Buffer.byteLength(portal) + 1)) ?? '');
      }
      if (type === 'E') found.push(portals.get(text(body, 0)) ?? '');
    }
  };
}

function text(body: Buffer, from: number): string {
  return body.toString('utf8', from, body.indexOf(0, from));
}
