/** A Kysely driver for a connection that somebody else opened, holds and closes, transactions included. */
import type { DatabaseConnection, Driver } from 'kysely'

export function connectionDriver(
  execute: (text: string, parameters: readonly unknown[]) => Promise<readonly unknown[]>,
): Driver {
  const connection: DatabaseConnection = {
    async executeQuery<R>({ sql, parameters }: { readonly sql: string; readonly parameters: readonly unknown[] }) {
      return { rows: (await execute(sql, parameters)) as R[] }
    },
    streamQuery: () => notSupported('streaming'),
  }
  return {
    init: async () => {},
    acquireConnection: async () => connection,
    releaseConnection: async () => {},
    beginTransaction: async () => notSupported('transactions'),
    commitTransaction: async () => notSupported('transactions'),
    rollbackTransaction: async () => notSupported('transactions'),
    destroy: async () => {},
  }
}

function notSupported(what: string): never {
  throw new Error(`${what} are up to the owner of the connection`)
}
