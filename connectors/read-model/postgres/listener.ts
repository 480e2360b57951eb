/** Listens for notices on a connection of its own, which is opened again whenever it is lost. */
import { Client } from 'pg'
import type { Environment } from '../../../topology/environment.ts'
import { Backoff, rest } from './backoff.ts'
import { asReadModelError, type ConnectionConfig, connectionConfig } from './connection.ts'
import { type Notice, noticeOf } from './notices.ts'

export interface ListenerOptions {
  readonly connection: ConnectionConfig
  readonly channel: string
  readonly environment: Environment
  readonly onNotice: (notice: Notice) => void
  /** It listens, from the beginning or again: what was told in between is not known. */
  readonly onListening: () => void
  readonly onProblem: (message: string) => void
}

/** A server that is gone without a word is noticed so. */
const CHECK_MS = 20_000

/** Returns a function that ends it. */
export function startListener(options: ListenerOptions): () => Promise<void> {
  const ending = new AbortController()
  const listening = listen(options, ending.signal)
  return async () => {
    ending.abort()
    await listening
  }
}

async function listen(options: ListenerOptions, ending: AbortSignal): Promise<void> {
  const { environment, onProblem } = options
  const backoff = new Backoff(environment, ending)
  while (!ending.aborted) {
    try {
      await listenOnce(options, backoff, ending)
    } catch (error) {
      if (ending.aborted) return
      if (backoff.calm) onProblem(`${asReadModelError(error).message}; trying again`)
      await backoff.failed()
    }
  }
}

/** Resolves when it is ended. @throws when the connection is lost */
async function listenOnce(options: ListenerOptions, backoff: Backoff, ending: AbortSignal): Promise<void> {
  const { connection, channel, environment, onNotice, onListening, onProblem } = options
  const client = new Client(connectionConfig(connection, 'listener'))
  const lost = Promise.withResolvers<never>()
  lost.promise.catch(() => undefined)
  client.on('error', lost.reject)
  client.on('end', () => lost.reject(new Error('the connection was closed')))
  client.on('notification', ({ payload = '' }) => {
    const notice = noticeOf(payload)
    if (notice !== null) onNotice(notice)
  })
  try {
    await client.connect()
    await client.query(`listen ${channel}`)
    if (!backoff.calm) onProblem('the database of the read model is reached again')
    backoff.succeeded()
    onListening()
    while (!ending.aborted) {
      await Promise.race([rest(environment, CHECK_MS, ending), lost.promise])
      if (!ending.aborted) await Promise.race([client.query('select 1'), lost.promise])
    }
  } finally {
    await client.end().catch(() => undefined)
  }
}
