/** The read model's thread: fed by pokes or by hand, and asked. It does one thing after the other. */
import { parentPort, workerData } from 'node:worker_threads'
import { isFinished, ReadModelError } from '../../../topology/read-model/port.ts'
import { realEnvironment as environment } from '../../environment.ts'
import { giveWay } from '../../thread-priority.ts'
import type { KafkaSource } from '../kafka-source.ts'
import type { Question } from '../queries/read-queries.ts'
import { WaitingRuns } from '../waiting-runs.ts'
import { Builds } from './builds.ts'
import { Freshness, LISTS } from './freshness.ts'
import type { PartitionBatch, Projection } from './projection.ts'
import type { Build, Call, CallError, Calls, FromWorker, ToWorker, WorkerSetup } from './protocol.ts'

/** Records read from a partition at once; bounds how long a query waits behind a batch. */
const BATCH = 4000

const setup = workerData as WorkerSetup
const { source, nice } = setup
giveWay(nice)
const builds = new Builds(setup.projection)
const reader = source.kind === 'embedded' ? await openReader(source.folder) : null
const waiting = new WaitingRuns()
const freshness = new Freshness(environment.monotonic)
const givenUp = new Map<number, () => void>()

const send = (message: FromWorker): void => parentPort!.postMessage(message)
const positions = () => ({ positions: builds.positions(), rebuilding: builds.next !== null })

/** Loaded only where it is needed. */
async function openReader(folder: string) {
  const { openEmbeddedReader } = await import('../../log-embedded/reader.ts')
  return openEmbeddedReader(folder)
}

/** Loaded only where it is needed. Returns what ends it. */
async function followKafka(source: KafkaSource, build: Build): Promise<() => Promise<void>> {
  const { startKafkaFeed } = await import('./kafka-feed.ts')
  return startKafkaFeed(source, {
    get positions() {
      return (build === 'next' ? builds.next : null)?.positions ?? builds.serving.positions
    },
    apply: (partition, records, nextOffset) =>
      nextTurn(async () => {
        try {
          applyParts(build, [{ partition, records, nextOffset }])
        } catch (cause) {
          builds.recover(cause)
          throw cause
        }
        send({ kind: 'progress', ...positions(), more: false, error: null })
      }),
    failed: (error) => send({ kind: 'progress', ...positions(), more: false, error }),
  })
}

function applyParts(build: Build, parts: readonly PartitionBatch[]): void {
  waiting.ended(builds.apply(build, parts))
  // The feed of a build that has taken over has nothing left to do.
  if (builds.next === null && nextFeed !== null) {
    void nextFeed.then((end) => end())
    nextFeed = null
  }
}

/** Applies what has been appended since, at most a batch per partition. Returns whether there may be more. */
function pull(build: Build, projection: Projection): boolean {
  if (reader === null) return false
  const parts: PartitionBatch[] = []
  let more = false
  let events = 0
  for (let partition = 0; partition < setup.projection.partitions; partition++) {
    const records = reader.read('events', partition, projection.positions[partition]!, BATCH)
    if (records.length > 0) parts.push({ partition, records })
    if (records.length >= BATCH) more = true
    events += records.length
  }
  applyParts(build, parts)
  if (build === 'serving') freshness.looked(events)
  return more
}

async function awaitRun(id: number, { tenant, runId }: Calls['awaitRun']['params']): Promise<void> {
  const answer = async (): Promise<void> => {
    forget()
    givenUp.delete(id)
    await settle(id, () => builds.serving.ask('getRun', { tenant, runId }))
  }
  const forget = waiting.add(runId, () => void nextTurn(answer))
  givenUp.set(id, () => void nextTurn(answer))
  const status = await builds.serving.statusOf(tenant, runId)
  if (status !== undefined && isFinished(status)) await answer()
}

async function perform({ name, params }: Call): Promise<unknown> {
  switch (name) {
    case 'apply': {
      const { build, ...part } = params as Calls['apply']['params']
      applyParts(build, [part])
      send({ kind: 'progress', ...positions(), more: false, error: null })
      return null
    }
    case 'rebuild': {
      const { positions: from } = builds.begin()
      // Where nothing has happened yet, there is nothing to wait for.
      applyParts('next', [])
      if (builds.next === null) return { positions: null }
      if (source.kind === 'kafka') nextFeed ??= followKafka(source, 'next')
      return { positions: from }
    }
    case 'state': {
      const rebuilding = builds.next === null ? null : { positions: builds.next.positions }
      return { asOf: await builds.serving.asOf(), rebuilding }
    }
    default:
      return builds.serving.ask(name as Question, params as never)
  }
}

async function settle(id: number, work: () => Promise<unknown>): Promise<void> {
  try {
    send({ kind: 'answer', id, result: await work(), error: null })
  } catch (cause) {
    send({ kind: 'answer', id, result: null, error: failed(cause) })
  }
}

/**
 * A question sees what was durable when it was asked, unless the projection is far behind or cannot go on. While much happens, lists see what
 * was a tenth of a second ago.
 */
async function freshen({ name, params }: Call): Promise<void> {
  if (name === 'apply' || (freshness.suffices && (await canLag(name, params)))) return
  try {
    pull('serving', builds.serving)
  } catch (cause) {
    failed(cause)
  }
}

async function canLag(name: Call['name'], params: Call['params']): Promise<boolean> {
  if (name !== 'getRun') return LISTS.has(name)
  const { tenant, runId } = params as Calls['getRun']['params']
  return (await builds.serving.statusOf(tenant, runId)) === 'completed'
}

async function handle(message: ToWorker): Promise<void> {
  if (message.kind === 'giveUp') {
    givenUp.get(message.id)?.()
  } else if (message.kind === 'poke') {
    try {
      const more = pull('serving', builds.serving)
      const behind = builds.next !== null && pull('next', builds.next)
      send({ kind: 'progress', ...positions(), more: more || behind || builds.next !== null, error: null })
    } catch (cause) {
      failed(cause)
    }
  } else if (message.kind === 'call') {
    await freshen(message)
    if (message.name === 'awaitRun') await awaitRun(message.id, message.params as Calls['awaitRun']['params'])
    else await settle(message.id, () => perform(message))
  }
}

/** Says what went wrong, and begins anew where the file is damaged. */
function failed(cause: unknown): CallError {
  if (cause instanceof ReadModelError) return { code: cause.code, message: cause.message }
  const begunAnew = builds.recover(cause)
  const message = `${(cause as Error).message}${begunAnew ? '; the read model is being built again' : ''}`
  send({ kind: 'progress', ...positions(), more: begunAnew, error: message })
  return { code: 'READ_MODEL_FAILED', message }
}

/** A question may take several statements, which must all see the same: nothing is applied in between. */
let last: Promise<void> = Promise.resolve()
function nextTurn(work: () => Promise<void>): Promise<void> {
  const done = last.then(work)
  last = done.catch(() => undefined)
  return done
}

let nextFeed: Promise<() => Promise<void>> | null = null
const feed = source.kind === 'kafka' ? followKafka(source, 'serving') : null

async function close(): Promise<void> {
  parentPort!.removeAllListeners('message')
  for (const fed of [feed, nextFeed]) await (await fed)?.()
  await nextTurn(async () => {
    builds.close()
    reader?.close()
  })
  parentPort!.close()
}

parentPort!.on('message', (message: ToWorker) => {
  if (message.kind === 'close') void close()
  else void nextTurn(() => handle(message))
})
send({ kind: 'ready', rebuilt: builds.serving.rebuilt, ...positions() })
