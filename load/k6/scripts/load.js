/**
 * The load that must be borne: RATE (500) submissions a second of 1 KiB for DURATION (2m), then of 64 KiB. Each run has one step; with PASS=1 that step
 * hands the whole input on.
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
const PAUSE_SECONDS = 10

function scenarios() {
  const all = {}
  CHOSEN.forEach((size, index) => {
    if (SIZES[size] === undefined)
      throw new Error(`SIZES has '${size}'; expected some of ${Object.keys(SIZES).join(', ')}`)
    all[size] = {
      executor: 'constant-arrival-rate',
      rate: number('RATE', 500),
      timeUnit: '1s',
      duration: length,
      startTime: `${index * (seconds(length) + PAUSE_SECONDS)}s`,
      preAllocatedVUs: 64,
      maxVUs: 512,
      gracefulStop: '30s',
    }
  })
  return all
}

const thresholds = { ...strict, dropped_iterations: ['count==0'] }
for (const size of CHOSEN) thresholds[`beamline_acceptance{scenario:${size}}`] = ['p(95)<25']

export const options = { ...common, scenarios: scenarios(), thresholds }

const FLOW = __ENV.PASS === '1' ? 'load-pass' : 'load-intake'

export function setup() {
  publish(__ENV.PASS === '1' ? PASS : INTAKE)
  return { before: baseline() }
}

export default function () {
  const { name, iterationInTest } = exec.scenario
  submitBody(body(FLOW, SIZES[name], iterationInTest))
}

export function teardown(data) {
  settle(data)
}
