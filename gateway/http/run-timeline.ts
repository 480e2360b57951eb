/** `GET /api/v1/runs/:run_id/timeline` */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { RunEvent } from '../../topology/read-model/lists.ts'
import { API } from '../api/index.ts'
import { spansOf } from '../run-timeline.ts'
import { tenantOf } from './context.ts'
import type { Edge } from './edge.ts'
import { route } from './route.ts'
import { knownRun, unknownRun } from './runs.ts'

const PAGE = 1000
const MAX_EVENTS = 20_000

export function registerRunTimeline(app: FastifyInstance, edge: Edge): void {
  route(app, API.runTimeline, (request) => timeline(edge, request))
}

async function timeline(edge: Edge, request: FastifyRequest): Promise<object> {
  const run = await knownRun(edge.readModel, request)
  const { runId } = run
  const tenant = tenantOf(request)
  const events: RunEvent[] = []
  let position = `events/${run.asOf.partition}/${run.asOf.offset}`
  let more = true
  while (more && events.length < MAX_EVENTS) {
    const page = await edge.readModel.runEvents({ tenant, runId, after: events.at(-1)?.offset ?? null, limit: PAGE })
    if (page === null) throw unknownRun(runId)
    events.push(...page.events)
    more = page.more && page.events.length > 0
    position = `events/${page.partition}/${page.asOf.positions[page.partition]}`
  }
  return {
    run_id: runId,
    status: run.status,
    from_ms: run.acceptedAtMs,
    to_ms: run.finishedAtMs,
    spans: spansOf(events, run.finishedAtMs).map((span) => ({
      step_id: span.stepId,
      attempt: span.attempt,
      kind: span.kind,
      from_ms: span.fromMs,
      to_ms: span.toMs,
      outcome: span.outcome,
    })),
    cut_short: more,
    as_of: position,
  }
}
