/** The projecting part of a process: keeps the tables in order and feeds every build that is to be fed. */
import type { Pool } from 'pg'
import type { Environment } from '../../../topology/environment.ts'
import { ReadModelError } from '../../../topology/read-model/port.ts'
import type { EventLog } from '../pump.ts'
import type { RetentionOptions } from '../retention.ts'
import { TABLES_VERSION } from '../tables.ts'
import { Backoff } from './backoff.ts'
import { type BuildRow, type Deployment, dropOld, listBuilds, migrate, prepareBuilds } from './catalog.ts'
import { asReadModelError, withConnection } from './connection.ts'
import { type Feed, startFeed } from './feed.ts'
import { announceBuilds } from './notices.ts'
import { BuildProjection } from './projection.ts'

export interface ProjectorOptions {
  readonly pool: Pool
  readonly deployment: Deployment
  readonly log: EventLog
  readonly environment: Environment
  readonly maxPayloadBytes?: number
  readonly retention?: Partial<RetentionOptions>
  /** Positions of the build that has come least far. */
  readonly onPositions: (positions: readonly number[]) => void
  readonly onProblem: (message: string) => void
}

export interface Projector {
  /** Rejects where the database is not ours; resolves once it is known to be. Until then the projector goes on trying. */
  readonly ready: Promise<void>
  /** There may be new events, where nobody else tells. */
  poke(): void
  /** There is something new about builds. */
  wake(): void
  close(): Promise<void>
}

/** Two builds that are fed, and one that looks after the tables. */
export const PROJECTING_CONNECTIONS = 3
/** Looks by itself so often, for notices may be lost. */
const LOOK_MS = 2_000

export function startProjector(options: ProjectorOptions): Projector {
  const working = new Working(options)
  return { ready: working.ready, poke: () => {}, wake: () => working.wake(), close: () => working.close() }
}

class Working {
  readonly ready: Promise<void>
  readonly #options: ProjectorOptions
  readonly #ending = new AbortController()
  readonly #feeds = new Map<number, Feed>()
  readonly #positions = new Map<number, readonly number[]>()
  readonly #done: Promise<void>
  #wake: () => void = () => {}
  #woken = false

  constructor(options: ProjectorOptions) {
    this.#options = options
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.ready = promise
    this.ready.catch(() => undefined)
    this.#done = this.#run(resolve, reject)
  }

  wake(): void {
    this.#woken = true
    this.#wake()
  }

  async close(): Promise<void> {
    this.#ending.abort()
    this.#wake()
    await this.#done
    await Promise.all([...this.#feeds.values()].map((feed) => feed.stop()))
  }

  async #run(ready: () => void, refused: (error: Error) => void): Promise<void> {
    const { pool, deployment, environment, onProblem } = this.#options
    const backoff = new Backoff(environment, this.#ending.signal)
    let migrated = false
    while (!this.#ending.signal.aborted) {
      try {
        if (!migrated) await withConnection(pool, (client) => migrate(client, deployment))
        migrated = true
        await this.#look()
        ready()
        backoff.succeeded()
        await this.#nextLook()
      } catch (error) {
        if (isForGood(error)) refused(error)
        if (backoff.calm && !this.#ending.signal.aborted) onProblem(asReadModelError(error).message)
        await backoff.failed()
      }
    }
  }

  async #look(): Promise<void> {
    const { pool, deployment } = this.#options
    const { schema } = deployment
    const builds = await withConnection(pool, async (client) => {
      if (await prepareBuilds(client, deployment)) await announceBuilds(client, schema)
      return listBuilds(client, schema)
    })
    await this.#feed(builds)
    // What is still read stays for the next time.
    if (builds.some((build) => build.state === 'old')) {
      await withConnection(pool, (client) => dropOld(client, schema)).catch(() => undefined)
    }
  }

  async #feed(builds: readonly BuildRow[]): Promise<void> {
    const fed = builds.filter(({ state, tables_version: version }) => isFed(state) && version === TABLES_VERSION)
    for (const [id, feed] of this.#feeds) {
      if (fed.some((build) => build.id === id)) continue
      this.#feeds.delete(id)
      this.#positions.delete(id)
      await feed.stop()
    }
    for (const build of fed) if (!this.#feeds.has(build.id)) this.#feeds.set(build.id, this.#startFeed(build))
  }

  #startFeed({ id, state }: BuildRow): Feed {
    const { pool, deployment, log, environment, onProblem, maxPayloadBytes, retention } = this.#options
    const limits = {
      ...(maxPayloadBytes === undefined ? {} : { maxPayloadBytes }),
      ...(retention === undefined ? {} : { retention }),
    }
    const { schema, partitions } = deployment
    return startFeed({
      log,
      environment,
      projection: new BuildProjection({ pool, schema, build: id, partitions, ...limits }),
      replaces: state === 'building',
      onPositions: (positions) => this.#report(id, positions),
      onServes: () => {
        onProblem('the read model has been built again and serves')
        this.#feeds.get(id)?.stop()
        // It is fed again as the one that serves.
        this.#feeds.delete(id)
        this.wake()
      },
      onProblem,
    })
  }

  #report(build: number, positions: readonly number[]): void {
    this.#positions.set(build, [...positions])
    const [first, ...others] = this.#positions.values()
    this.#options.onPositions(
      others.reduce<readonly number[]>((least, next) => least.map((offset, at) => Math.min(offset, next[at]!)), first!),
    )
  }

  #nextLook(): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        cancel()
        this.#wake = () => {}
        this.#woken = false
        resolve()
      }
      const cancel = this.#options.environment.after(LOOK_MS, wake)
      this.#wake = wake
      if (this.#woken || this.#ending.signal.aborted) wake()
    })
  }
}

const isFed = (state: BuildRow['state']): boolean => state === 'serving' || state === 'building'

/** The database is there, and not for this process. */
export function isForGood(error: unknown): error is ReadModelError {
  return error instanceof ReadModelError && (error.code === 'READ_MODEL_NEWER' || error.code === 'READ_MODEL_FOREIGN')
}
