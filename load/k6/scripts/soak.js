/** A moderate load for long: RATE (100) submissions a second for DURATION (30m). Memory is watched: it must not grow without end. */
import { sleep } from 'k6'
import exec from 'k6/execution'
import http from 'k6/http'
import { Gauge } from 'k6/metrics'
import { baseline, publish, settle, submit } from './lib/beamline.js'
import { CHAIN } from './lib/flows.js'
import { strict } from './lib/metrics.js'
import { payload } from './lib/payload.js'
import { common, duration, number, url } from './lib/settings.js'

export { handleSummary } from './lib/summary.js'

const length = duration('DURATION', '30m')
const memory = new Gauge('beamline_server_memory_bytes')

export const options = {
  ...common,
  scenarios: {
    soak: {
      executor: 'constant-arrival-rate',
      rate: number('RATE', 100),
      timeUnit: '1s',
      duration: length,
      preAllocatedVUs: 50,
      maxVUs: 200,
    },
    watch: { executor: 'constant-vus', vus: 1, duration: length, exec: 'watch', gracefulStop: '10s' },
  },
  thresholds: {
    ...strict,
    beamline_acceptance: ['p(95)<50'],
    beamline_server_memory_bytes: [`value<${number('MEMORY_BYTES', 1_500_000_000)}`],
  },
}

export function setup() {
  publish(CHAIN)
  return { before: baseline() }
}

export default function () {
  submit('load-chain', payload(512, exec.scenario.iterationInTest))
}

export function watch() {
  const { body } = http.get(`${url}/metrics`, { responseType: 'text', tags: { name: 'metrics' } })
  const found = /^process_resident_memory_bytes (\S+)/m.exec(body || '')
  if (found !== null) memory.add(Number(found[1]))
  sleep(5)
}

export function teardown(data) {
  settle(data)
}
