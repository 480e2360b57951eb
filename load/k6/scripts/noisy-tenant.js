/**
 * One tenant submits far more than the workers can take (NOISY_RATE, 1,500 runs a second of 200 ms each); another one its few (QUIET_RATE, 20), and must hardly notice.
 * The noisy one is limited to NOISY_SLOTS (64) steps at once.
 */
import exec from 'k6/execution'
import { Trend } from 'k6/metrics'
import { baseline, checkRun, publish, setTenant, settle, submit } from './lib/beamline.js'
import { CHAIN, SLOW } from './lib/flows.js'
import { overloaded } from './lib/metrics.js'
import { common, duration, number } from './lib/settings.js'

export { handleSummary } from './lib/summary.js'

const length = duration('DURATION', '30s')
/** From the submission to the answer that the run has completed, in milliseconds. */
const quietRun = new Trend('beamline_quiet_run', true)

const arrivals = (rate, name) => ({
  executor: 'constant-arrival-rate',
  exec: name,
  rate,
  timeUnit: '1s',
  duration: length,
  preAllocatedVUs: 50,
  maxVUs: 400,
})

export const options = {
  ...common,
  scenarios: {
    noisy: arrivals(number('NOISY_RATE', 1_500), 'noisy'),
    quiet: arrivals(number('QUIET_RATE', 20), 'quiet'),
  },
  thresholds: {
    ...overloaded,
    checks: ['rate>0.999'],
    beamline_quiet_run: ['p(95)<500'],
    'beamline_refused{scenario:quiet}': ['count==0'],
  },
}

export function setup() {
  publish(SLOW, 'noisy')
  publish(CHAIN, 'quiet')
  setTenant('noisy', { max_concurrency: number('NOISY_SLOTS', 64) })
  return { before: baseline() }
}

export function noisy() {
  submit('load-slow', `{"index":${exec.scenario.iterationInTest}}`, { tenant: 'noisy' })
}

export function quiet() {
  const answer = submit('load-chain', `{"index":${exec.scenario.iterationInTest}}`, { tenant: 'quiet', wait: '20s' })
  checkRun(answer, {
    'the run has completed': ({ status, body }) => status === 200 && JSON.parse(body).status === 'completed',
  })
  quietRun.add(answer.timings.duration)
}

export function teardown(data) {
  settle(data)
}
