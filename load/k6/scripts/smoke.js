/** Whether everything works at all: a few runs a second, each read back. */
import { baseline, checkRun, publish, settle, submit } from './lib/beamline.js'
import { CHAIN } from './lib/flows.js'
import { strict } from './lib/metrics.js'
import { common, duration, number } from './lib/settings.js'

export { handleSummary } from './lib/summary.js'

export const options = {
  ...common,
  scenarios: {
    smoke: {
      executor: 'constant-arrival-rate',
      rate: number('RATE', 20),
      timeUnit: '1s',
      duration: duration('DURATION', '10s'),
      preAllocatedVUs: 20,
      maxVUs: 100,
    },
  },
  thresholds: { ...strict, checks: ['rate==1'], dropped_iterations: ['count==0'], http_req_duration: ['p(95)<500'] },
}

export function setup() {
  publish(CHAIN)
  return { before: baseline() }
}

export default function () {
  const input = JSON.stringify({ vu: __VU, iteration: __ITER })
  const answer = submit('load-chain', input, { wait: '20s' })
  checkRun(answer, {
    'the run has completed': ({ status, body }) => status === 200 && JSON.parse(body).status === 'completed',
    'its output is its input': ({ status, body }) =>
      status === 200 && JSON.stringify(JSON.parse(body).output) === input,
  })
}

export function teardown(data) {
  settle(data)
}
