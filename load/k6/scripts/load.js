/**
 * The load that must be borne: RATE (500) submissions a second of 1 KiB for DURATION (2m), then of 64 KiB. Each run has one step; with PASS=1 that step
 * hands the whole input on. Before, for WARM_UP (30s; 0s: not at all), the rate rises from nothing: what was just started is not compiled yet, a broker's
 * JVM above all. Runs of that time must end like all others, but their latencies are not judged.
 */
import exec from 'k6/execution'
import { baseline, publish, settle, submitBody } from './lib/beamline.js'
import { INTAKE, PASS } from './lib/flows.js'
import { strict } from './lib/metrics.js'
import { body } from './lib/payload.js'
import { common, duration, number, seconds } from './lib/settings.js'

export { handleSummary } from './lib/summary.js'

const SIZES = { small: 1024, large: 65_536 }
const CHOSEN = __ENV.SIZES ? __ENV.SIZES.split(',') : Object.keys(SIZES)
const length = duration('DURATION', '2m')
const warmUp = duration('WARM_UP', '30s')
const PAUSE_SECONDS = 10
const VUS = { preAllocatedVUs: 256, maxVUs: 512, gracefulStop: '30s' }

function scenarios() {
  const all = {}
  const rate = number('RATE', 500)
  const stages = [{ target: rate, duration: warmUp }]
  const rising = { executor: 'ramping-arrival-rate', startRate: 0, timeUnit: '1s', stages, ...VUS }
  if (seconds(warmUp) > 0) all.warm_up = rising
  CHOSEN.forEach((size, index) => {
    if (SIZES[size] === undefined)
      throw new Error(`SIZES has '${size}'; expected some of ${Object.keys(SIZES).join(', ')}`)
    all[size] = {
      executor: 'constant-arrival-rate',
      rate,
      timeUnit: '1s',
      duration: length,
      startTime: `${seconds(warmUp) + index * (seconds(length) + PAUSE_SECONDS)}s`,
      ...VUS,
    }
  })
  return all
}

const thresholds = { ...strict }
for (const size of CHOSEN) {
  thresholds[`beamline_acceptance{scenario:${size}}`] = ['p(95)<25']
  thresholds[`dropped_iterations{scenario:${size}}`] = ['count==0']
}

export const options = { ...common, scenarios: scenarios(), thresholds }

const FLOW = __ENV.PASS === '1' ? 'load-pass' : 'load-intake'

export function setup() {
  publish(__ENV.PASS === '1' ? PASS : INTAKE)
  return { before: baseline() }
}

export default function () {
  const { name, iterationInTest } = exec.scenario
  submitBody(body(FLOW, SIZES[name] ?? SIZES[CHOSEN[0]], iterationInTest))
}

export function teardown(data) {
  settle(data)
}
