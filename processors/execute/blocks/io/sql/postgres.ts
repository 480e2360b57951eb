/** Postgres over pools of guarded connections, one pool for each tenant and address. */
import pg from 'pg'
import { BlockError } from '../../../block.ts'
import { decodedPart, hostAndPort, hostOf } from '../address.ts'
import { guardedSocket } from '../egress/dial.ts'
import type { Egress } from '../egress/egress.ts'
import type { GuardedClient } from './postgres-query.ts'

export interface PostgresAddress {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly database: string
  readonly ssl: false | { readonly rejectUnauthorized: boolean }
}

export interface PostgresOptions {
  /** Connections per tenant and address; default 10. */
  readonly connections?: number
  /** A statement ends after so many milliseconds; default 60,000. */
  readonly statementTimeoutMs?: number
}

const POOLS_MAX = 64
const ACQUIRE_MS = 10_000
const IDLE_MS = 30_000
const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full']
const PARAMETERS = ['sslmode', 'application_name', 'connect_timeout']

/** @throws {BlockError} `DB_CONNECTION_ERROR`, which does not repeat the address */
export function postgresAddress(text: string): PostgresAddress {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !['postgres:', 'postgresql:'].includes(url.protocol) || url.hostname === '') {
    throw refused('the connection is no address; expected postgres://user:password@host:port/database')
  }
  const unknown = [...url.searchParams.keys()].find((name) => !PARAMETERS.includes(name))
  if (unknown !== undefined)
    throw refused(
      `the connection has the parameter '${unknown.slice(0, 40)}'; expected one of ${PARAMETERS.join(', ')}`,
    )
  const mode = url.searchParams.get('sslmode') ?? 'disable'
  if (!SSL_MODES.includes(mode))
    throw refused(`sslmode is '${mode.slice(0, 40)}'; expected one of ${SSL_MODES.join(', ')}`)
  const user = decodedPart(url.username) || 'postgres'
  return {
    host: hostOf(url),
    port: Number(url.port || 5432),
    user,
    password: decodedPart(url.password),
    database: decodedPart(url.pathname.slice(1)) || user,
    ssl:
      mode === 'require'
        ? { rejectUnauthorized: false }
        : mode.startsWith('verify')
          ? { rejectUnauthorized: true }
          : false,
  }
}

export class PostgresPools {
  readonly #egress: Egress
  readonly #options: PostgresOptions
  /** By tenant and address; the one used last is the last. */
  readonly #pools = new Map<string, pg.Pool>()

  constructor(egress: Egress, options: PostgresOptions = {}) {
    this.#egress = egress
    this.#options = options
  }

  /** A connection of the tenant's own; the caller releases it. @throws {BlockError} `DB_CONNECTION_ERROR`, `EGRESS_REFUSED` */
  async connect(tenant: string, address: string): Promise<GuardedClient> {
    const pool = this.#pool(tenant, address)
    try {
      return (await pool.connect()) as unknown as GuardedClient
    } catch (error) {
      throw connectionError(error, postgresAddress(address))
    }
  }

  async close(): Promise<void> {
    const pools = [...this.#pools.values()]
    this.#pools.clear()
    await Promise.all(pools.map((pool) => pool.end()))
  }

  #pool(tenant: string, address: string): pg.Pool {
    const key = `${tenant}\n${address}`
    const known = this.#pools.get(key)
    const pool = known ?? this.#open(postgresAddress(address))
    this.#pools.delete(key)
    this.#pools.set(key, pool)
    if (known === undefined && this.#pools.size > POOLS_MAX) this.#endOldest()
    return pool
  }

  /** Steps that still use it keep their connections until they release them. */
  #endOldest(): void {
    for (const [key, pool] of this.#pools) {
      this.#pools.delete(key)
      void pool.end()
      return
    }
  }

  #open(address: PostgresAddress): pg.Pool {
    const { password, ...rest } = address
    const egress = this.#egress
    // given as a function, so that neither variables nor files of this machine take its place when it is empty
    const config: pg.PoolConfig = {
      ...rest,
      password: () => password,
      application_name: 'beamline',
      options: '-c DateStyle=ISO -c IntervalStyle=iso_8601 -c TimeZone=UTC -c bytea_output=hex -c extra_float_digits=1',
      statement_timeout: this.#options.statementTimeoutMs ?? 60_000,
      max: this.#options.connections ?? 10,
      connectionTimeoutMillis: ACQUIRE_MS,
      idleTimeoutMillis: IDLE_MS,
      allowExitOnIdle: true,
    }
    const Client = class extends pg.Client {
      readonly socket: ReturnType<typeof guardedSocket>
      constructor(given: pg.ClientConfig) {
        const socket = guardedSocket(egress, 'postgres')
        super({ ...given, stream: () => socket })
        this.socket = socket
      }
    }
    const pool = new pg.Pool({ ...config, Client } as unknown as pg.PoolConfig)
    // a connection that breaks while nobody uses it is not missed
    pool.on('error', () => undefined)
    return pool
  }
}

export function connectionError(error: unknown, at: Pick<PostgresAddress, 'host' | 'port'>): BlockError {
  if (error instanceof BlockError) return error
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown }
  const state = typeof code === 'string' ? code : null
  // a wrong password, database or role stays wrong
  const isPermanent = state !== null && /^(28|3D)/.test(state)
  return new BlockError(
    'DB_CONNECTION_ERROR',
    `no connection to the database at ${hostAndPort(at.host, at.port)}: ${String(message ?? state)}`,
    {
      class: isPermanent ? 'permanent' : 'transient',
      detail: { code: state },
      cause: error,
    },
  )
}

function refused(message: string): BlockError {
  return new BlockError('DB_CONNECTION_ERROR', message, { class: 'permanent' })
}
