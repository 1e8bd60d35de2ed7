/**
 * What a command can reach: Temporal, the store (never written), the systems. Opened when first asked for, closed together at the
 * end. This is the command line's composition root: the one file of the client that wires connectors.
 */
import type { Client } from '@temporalio/client';
import type { Connector, PersonQuery } from '../../connectors/connector.js';
import type { Account, Person } from '../../domain/model.js';
import { connectionUrl } from '../../runtime/config.js';
import { connectTemporal } from '../../runtime/temporal.js';
import { openStore, type Store } from '../../store/store.js';
import { type OpenSystems, openSystems } from '../../workers/systems.js';
import { Offboardings } from '../offboardings.js';
import { EXIT, Problem } from './exit.js';
import { findInstallation, type Installation, type WhichInstallation } from './installation.js';
import type { Terminal } from './terminal.js';

export type { Account, Connector, Person };

export class Reach {
  #installation?: Promise<Installation>;
  #temporal?: Promise<Client>;
  #store?: Promise<Store>;
  #systems?: Promise<OpenSystems>;

  constructor(
    readonly terminal: Terminal,
    private readonly which: WhichInstallation,
    /** How long a person waits for one answer of Temporal or a worker. */
    readonly patienceMs: number,
  ) {}

  installation(): Promise<Installation> {
    this.#installation ??= findInstallation(this.which, this.terminal.io);
    return this.#installation;
  }

  temporal(): Promise<Client> {
    this.#temporal ??= this.installation().then(async ({ config }) => {
      const { address, namespace } = config.temporal;
      try {
        return await connectTemporal({ address, namespace });
      } catch (error) {
        throw new Problem(EXIT.outOfReach, (error as Error).message, { cause: error });
      }
    });
    return this.#temporal;
  }

  async offboardings(): Promise<Offboardings> {
    const { config } = await this.installation();
    return new Offboardings(await this.temporal(), config.temporal.taskQueue);
  }

  /** Asks Temporal with a deadline: without a worker a query would wait for very long. */
  async ask<T>(question: () => Promise<T>, ms = this.patienceMs): Promise<T> {
    const { connection } = await this.temporal();
    return connection.withDeadline(Date.now() + ms, question);
  }

  /** To read from; its tables are made by workers. */
  store(): Promise<Store> {
    this.#store ??= this.installation().then(({ config, env }) => {
      const url = named(() => connectionUrl(config.store.connection, "Handover's own store", env));
      return openStore(url, { migrate: false });
    });
    return this.#store;
  }

  systems(): Promise<OpenSystems> {
    this.#systems ??= this.installation().then(({ config, env }) => openSystems(config, () => {}, env));
    return this.#systems;
  }

  async system(name: string): Promise<Connector> {
    return (await this.systems()).get(name);
  }

  async findPeople(query: PersonQuery): Promise<Person[]> {
    const systems = await this.systems();
    const { title, directory } = await systems.get(systems.directory);
    if (!directory) throw new Problem(EXIT.usage, `${title} cannot say who people are: it is no directory.`);
    return directory.findPeople(query);
  }

  /** Which roles the directory's catalog gives to people. */
  async directoryRoles(): Promise<{ operator: boolean; approver: boolean }> {
    const systems = await this.systems();
    const { directory } = await systems.get(systems.directory);
    return directory?.roles ?? { operator: false, approver: false };
  }

  async close(): Promise<void> {
    const closing = [
      this.#temporal?.then(client => client.connection.close()),
      this.#store?.then(store => store.close()),
      this.#systems?.then(systems => systems.close()),
    ];
    await Promise.allSettled(closing);
  }
}

function named<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new Problem(EXIT.usage, (error as Error).message, { cause: error });
  }
}

/** `id:17`, an e-mail (anything with an @) or a login. */
export function queryOf(who: string): PersonQuery {
  if (who.startsWith('id:')) return { by: 'id', value: who.slice(3) };
  return who.includes('@') ? { by: 'email', value: who } : { by: 'login', value: who };
}
