/** Every run fails: RATE (300) dead letters a second for DURATION (30s). The letters must be there, of one fingerprint, and be discarded in one call. */
import { check, sleep } from 'k6'
import exec from 'k6/execution'
import http from 'k6/http'
import { Counter } from 'k6/metrics'
import { baseline, counts, publish, settle, submit } from './lib/beamline.js'
import { FAILING } from './lib/flows.js'
import { strict } from './lib/metrics.js'
import { common, drainSeconds, duration, number, url } from './lib/settings.js'

export { handleSummary } from './lib/summary.js'

/** Accepted runs that left no letter. */
const letterless = new Counter('beamline_letterless')

export const options = {
  ...common,
  scenarios: {
    storm: {
      executor: 'constant-arrival-rate',
      rate: number('RATE', 300),
      timeUnit: '1s',
      duration: duration('DURATION', '30s'),
      preAllocatedVUs: 50,
      maxVUs: 300,
    },
  },
  thresholds: {
    ...strict,
    beamline_letterless: ['count==0'],
    beamline_acceptance: ['p(95)<50'],
    'checks{stage:discard}': ['rate==1'],
  },
}

export function setup() {
  publish(FAILING)
  return { before: baseline() }
}

export default function () {
  const { status } = submit('load-failing', `{"index":${exec.scenario.iterationInTest}}`)
  if (status === 202) letterless.add(1)
}

export function teardown(data) {
  const after = settle(data)
  const letters = (after.letters.open || 0) - (data.before.letters.open || 0)
  letterless.add(-letters)
  const headers = { 'content-type': 'application/json' }
  const body = JSON.stringify({ filter: { code: 'LOAD_TEST' }, reason: 'the load test is over' })
  const answer = http.post(`${url}/api/v1/dlq/discard`, body, { headers, responseType: 'text' })
  check(answer, { 'the discard is taken': ({ status }) => status === 200 }, { stage: 'discard' })
  if (answer.status !== 200) console.warn(`discard: ${answer.status} ${answer.body}`)
  check(discarded(data, letters), { 'all letters are discarded': (ok) => ok }, { stage: 'discard' })
}

function discarded({ before }, letters) {
  for (let tries = 0; tries < drainSeconds * 2; tries++) {
    const now = counts()
    if (now !== null && (now.letters.discarded || 0) - (before.letters.discarded || 0) >= letters) return true
    sleep(0.5)
  }
  return false
}
