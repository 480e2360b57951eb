/** Connections to the database, and what their failures mean. */
import { type ClientBase, Pool, type PoolConfig, types } from 'pg'
import { ReadModelError } from '../../../topology/read-model/port.ts'
import type { PostgresReadModelOptions } from './options.ts'

const CONNECT_TIMEOUT_MS = 5_000
const IDLE_MS = 30_000
const BIGINT = 20

/** Counts, times and offsets are safe integers here. */
const TYPES = {
  getTypeParser: ((oid: number, format?: 'text') =>
    oid === BIGINT && format !== ('binary' as string) ? Number : types.getTypeParser(oid, format)) as never,
}

export type ConnectionConfig = Pick<PostgresReadModelOptions, 'url' | 'tls'>

export function connectionConfig({ url, tls }: ConnectionConfig, name: string): PoolConfig {
  return {
    connectionString: url,
    application_name: `beamline ${name}`,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    types: TYPES,
    ...(tls === undefined ? {} : { ssl: tls }),
  }
}

export function openPool(config: ConnectionConfig, name: string, max: number): Pool {
  const pool = new Pool({ ...connectionConfig(config, name), max, idleTimeoutMillis: IDLE_MS })
  // An idle connection that breaks is taken out of the pool; who needs one next notices if there is none to be had.
  pool.on('error', () => {})
  return pool
}

/** Lends a connection; one that failed is not used again. @throws whatever `work` does, and failures to connect */
export async function withConnection<T>(pool: Pool, work: (client: ClientBase) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  let broken = false
  const onError = (): void => {
    broken = true
  }
  client.on('error', onError)
  try {
    return await work(client)
  } catch (error) {
    // Otherwise the transaction has been rolled back, or the connection is of no use.
    broken ||= !(await client.query('rollback').then(
      () => true,
      () => false,
    ))
    throw error
  } finally {
    client.off('error', onError)
    client.release(broken)
  }
}

/** `text` without parameters may be several statements; the last one's rows come back. */
export async function rowsOf<R>(client: ClientBase, text: string, values?: readonly unknown[]): Promise<R[]> {
  const result = await client.query(text, values as unknown[] | undefined)
  const last = Array.isArray(result) ? (result as unknown as (typeof result)[]).at(-1)! : result
  return last.rows as R[]
}

/** SQLSTATE of a failure that the database told; `null` for one of the connection. */
export function stateOf(error: unknown): string | null {
  const code = (error as { readonly code?: unknown }).code
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : null
}

/** Tables or schemas that are not there: a build that was dropped, or none was made yet. */
export function isMissing(error: unknown): boolean {
  const state = stateOf(error)
  return state === '42P01' || state === '3F000'
}

const QUERY_CANCELED = '57014'

export function asReadModelError(error: unknown): ReadModelError {
  if (error instanceof ReadModelError) return error
  const state = stateOf(error)
  const { message } = error as Error
  if (state === QUERY_CANCELED) {
    return new ReadModelError('READ_MODEL_FAILED', 'the database of the read model took too long to answer', {
      cause: error,
    })
  }
  // Class 57: the server is ending or starting; 53: it has no room for another connection; 08: the connection failed.
  const unreachable = state === null || /^(57|53|08)/.test(state)
  const what = unreachable
    ? 'the database of the read model cannot be reached'
    : 'the database of the read model refused'
  return new ReadModelError('READ_MODEL_FAILED', `${what}: ${message || String((error as { code?: unknown }).code)}`, {
    cause: error,
  })
}
