/**
 * Feeds a projection from Kafka within its own thread, through connections of its own, so that events never pass through the thread that decides.
 * Whatever fails is begun again from where the projection is.
 */
import { realEnvironment as environment } from '../../environment.ts'
import type { EventRecord } from '../events.ts'
import { type KafkaSource, openKafkaSource } from '../kafka-source.ts'
import { startPump } from '../pump.ts'

export interface FedProjection {
  readonly positions: readonly number[]
  apply(partition: number, records: readonly EventRecord[], nextOffset: number): Promise<void>
  /** Told of every failure. */
  failed(message: string): void
}

const AGAIN_MS = 1_000

/** Returns a function that ends it. */
export function startKafkaFeed(source: KafkaSource, projection: FedProjection): () => Promise<void> {
  const ending = new AbortController()
  const fed = feed(source, projection, ending.signal)
  return async () => {
    ending.abort()
    await fed
  }
}

async function feed(source: KafkaSource, projection: FedProjection, ending: AbortSignal): Promise<void> {
  while (!ending.aborted) {
    try {
      await feedOnce(source, projection, ending)
    } catch (error) {
      if (ending.aborted) return
      projection.failed(`${(error as Error).message}; trying again`)
      await rest(ending)
    }
  }
}

/** Resolves when it is ended. @throws what stopped it */
async function feedOnce(source: KafkaSource, projection: FedProjection, ending: AbortSignal): Promise<void> {
  const { positions } = projection
  const { log, close } = await openKafkaSource(source, positions.length, (message) => projection.failed(message))
  const { promise: stopped, resolve, reject } = Promise.withResolvers<void>()
  const stop = startPump({
    log,
    environment,
    positions: projection.positions,
    sink: { apply: (partition, records, next) => projection.apply(partition, records, next) },
    onProblem: (message) => projection.failed(message),
    onFailed: reject,
  })
  const end = (): void => resolve()
  ending.addEventListener('abort', end)
  if (ending.aborted) resolve()
  try {
    await stopped
  } finally {
    ending.removeEventListener('abort', end)
    await stop()
    await close()
  }
}

function rest(ending: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      cancel()
      ending.removeEventListener('abort', end)
      resolve()
    }
    const cancel = environment.after(AGAIN_MS, end)
    ending.addEventListener('abort', end)
  })
}
