/**
 * CLIENTS (1,000) follow the stream of events while EVENTS (500) events a second happen; with CUT_EVERY seconds they are cut off now and then and come back where
 * they were. Nobody may miss an event or see one twice, and 95 of 100 come within half a second.
 */
import { sleep } from 'k6'
import exec from 'k6/execution'
import { Counter, Rate, Trend } from 'k6/metrics'
import sse from 'k6/x/sse'
import { baseline, publish, settle, submit } from './lib/beamline.js'
import { INTAKE } from './lib/flows.js'
import { strict } from './lib/metrics.js'
import { common, duration, number, seconds, url } from './lib/settings.js'

export { handleSummary } from './lib/summary.js'

const clients = number('CLIENTS', 1_000)
const length = duration('DURATION', '60s')
/** For clients to arrive before, and events after. */
const LEAD_SECONDS = 10
const TAIL_SECONDS = 10
const EVENTS_OF_A_RUN = 4

/** From the decision that an event tells of to its arrival at a client, in milliseconds; drawn evenly from all that came. */
const latency = new Trend('beamline_event_latency', true)
const events = new Counter('beamline_events')
const bytes = new Counter('beamline_event_bytes')
const cuts = new Counter('beamline_event_cuts')
/** How often the server let a client go, which came back then. */
const ends = new Counter('beamline_event_ends')
const whole = new Rate('beamline_streams_whole')
/** Ends of runs that should have come to a client and did not, over all of them; below 0 they came more than once. */
const missing = new Counter('beamline_event_runs_missing')

export const options = {
  ...common,
  scenarios: {
    clients: {
      executor: 'per-vu-iterations',
      exec: 'follow',
      vus: clients,
      iterations: 1,
      maxDuration: `${seconds(length) + LEAD_SECONDS + TAIL_SECONDS + 60}s`,
    },
    runs: {
      executor: 'constant-arrival-rate',
      exec: 'run',
      rate: Math.max(1, Math.round(number('EVENTS', 500) / EVENTS_OF_A_RUN)),
      timeUnit: '1s',
      startTime: `${LEAD_SECONDS}s`,
      duration: length,
      preAllocatedVUs: 50,
      maxVUs: 200,
    },
  },
  thresholds: {
    ...strict,
    beamline_event_latency: ['p(95)<500'],
    beamline_streams_whole: ['rate==1'],
    beamline_event_ends: ['count==0'],
    beamline_event_runs_missing: ['count==0'],
  },
}

export function setup() {
  publish(INTAKE)
  return { before: baseline() }
}

export function follow() {
  // arriving spread over a few seconds, as people do
  sleep(Math.random() * (LEAD_SECONDS / 2))
  const seen = sse.follow(`${url}/api/v1/stream`, {
    seconds: seconds(length) + LEAD_SECONDS / 2 + TAIL_SECONDS,
    cutEvery: number('CUT_EVERY', 0),
  })
  for (const each of seen.latencies || []) latency.add(each)
  events.add(seen.events)
  bytes.add(seen.bytes)
  cuts.add(seen.cuts)
  ends.add(seen.ends)
  const snapshots = seen.snapshots || []
  const good = seen.status === 200 && !seen.error && snapshots.length === 0 && seen.repeats === 0
  whole.add(good)
  missing.add(-(seen.kinds.RunCompleted || 0))
  if (!good) console.warn(`a stream was not whole: ${JSON.stringify({ ...seen, latencies: undefined })}`)
}

export function run() {
  submit('load-intake', `{"index":${exec.scenario.iterationInTest}}`)
}

export function teardown(data) {
  const { runs } = settle(data)
  missing.add(clients * ((runs.completed || 0) - (data.before.runs.completed || 0)))
}
