/**
 * Feeds one build from a log. Where several processes feed the same, one works and the others stand by: who finds that a position has moved
 * without him rests, and works again when nobody has moved any for a while.
 */
import type { Environment } from '../../../topology/environment.ts'
import type { EventRecord } from '../events.ts'
import { type EventLog, startPump } from '../pump.ts'
import { Backoff, rest } from './backoff.ts'
import { asReadModelError } from './connection.ts'
import type { BuildProjection, PartitionPart } from './projection.ts'

export interface FeedOptions {
  readonly log: EventLog
  readonly environment: Environment
  readonly projection: BuildProjection
  /** Whether the build is to take over once it has caught up. */
  readonly replaces: boolean
  readonly onPositions: (positions: readonly number[]) => void
  readonly onServes: () => void
  readonly onProblem: (message: string) => void
}

const STAND_BY_MS = 1_000
/** Batches of partitions that go together, so that no transaction grows with the number of partitions. */
const MAX_PARTS = 16

export interface Feed {
  /** Resolves when nothing more is applied. */
  stop(): Promise<void>
}

export function startFeed(options: FeedOptions): Feed {
  const ending = new AbortController()
  const feeding = feed(options, ending.signal)
  return {
    async stop() {
      ending.abort()
      await feeding
    },
  }
}

async function feed(options: FeedOptions, ending: AbortSignal): Promise<void> {
  const { environment, projection, onPositions, onProblem } = options
  const backoff = new Backoff(environment, ending)
  let before: readonly number[] | null = null
  while (!ending.aborted) {
    try {
      const positions = await projection.positions()
      // Gone: another build serves.
      if (positions === null) return
      backoff.succeeded()
      onPositions(positions)
      const moving: boolean = before?.some((offset, partition) => offset !== positions[partition]) ?? false
      if (!moving) await new Turn(options, positions, ending, backoff).run()
      before = await projection.positions()
      await rest(environment, STAND_BY_MS, ending)
    } catch (error) {
      if (ending.aborted) return
      if (backoff.calm) onProblem(`${asReadModelError(error).message}; trying again`)
      await backoff.failed()
    }
  }
}

/** The time during which this process is the one that works. */
class Turn {
  readonly #options: FeedOptions
  readonly #positions: number[]
  readonly #ending: AbortSignal
  readonly #backoff: Backoff
  readonly #over = Promise.withResolvers<void>()
  #waiting: { readonly part: PartitionPart; readonly done: () => void }[] = []
  #applying = false

  constructor(options: FeedOptions, positions: readonly number[], ending: AbortSignal, backoff: Backoff) {
    this.#options = options
    this.#positions = [...positions]
    this.#ending = ending
    this.#backoff = backoff
  }

  /** Resolves when another process has taken over, the build is gone, or the feed ends. @throws what the log fails with for good */
  async run(): Promise<void> {
    const { log, environment, onProblem } = this.#options
    const stop = startPump({
      log,
      environment,
      positions: this.#positions,
      sink: { apply: (partition, records, nextOffset) => this.#take(partition, records, nextOffset) },
      onProblem,
      onFailed: this.#over.reject,
    })
    const end = (): void => this.#over.resolve()
    this.#ending.addEventListener('abort', end)
    if (this.#ending.aborted) end()
    try {
      await this.#over.promise
    } finally {
      this.#ending.removeEventListener('abort', end)
      for (const { done } of this.#waiting.splice(0)) done()
      await stop()
    }
  }

  /** Resolves when the records have been applied. Those of several partitions that come meanwhile go together. */
  #take(partition: number, records: readonly EventRecord[], nextOffset: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#waiting.push({ part: { partition, from: this.#positions[partition]!, nextOffset, records }, done: resolve })
    if (!this.#applying) {
      this.#applying = true
      this.#applyWaiting().then(
        () => {
          this.#applying = false
        },
        (error: unknown) => this.#over.reject(error),
      )
    }
    return promise
  }

  async #applyWaiting(): Promise<void> {
    while (this.#waiting.length > 0 && !this.#ending.aborted) {
      const taken = this.#waiting.splice(0, MAX_PARTS)
      const goesOn = await this.#apply(taken.map(({ part }) => part))
      for (const { done } of taken) done()
      if (!goesOn) this.#over.resolve()
    }
  }

  /** Tries until it is applied; whether a try that failed took effect is seen from the positions. Returns whether it is still this process's turn. */
  async #apply(parts: readonly PartitionPart[]): Promise<boolean> {
    const { projection, replaces, onPositions, onServes, onProblem } = this.#options
    for (let failures = 0; !this.#ending.aborted; failures++) {
      try {
        const applied = await projection.apply(parts, replaces)
        this.#backoff.succeeded()
        if (applied === null) return false
        for (const [partition, offset] of applied.positions) this.#positions[partition] = offset
        onPositions(this.#positions)
        if (applied.serves) onServes()
        return !applied.serves && (failures > 0 ? this.#isAt(parts) : !applied.contested)
      } catch (error) {
        if (failures === 0) onProblem(`${asReadModelError(error).message}; trying again`)
        await this.#backoff.failed()
      }
    }
    return false
  }

  /** After a try of unknown outcome a position may have moved by it. */
  #isAt(parts: readonly PartitionPart[]): boolean {
    return parts.every(({ partition, nextOffset }) => this.#positions[partition] === nextOffset)
  }
}
