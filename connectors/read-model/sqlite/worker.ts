/** The read model's thread: one projection, fed by pokes or by hand, answering one call after the other. */
import { parentPort, workerData } from 'node:worker_threads'
import { type PartitionBatch, Projection } from './projection.ts'
import type { CallName, Calls, FromWorker, ToWorker, WorkerSetup } from './protocol.ts'

/** Records read from a partition at once; bounds how long a query waits behind a batch. */
const BATCH = 4000

const setup = workerData as WorkerSetup
const projection = new Projection(setup.projection)
const reader = setup.source.kind === 'embedded' ? await openReader(setup.source.folder) : null
const givenUp = new Map<number, () => void>()

const send = (message: FromWorker): void => parentPort!.postMessage(message)

/** Loaded only where it is needed. */
async function openReader(folder: string) {
  const { openEmbeddedReader } = await import('../../log-embedded/reader.ts')
  return openEmbeddedReader(folder)
}

/** Loaded only where it is needed. Returns what ends it. */
async function followKafka(source: Extract<WorkerSetup['source'], { readonly kind: 'kafka' }>) {
  const { startKafkaFeed } = await import('./kafka-feed.ts')
  return startKafkaFeed(source, {
    get positions() {
      return projection.positions
    },
    apply(partition, records, nextOffset) {
      try {
        projection.apply(partition, records, nextOffset)
      } catch (cause) {
        projection.recover(cause)
        throw cause
      }
      send({ kind: 'progress', positions: projection.positions, more: false, error: null })
    },
    failed: (error) => send({ kind: 'progress', positions: projection.positions, more: false, error }),
  })
}

/** Applies what has been appended since, at most a batch per partition. Returns whether there may be more. */
function pull(): boolean {
  if (reader === null) return false
  const parts: PartitionBatch[] = []
  let more = false
  for (let partition = 0; partition < setup.projection.partitions; partition++) {
    const records = reader.read('events', partition, projection.positions[partition]!, BATCH)
    if (records.length > 0) parts.push({ partition, records })
    if (records.length >= BATCH) more = true
  }
  projection.applyAll(parts)
  return more
}

function awaitRun(id: number, { tenant, runId }: Calls['awaitRun']['params']): void {
  let forget = (): void => {}
  const answer = (result: unknown): void => {
    forget()
    givenUp.delete(id)
    send({ kind: 'answer', id, result, error: null })
  }
  givenUp.set(id, () => answer(projection.getRun(tenant, runId)))
  forget = projection.awaitEnd(tenant, runId, answer)
}

type Answers = { readonly [N in Exclude<CallName, 'awaitRun'>]: (params: Calls[N]['params']) => Calls[N]['result'] }

const answers: Answers = {
  apply({ partition, records, nextOffset }) {
    projection.apply(partition, records, nextOffset)
    send({ kind: 'progress', positions: projection.positions, more: false, error: null })
    return null
  },
  getRun: ({ tenant, runId }) => projection.getRun(tenant, runId),
  listRuns: (query) => projection.runs.listRuns(query),
  letterGroups: ({ tenant }) => projection.letters.groups(tenant),
  letters: (query) => projection.letters.letters(query),
  counts: () => projection.counts(),
}

function call(message: Extract<ToWorker, { readonly kind: 'call' }>): void {
  if (message.name !== 'apply') freshen()
  if (message.name === 'awaitRun') {
    awaitRun(message.id, message.params)
    return
  }
  const result = (answers[message.name] as (params: unknown) => unknown)(message.params)
  send({ kind: 'answer', id: message.id, result, error: null })
}

/** A question sees what was durable when it was asked, unless the projection is far behind or cannot go on. */
function freshen(): void {
  try {
    pull()
  } catch (cause) {
    failed({ kind: 'poke' }, cause)
  }
}

function poke(): void {
  const more = pull()
  send({ kind: 'progress', positions: projection.positions, more, error: null })
}

function failed(message: ToWorker, cause: unknown): void {
  const begunAnew = projection.recover(cause)
  const error = `${(cause as Error).message}${begunAnew ? '; the read model is being built again' : ''}`
  if (message.kind === 'call') send({ kind: 'answer', id: message.id, result: null, error })
  send({ kind: 'progress', positions: projection.positions, more: begunAnew, error })
}

const feeding = setup.source.kind === 'kafka' ? followKafka(setup.source) : Promise.resolve(async () => {})

async function close(): Promise<void> {
  parentPort!.removeAllListeners('message')
  const endFeed = await feeding
  await endFeed()
  projection.close()
  reader?.close()
  parentPort!.close()
}

parentPort!.on('message', (message: ToWorker) => {
  if (message.kind === 'close') {
    void close()
    return
  }
  try {
    if (message.kind === 'call') call(message)
    else if (message.kind === 'poke') poke()
    else givenUp.get(message.id)?.()
  } catch (cause) {
    failed(message, cause)
  }
})
send({ kind: 'ready', rebuilt: projection.rebuilt, positions: projection.positions })
