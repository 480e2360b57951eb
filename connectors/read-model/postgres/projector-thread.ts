/** The thread of a projector: opens its log for itself and projects until it is told to close. */
import { parentPort, workerData } from 'node:worker_threads'
import { realEnvironment as environment } from '../../environment.ts'
import { giveWay } from '../../thread-priority.ts'
import type { EventLog } from '../pump.ts'
import { Backoff } from './backoff.ts'
import { openPool } from './connection.ts'
import { PROJECTING_CONNECTIONS, type Projector, startProjector } from './projector.ts'
import type { FromThread, ThreadSetup, ToThread } from './thread-protocol.ts'

interface Source {
  readonly log: EventLog
  poke(): void
  close(): Promise<void>
}

const setup = workerData as ThreadSetup
const { source: chosen, connection, deployment, nice, ...limits } = setup
giveWay(nice)
const ending = new AbortController()
const pool = openPool(connection, 'projector', PROJECTING_CONNECTIONS)
let source: Source | null = null
let projector: Projector | null = null

const send = (message: FromThread): void => parentPort!.postMessage(message)
const problem = (message: string): void => send({ kind: 'problem', message })

/** What each of them needs is loaded only where it is needed. */
async function open(): Promise<Source> {
  if (chosen.kind === 'embedded') {
    const { openEmbeddedSource } = await import('../embedded-source.ts')
    const embedded = openEmbeddedSource(chosen.folder)
    return { log: embedded, poke: () => embedded.poke(), close: async () => embedded.close() }
  }
  const { openKafkaSource } = await import('../kafka-source.ts')
  const { log, close } = await openKafkaSource(chosen, deployment.partitions, problem)
  return { log, poke: () => {}, close }
}

async function openAtLast(): Promise<Source | null> {
  const backoff = new Backoff(environment, ending.signal)
  while (!ending.signal.aborted) {
    try {
      return await open()
    } catch (error) {
      if (backoff.calm) problem(`the projection cannot open its log: ${(error as Error).message}; trying again`)
      await backoff.failed()
    }
  }
  return null
}

async function work(): Promise<void> {
  source = await openAtLast()
  if (source === null) return
  projector = startProjector({
    ...limits,
    pool,
    deployment,
    log: source.log,
    environment,
    onPositions: (positions) => send({ kind: 'positions', positions: [...positions] }),
    onProblem: problem,
  })
  await projector.ready.then(
    () => send({ kind: 'ready' }),
    (error) => send({ kind: 'refused', code: error.code, message: error.message }),
  )
}

async function close(working: Promise<void>): Promise<void> {
  ending.abort()
  parentPort!.removeAllListeners('message')
  // It may be waiting for a database that does not answer.
  if (source === null) await working
  await projector?.close()
  await source?.close()
  await pool.end()
  parentPort!.close()
}

const working = work()
parentPort!.on('message', (message: ToThread) => {
  if (message === 'poke') source?.poke()
  else if (message === 'wake') projector?.wake()
  else void close(working)
})
