/**
 * What can be reached from here: Temporal, the store (where only overrides are put), the systems. Each is
 * opened, and its code loaded, when it is first asked for; all are closed together at the end.
 */
import type { Client } from '@temporalio/client';
import type { Person } from '../domain/model.js';
import { connectionUrl } from '../runtime/config.js';
import type { Store } from '../store/store.js';
import {
  findInstallation,
  type Installation,
  type Surroundings,
  type WhichInstallation,
} from './installation.js';
import { Problem } from './problem.js';
import { Offboardings } from './runs.js';
import type { Connector, OpenSystems, PersonQuery } from './systems.js';

export class Reach {
  #installation?: Promise<Installation>;
  #temporal?: Promise<Client>;
  #store?: Promise<Store>;
  #owner?: Promise<Store>;
  #systems?: Promise<OpenSystems>;

  constructor(
    private readonly place: Surroundings,
    private readonly which: WhichInstallation,
    /** How long a person waits for one answer of Temporal or a worker. */
    readonly patienceMs: number,
  ) {}

  /** Where the command was started: files that people name are relative to it. */
  get cwd(): string {
    return this.place.cwd;
  }

  installation(): Promise<Installation> {
    this.#installation ??= findInstallation(this.which, this.place);
    return this.#installation;
  }

  temporal(): Promise<Client> {
    this.#temporal ??= this.installation().then(async ({ config, env }) => {
      const { connectTemporal } = await import('../runtime/temporal.js');
      try {
        return await connectTemporal(config.temporal, env);
      } catch (error) {
        throw new Problem('out-of-reach', (error as Error).message, { cause: error });
      }
    });
    return this.#temporal;
  }

  async offboardings(): Promise<Offboardings> {
    const { config } = await this.installation();
    return new Offboardings(await this.temporal(), config.temporal.taskQueue, config.installation);
  }

  /** Asks Temporal with a deadline: without a worker a query would wait for very long. */
  async ask<T>(question: () => Promise<T>, ms = this.patienceMs): Promise<T> {
    const { connection } = await this.temporal();
    return connection.withDeadline(Date.now() + ms, question);
  }

  /** To read from, and to put overrides in; its tables are made by their owner, or by workers. */
  store(): Promise<Store> {
    this.#store ??= this.#opened('connection', "Handover's own store");
    return this.#store;
  }

  /** The same as the owner of its tables, who alone may take something away. */
  ownersStore(): Promise<Store> {
    this.#owner ??= this.#opened('owner', "the owner of Handover's own store");
    return this.#owner;
  }

  async #opened(which: 'connection' | 'owner', purpose: string): Promise<Store> {
    const { config, env } = await this.installation();
    const url = named(() => connectionUrl(config.store[which], purpose, env));
    const { openStore } = await import('../store/store.js');
    return openStore(url, { migrate: false });
  }

  systems(): Promise<OpenSystems> {
    this.#systems ??= this.installation().then(async ({ config, env }) => {
      const { connectSystems } = await import('./systems.js');
      return connectSystems(config, env, await this.budgets());
    });
    return this.#systems;
  }

  /**
   * What the workers keep in the store of how often each system may be asked, so that a command takes its share
   * of it. Undefined where no system is asked by calls, or the store is not there yet (of which `check` has more
   * to say): then a catalog's limits hold for this command alone.
   */
  async budgets(): Promise<Store['budgets'] | undefined> {
    const { config, env } = await this.installation();
    const byCalls = Object.values(config.systems).some(({ connect }) => connect !== undefined);
    if (!byCalls || !env[config.store.connection]) return undefined;
    try {
      const { budgets } = await this.store();
      await budgets(config.directory).paused();
      return budgets;
    } catch {
      return undefined;
    }
  }

  async system(name: string): Promise<Connector> {
    return (await this.systems()).get(name);
  }

  async findPeople(query: PersonQuery): Promise<Person[]> {
    const systems = await this.systems();
    const { title, directory } = await systems.get(systems.directory);
    if (!directory) throw new Problem('usage', `${title} cannot say who people are: it is no directory.`);
    return directory.findPeople(query);
  }

  async close(): Promise<void> {
    const closing = [
      this.#temporal?.then(client => client.connection.close()),
      this.#store?.then(store => store.close()),
      this.#owner?.then(store => store.close()),
      this.#systems?.then(systems => systems.close()),
    ];
    await Promise.allSettled(closing);
  }
}

function named<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new Problem('usage', (error as Error).message, { cause: error });
  }
}

/** `id:17`, an e-mail (anything with an @) or a login. */
export function queryOf(who: string): PersonQuery {
  if (who.startsWith('id:')) return { by: 'id', value: who.slice(3) };
  return who.includes('@') ? { by: 'email', value: who } : { by: 'login', value: who };
}
