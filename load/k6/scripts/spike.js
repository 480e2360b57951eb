/** Ten spikes, each of ten times the base RATE (100 a second), 5 s long with 10 s between. What comes between the spikes must not notice for long. */
import exec from 'k6/execution'
import { baseline, publish, settle, submit } from './lib/beamline.js'
import { INTAKE } from './lib/flows.js'
import { overloaded } from './lib/metrics.js'
import { payload } from './lib/payload.js'
import { common, duration, number } from './lib/settings.js'

export { handleSummary } from './lib/summary.js'

const base = number('RATE', 100)
const spikes = number('SPIKES', 10)
const high = duration('SPIKE', '5s')
const low = duration('BETWEEN', '10s')

const stages = Array.from({ length: spikes }, () => [
  { target: base, duration: low },
  { target: base * 10, duration: '0s' },
  { target: base * 10, duration: high },
  { target: base, duration: '0s' },
]).flat()

export const options = {
  ...common,
  scenarios: {
    spike: {
      executor: 'ramping-arrival-rate',
      startRate: base,
      timeUnit: '1s',
      preAllocatedVUs: 100,
      maxVUs: 1_000,
      stages: [...stages, { target: base, duration: low }],
    },
  },
  thresholds: { ...overloaded, beamline_unknown: ['count==0'], beamline_acceptance: ['p(95)<250'] },
}

export function setup() {
  publish(INTAKE)
  return { before: baseline() }
}

export default function () {
  submit('load-intake', payload(1024, exec.scenario.iterationInTest))
}

export function teardown(data) {
  settle(data)
}
