import type { Environment } from '../../topology/environment.ts'
import type { Connections } from './connection.ts'
import { KafkaClientError } from './contract.ts'
import { ProtocolError } from './protocol-error.ts'
import { isPassing, mayHaveMoved, report, wait } from './retry.ts'
import { ConnectionError, type SendOptions } from './socket.ts'

/** Repeats the requests of one transaction until its time is over. */
export interface Insistence {
  /** Leaves time for another try where a broker has stopped. */
  readonly sendOptions: SendOptions
  /** @throws what the last attempt threw */
  insist<T>(attempt: () => Promise<T>): Promise<T>
  /** For who repeats by himself: forgets what may have moved and waits. @throws the error, if it does not pass or the time is over */
  sitOut(error: unknown, tries: number): Promise<void>
}

/** How long a topic may be unknown: metadata of a new topic takes a moment to reach all brokers. */
const UNKNOWN_TOPIC_MS = 3_000

/** `onLost` is told when the answer to a request was lost, so that the request may still be carried out, at any later time. */
export function createInsistence(
  connections: Connections,
  environment: Environment,
  limitMs: number,
  closed: () => boolean,
  onLost: () => void,
): Insistence {
  const startedMs = environment.monotonic()
  const sitOut = async (error: unknown, tries: number) => {
    if (error instanceof ConnectionError && error.kind !== 'connect') onLost()
    const elapsedMs = environment.monotonic() - startedMs
    const unknownTopic = error instanceof ProtocolError && error.reaction === 'topic'
    if (!isPassing(error) || elapsedMs >= (unknownTopic ? Math.min(UNKNOWN_TOPIC_MS, limitMs) : limitMs)) throw error
    if (closed()) throw new KafkaClientError('CLOSED', 'the transactional producer is closed', { cause: error })
    const concurrent = isConcurrent(error)
    if (!concurrent) report(connections.health, 'transaction', 'transaction', error)
    if (mayHaveMoved(error)) connections.forget()
    await wait(environment, concurrent ? concurrentWaitMs(tries) : Math.min(2 ** Math.min(tries, 10), 200))
  }
  const insist = async <T>(attempt: () => Promise<T>): Promise<T> => {
    for (let tries = 1; ; tries++) {
      try {
        return await attempt()
      } catch (error) {
        await sitOut(error, tries)
      }
    }
  }
  return { insist, sitOut, sendOptions: { timeoutMs: limitMs / 2 } }
}

/** The transaction before this one is not finished yet. */
export function isConcurrent(error: unknown): boolean {
  return error instanceof ProtocolError && error.errorName === 'CONCURRENT_TRANSACTIONS'
}

/** It takes less than a millisecond on a quiet broker; a busy one is not helped by more questions. */
const concurrentWaitMs = (tries: number): number => Math.min(1 + Math.floor(tries / 4), 5)
