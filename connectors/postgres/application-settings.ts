/**
 * Settings of the application's own that its triggers want to find (who is acting, say): set for a
 * transaction that writes, and gone with it.
 */
import { HandoverFailure } from '../../domain/failure.js';
import { databaseSays, sqlState } from './failures.js';
import type { Transaction } from './session.js';
import type { Target } from './target.js';

export async function applySettings(
  { catalog, system }: Pick<Target, 'catalog' | 'system'>,
  tx: Transaction,
) {
  const settings = Object.entries(catalog.settings);
  if (settings.length === 0) return;
  const each = settings.map((_, n) => `set_config($${2 * n + 1}::text, $${2 * n + 2}::text, true)`);
  try {
    await tx.query(
      `SELECT ${each.join(', ')}`,
      settings.flatMap(([name, value]) => [name, String(value)]),
    );
  } catch (error) {
    if (sqlState(error) === null) throw error;
    const names = settings.map(([name]) => name).join(', ');
    throw new HandoverFailure(
      'configuration',
      `${system}: the settings ${names} of the catalog cannot be set (${databaseSays(error)})`,
      { cause: error },
    );
  }
}
