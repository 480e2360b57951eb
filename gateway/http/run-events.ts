/** `GET /api/v1/runs/:run_id/events`: what happened to one run, from the log, a part at a time. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { homeOf, type RunId } from '../../schemas/ids.ts'
import type { LogReader } from '../../topology/log/port.ts'
import type { RunView } from '../../topology/read-model/port.ts'
import { API } from '../api/index.ts'
import { RequestError } from '../errors.ts'
import { isFinal, liveEventOf } from '../live/live-event.ts'
import { tenantOf } from './context.ts'
import type { Edge } from './edge.ts'
import { integerOf, queryOf, refuse } from './query.ts'
import { route } from './route.ts'
import { runIdOf } from './run-id.ts'

const BATCH = 1000
/** Events of other runs lie between: so many are looked through for one answer. */
const MAX_LOOKED_AT = 50_000
const READ_PATIENCE_MS = 2_000
const LOOK_AGAIN_MS = 20
/** Clocks of those who decide and those who store may differ. */
const CLOCK_MARGIN_MS = 10_000
/** What was decided may be stored later: the process may have stood still in between. */
const STORED_WITHIN_MS = 60_000

export function registerRunEvents(app: FastifyInstance, edge: Edge): void {
  route(app, API.runEvents, (request, reply) => runEvents(edge, request, reply))
}

async function runEvents(edge: Edge, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const runId = runIdOf(request)
  const query = queryOf(request, ['after', 'limit'])
  const limit = integerOf('limit', query.limit, 1, 1000, 500)
  const partition = homeOf(runId, edge.log.partitions)
  const after = afterOf(query.after, partition)
  const run = await edge.readModel.getRun(tenantOf(request), runId)
  if (run === null) {
    const message = `run '${runId}' is not known; a run shows up moments after it was accepted`
    throw new RequestError('run_not_found', message, { details: { run_id: runId } })
  }
  const end = await endOf(edge, partition)
  const from = after === null ? { timeMs: run.acceptedAtMs - CLOCK_MARGIN_MS } : { offset: after }
  const reader = edge.log.read('events', partition, from)
  try {
    const { events, next } = await collect(edge, reader, runId, run, { end, limit })
    const position = next === null ? 'null' : `"events/${partition}/${next}"`
    const asOf = `"events/${partition}/${end}"`
    const body = `{"run_id":"${runId}","events":[${events.join(',')}],"next":${position},"as_of":${asOf}}`
    return reply.type('application/json; charset=utf-8').send(body)
  } finally {
    reader.close()
  }
}

interface Bounds {
  readonly end: number
  readonly limit: number
}

/** `next`: where to go on looking; `null` if there is nothing more up to the end. */
async function collect(edge: Edge, reader: LogReader, runId: RunId, run: RunView, { end, limit }: Bounds) {
  const events: string[] = []
  let late = false
  const cancel = edge.environment.after(READ_PATIENCE_MS, () => {
    late = true
    reader.close()
  })
  let lastMs = run.finishedAtMs === null ? Number.POSITIVE_INFINITY : run.finishedAtMs + STORED_WITHIN_MS
  let position = reader.position
  try {
    for (let looked = 0; looked < MAX_LOOKED_AT; ) {
      if (end === 0 || reader.position >= end) return { events, next: null }
      const records = await reader.next(BATCH)
      if (late) break
      // it has moved on over what is no record, or the log was closed
      if (records.length === 0) await new Promise<void>((resolve) => edge.environment.after(LOOK_AGAIN_MS, resolve))
      looked += records.length
      for (const record of records) {
        if (record.offset >= end || record.timestampMs > lastMs) return { events, next: null }
        position = record.offset + 1
        const event = liveEventOf(record)
        if (event?.runId !== runId || event.tenant !== run.tenant) continue
        events.push(event.json)
        // What is told of a run after its end, as of its letter, comes with the end.
        if (isFinal(event.kind)) lastMs = record.timestampMs + CLOCK_MARGIN_MS
        if (events.length === limit) return { events, next: position < end ? position : null }
      }
    }
  } finally {
    cancel()
  }
  return { events, next: position < end ? position : null }
}

async function endOf({ log }: Edge, partition: number): Promise<number> {
  const found = (await log.describe()).find((info) => info.topic === 'events' && info.partition === partition)
  return found?.nextOffset ?? 0
}

/** The `next` of an earlier answer. */
function afterOf(text: string | undefined, partition: number): number | null {
  if (text === undefined) return null
  const [, found, offset] = /^events\/(\d{1,5})\/(\d{1,15})$/.exec(text) ?? []
  if (Number(found) === partition) return Number(offset)
  return refuse('after', `'after' is ${JSON.stringify(text.slice(0, 100))}; expected the 'next' of an earlier answer`)
}
