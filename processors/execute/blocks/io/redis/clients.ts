/** Redis clients over guarded sockets, one for each connection. */
import type { Socket } from 'node:net'
import type { Redis, RedisOptions } from 'ioredis'
import { BlockError } from '../../../block.ts'
import { decodedPart, hostOf } from '../address.ts'
import { dial } from '../egress/dial.ts'
import { dialSecure } from '../egress/dial-secure.ts'
import type { Egress } from '../egress/egress.ts'

const CLIENTS_MAX = 64
const CONNECT_MS = 10_000
const RETRIES = 2

interface Address {
  readonly scheme: string
  readonly host: string
  readonly port: number
  readonly username: string
  readonly password: string
  readonly database: number
}

export class RedisClients {
  readonly #egress: Egress
  /** By address; the one used last is the last. */
  readonly #clients = new Map<string, Redis>()

  constructor(egress: Egress) {
    this.#egress = egress
  }

  /** @throws {BlockError} `REDIS_CONNECTION_ERROR` for what is no address */
  async get(url: string): Promise<Redis> {
    const { Redis } = await import('ioredis')
    const known = this.#clients.get(url)
    // the package's own types refuse its own options
    const client = known ?? new (Redis as unknown as NewRedis)(optionsFor(this.#egress, addressOf(url)))
    // every command tells of its own failure
    if (known === undefined) client.on('error', () => undefined)
    this.#clients.delete(url)
    this.#clients.set(url, client)
    if (known === undefined && this.#clients.size > CLIENTS_MAX) this.#endOldest()
    return client
  }

  close(): void {
    for (const client of this.#clients.values()) client.disconnect()
    this.#clients.clear()
  }

  #endOldest(): void {
    for (const [url, client] of this.#clients) {
      this.#clients.delete(url)
      void client.quit().catch(() => undefined)
      return
    }
  }
}

function addressOf(text: string): Address {
  const url = URL.canParse(text) ? new URL(text) : null
  const database = Number(url?.pathname.slice(1) || 0)
  if (
    url === null ||
    !['redis:', 'rediss:'].includes(url.protocol) ||
    url.hostname === '' ||
    !Number.isInteger(database)
  ) {
    const expected = 'redis://user:password@host:port/database'
    throw new BlockError('REDIS_CONNECTION_ERROR', `the connection is no address; expected ${expected}`, {
      class: 'permanent',
    })
  }
  return {
    scheme: url.protocol.slice(0, -1),
    host: hostOf(url),
    port: Number(url.port || 6379),
    username: decodedPart(url.username),
    password: decodedPart(url.password),
    database,
  }
}

type NewRedis = new (options: RedisOptions) => Redis

function optionsFor(egress: Egress, address: Address): RedisOptions {
  const { scheme, host, port, username, password, database } = address
  return {
    host,
    port,
    db: database,
    ...(username !== '' && { username }),
    ...(password !== '' && { password }),
    Connector: guardedConnector(egress, { scheme, host, port }) as unknown as NonNullable<RedisOptions['Connector']>,
    connectTimeout: CONNECT_MS,
    // a command fails rather than waits for a server that does not come back
    maxRetriesPerRequest: RETRIES,
    retryStrategy: (times) => Math.min(50 * 2 ** times, 2_000),
    enableReadyCheck: false,
  }
}

/** What ioredis calls to connect. */
function guardedConnector(
  egress: Egress,
  address: { readonly scheme: string; readonly host: string; readonly port: number },
) {
  return class {
    #socket: Socket | null = null
    #isWanted = true
    firstError?: Error

    async connect(): Promise<Socket> {
      try {
        const socket = await (address.scheme === 'rediss' ? dialSecure : dial)(egress, address)
        if (!this.#isWanted) socket.destroy()
        this.#socket = socket
        return socket
      } catch (error) {
        this.firstError = error as Error
        throw error
      }
    }

    check(): boolean {
      return true
    }

    disconnect(): void {
      this.#isWanted = false
      this.#socket?.end()
      this.#socket?.destroySoon()
    }
  }
}
