/** Runs one statement over one connection, within bounds. */
import type { Socket } from 'node:net'
import pg from 'pg'
import type { Json } from '../../../../../schemas/json.ts'
import { BlockError } from '../../../block.ts'
import { dial } from '../egress/dial.ts'
import type { Egress } from '../egress/egress.ts'
import { connectionError } from './postgres.ts'
import { postgresParser } from './postgres-values.ts'

/** A pooled connection with the socket under it. */
export interface GuardedClient extends pg.PoolClient {
  readonly socket: Socket
  readonly processID: number
  readonly secretKey: number
  readonly host: string
  readonly port: number
}

export interface SqlLimits {
  /** Rows at most; default 10,000. */
  readonly rows: number
  /** Bytes that come from the database, at most; default 1 MiB. */
  readonly bytes: number
}

export interface SqlResult {
  readonly rows: readonly Json[]
  readonly affected: number
}

export interface SqlStatement {
  readonly text: string
  readonly values: readonly unknown[]
  readonly mayWrite: boolean
}

const CANCEL_REQUEST = 80_877_102

/** The connection is released here, or ended when it is not fit for another statement. Rejects with the signal's reason when that is aborted. */
export async function runStatement(
  client: GuardedClient,
  statement: SqlStatement,
  limits: SqlLimits,
  egress: Egress,
  signal: AbortSignal,
): Promise<SqlResult> {
  let broken: boolean | Error = true
  const onAbort = (): void => {
    cancelStatement(client, egress)
    client.socket.destroy()
  }
  signal.addEventListener('abort', onAbort, { once: true })
  const onError = (): void => undefined
  client.on('error', onError)
  try {
    signal.throwIfAborted()
    const result = statement.mayWrite
      ? await written(client, statement, limits)
      : await readOnly(client, statement, limits)
    broken = false
    return result
  } catch (error) {
    broken = !isOfStatement(error)
    throw signal.aborted ? signal.reason : queryError(error, client)
  } finally {
    signal.removeEventListener('abort', onAbort)
    client.off('error', onError)
    client.release(broken)
  }
}

/** In a transaction that changes nothing and is undone, settings that the statement made included. */
async function readOnly(client: GuardedClient, statement: SqlStatement, limits: SqlLimits): Promise<SqlResult> {
  await client.query('BEGIN READ ONLY')
  try {
    return await execute(client, statement, limits)
  } finally {
    if (!client.socket.destroyed) await client.query('ROLLBACK')
  }
}

async function written(client: GuardedClient, statement: SqlStatement, limits: SqlLimits): Promise<SqlResult> {
  try {
    return await execute(client, statement, limits)
  } finally {
    // settings, locks and temporary tables are not for the next step
    if (!client.socket.destroyed && /set_config|advisory|temp/i.test(statement.text)) await client.query('DISCARD ALL')
  }
}

/** One statement by protocol: several in one text are refused by the database. */
function execute(client: GuardedClient, statement: SqlStatement, limits: SqlLimits): Promise<SqlResult> {
  return new Promise((resolve, reject) => {
    const rows: Json[] = []
    const parsers = { getTypeParser: postgresParser }
    const config = {
      text: statement.text,
      values: [...statement.values],
      queryMode: 'extended',
      rowMode: 'array',
      types: parsers,
    }
    const query = new pg.Query(config as unknown as pg.QueryConfig)
    const from = client.socket.bytesRead
    const settle = (end: () => void): void => {
      client.socket.off('data', onData)
      end()
    }
    const tooLarge = (what: string): void => {
      settle(() => reject(new BlockError('RESULT_TOO_LARGE', `the result has more than ${what}, the limit`)))
      client.socket.destroy()
    }
    const onData = (): void => {
      if (client.socket.bytesRead - from > limits.bytes) tooLarge(`${limits.bytes} bytes`)
    }
    client.socket.on('data', onData)
    query.on('row', (values: unknown, result) => {
      if (rows.length >= limits.rows) tooLarge(`${limits.rows} rows`)
      else rows.push(rowOf(values as readonly Json[], result!.fields))
    })
    query.on('end', (result) => settle(() => resolve({ rows, affected: result.rowCount ?? rows.length })))
    query.on('error', (error) => settle(() => reject(error)))
    client.query(query)
  })
}

function rowOf(values: readonly Json[], fields: readonly pg.FieldDef[]): Json {
  return Object.fromEntries(fields.map((field, index) => [field.name, values[index] ?? null]))
}

/** The database has answered, and the connection is as before. */
function isOfStatement(error: unknown): boolean {
  const { code, severity } = error as { readonly code?: unknown; readonly severity?: unknown }
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && severity === 'ERROR'
}

function queryError(error: unknown, client: GuardedClient): unknown {
  if (error instanceof BlockError) return error
  if (!isOfStatement(error)) return connectionError(error, client)
  const { code, message, position } = error as {
    readonly code: string
    readonly message: string
    readonly position?: string
  }
  // conflicts, locks, want of resources, and statements that were ended may go better next time
  const isTransient = /^(40|53|55P03|57)/.test(code)
  return new BlockError('DB_QUERY_ERROR', `the query failed: ${message}`, {
    class: isTransient ? 'transient' : 'permanent',
    detail: { sqlstate: code, position: position === undefined ? null : Number(position) },
    cause: error,
  })
}

/** Asks the database to end what it does for the connection; what becomes of the request does not matter. */
function cancelStatement(client: GuardedClient, egress: Egress): void {
  const { processID, secretKey, host, port } = client
  if (typeof secretKey !== 'number') return
  const packet = Buffer.alloc(16)
  packet.writeInt32BE(16, 0)
  packet.writeInt32BE(CANCEL_REQUEST, 4)
  packet.writeInt32BE(processID, 8)
  packet.writeInt32BE(secretKey, 12)
  dial(egress, { scheme: 'postgres', host, port }).then(
    (socket) => socket.on('error', () => undefined).end(packet),
    () => undefined,
  )
}
