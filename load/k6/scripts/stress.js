/** More than it can bear: the rate rises to PEAK (6,000) submissions a second. It may refuse, saying when to come back; it must lose nothing. */
import exec from 'k6/execution'
import { baseline, publish, settle, submit } from './lib/beamline.js'
import { INTAKE } from './lib/flows.js'
import { overloaded } from './lib/metrics.js'
import { payload } from './lib/payload.js'
import { common, duration, number } from './lib/settings.js'

export { handleSummary } from './lib/summary.js'

const peak = number('PEAK', 6_000)
const step = duration('STEP', '30s')

export const options = {
  ...common,
  scenarios: {
    stress: {
      executor: 'ramping-arrival-rate',
      startRate: Math.ceil(peak / 10),
      timeUnit: '1s',
      preAllocatedVUs: 200,
      maxVUs: 1_000,
      stages: [
        { target: Math.ceil(peak / 4), duration: step },
        { target: Math.ceil(peak / 2), duration: step },
        { target: peak, duration: step },
        { target: peak, duration: step },
        { target: Math.ceil(peak / 10), duration: step },
      ],
    },
  },
  thresholds: { ...overloaded, beamline_unknown: ['count==0'] },
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
