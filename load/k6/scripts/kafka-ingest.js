/**
 * Load on the producers' side: RATE (500) submissions a second go straight to the ingest topic in batches of BATCH (10), as JSON, from a Kafka client that is not ours
 * (BROKERS, PREFIX). Every record must become a run that ends.
 */
import exec from 'k6/execution'
import { Trend } from 'k6/metrics'
import kafka from 'k6/x/kafka'
import { baseline, publish, settle } from './lib/beamline.js'
import { INTAKE } from './lib/flows.js'
import { metrics, strict } from './lib/metrics.js'
import { payload } from './lib/payload.js'
import { common, duration, number } from './lib/settings.js'

export { handleSummary } from './lib/summary.js'

const brokers = (__ENV.BROKERS || '127.0.0.1:9092').split(',')
const topic = `${__ENV.PREFIX || 'beamline.'}ingest`
const batch = number('BATCH', 10)
const bytes = number('BYTES', 1024)
/** Until all in-sync replicas have the batch, in milliseconds. */
const produced = new Trend('beamline_produce', true)

export const options = {
  ...common,
  scenarios: {
    produce: {
      executor: 'constant-arrival-rate',
      rate: Math.max(1, Math.round(number('RATE', 500) / batch)),
      timeUnit: '1s',
      duration: duration('DURATION', '60s'),
      preAllocatedVUs: 32,
      maxVUs: 256,
    },
  },
  thresholds: { ...strict, dropped_iterations: ['count==0'], beamline_produce: ['p(95)<250'] },
}

export function setup() {
  publish(INTAKE)
  return { before: baseline() }
}

export default function () {
  const first = exec.scenario.iterationInTest * batch
  const messages = Array.from({ length: batch }, (_, index) => ({
    key: `k${first + index}`,
    value: `{"flow":"load-intake","input":${payload(bytes, first + index)}}`,
    headers: { tenant_id: 'default' },
  }))
  const began = Date.now()
  try {
    kafka.produce(brokers, topic, messages)
  } catch (error) {
    metrics.unknown.add(batch)
    console.warn(`not produced: ${error}`)
    return
  }
  produced.add(Date.now() - began)
  metrics.accepted.add(batch)
  metrics.unaccounted.add(batch)
}

export function teardown(data) {
  settle(data)
}
