/** Beamline's API as the scripts use it. */
import { check, sleep } from 'k6'
import http from 'k6/http'
import { metrics } from './metrics.js'
import { drainSeconds, url } from './settings.js'

const ENDED = ['completed', 'failed', 'cancelled', 'timed_out']
const OPEN = ['accepted', 'running']

export function publish(flow, tenant) {
  const headers = { 'content-type': 'application/yaml', ...(tenant === undefined ? {} : { 'x-tenant-id': tenant }) }
  const answer = http.post(`${url}/api/v1/flows`, flow, { headers, responseType: 'text' })
  if (answer.status !== 200 && answer.status !== 201)
    throw new Error(`the flow was refused: ${answer.status} ${answer.body}`)
}

export function setTenant(tenant, limits) {
  const headers = { 'content-type': 'application/json' }
  const answer = http.put(`${url}/api/v1/tenants/${tenant}`, JSON.stringify(limits), { headers, responseType: 'text' })
  if (answer.status !== 200) throw new Error(`the tenant was refused: ${answer.status} ${answer.body}`)
}

/** Submits a run, given as the request's whole body, and counts what became of it. */
export function submitBody(body) {
  const answer = http.post(`${url}/api/v1/runs`, body, BODY_PARAMS)
  count(answer, true, undefined)
}

const BODY_PARAMS = { headers: { 'content-type': 'application/json' }, tags: { name: 'submit' } }

/**
 * Submits a run and counts what became of it. `input` is JSON text. With `wait` (such as `30s`) it returns the run once it has ended, if it did in time;
 * the body is kept only then.
 */
export function submit(flow, input, { tenant, wait, tags } = {}) {
  const headers = { 'content-type': 'application/json', ...(tenant === undefined ? {} : { 'x-tenant-id': tenant }) }
  const address = wait === undefined ? `${url}/api/v1/runs` : `${url}/api/v1/runs?wait=${wait}`
  const params = { headers, tags: { name: 'submit', ...tags }, ...(wait === undefined ? {} : { responseType: 'text' }) }
  const answer = http.post(address, `{"flow":"${flow}","input":${input}}`, params)
  count(answer, wait === undefined, tags)
  return answer
}

function count(answer, timed, tags) {
  const { status, timings } = answer
  if (status === 202 || status === 200) {
    metrics.accepted.add(1, tags)
    metrics.unaccounted.add(1)
    if (timed) metrics.acceptance.add(timings.duration, tags)
  } else if (status === 429 || (status === 503 && answer.headers['Retry-After'] !== undefined)) {
    metrics.refused.add(1, tags)
  } else if (status === 0 || status >= 500) metrics.unknown.add(1, tags)
  else metrics.wrong.add(1, tags)
}

/** Runs by status and dead letters by status, of all tenants. */
export function counts() {
  const answer = http.get(`${url}/metrics`, { responseType: 'text', tags: { name: 'metrics' } })
  const found = { runs: {}, letters: {} }
  if (answer.status !== 200) return null
  for (const [, name, status, value] of answer.body.matchAll(
    /^beamline_(runs|dead_letters)\{status="(\w+)"\} (\S+)$/gm,
  )) {
    found[name === 'runs' ? 'runs' : 'letters'][status] = Number(value)
  }
  return found
}

const sum = (found, statuses) => statuses.reduce((total, status) => total + (found.runs[status] || 0), 0)

/** What there is before the load; to be returned by `setup` under `before`. */
export function baseline() {
  const before = counts()
  if (before === null || before.runs.completed === undefined)
    throw new Error(`${url}/metrics does not tell beamline_runs`)
  return before
}

/** Waits until every run has ended, and takes them off the account. To be called by `teardown`. */
export function settle({ before }) {
  const began = Date.now()
  let now = counts()
  // the read model may lag: it has to say the same three times
  for (let quiet = 0, last = -1; quiet < 3 && Date.now() - began < drainSeconds * 1000; ) {
    sleep(0.5)
    now = counts() || now
    const total = sum(now, ENDED)
    const open = sum(now, OPEN) - sum(before, OPEN)
    quiet = open <= 0 && total === last ? quiet + 1 : 0
    last = total
  }
  const terminal = sum(now, ENDED) - sum(before, ENDED)
  metrics.terminal.add(terminal)
  metrics.unaccounted.add(-terminal)
  metrics.open.add(Math.max(0, sum(now, OPEN) - sum(before, OPEN)))
  metrics.drain.add((Date.now() - began) / 1000)
  return now
}

/** Reads a run back. */
export function checkRun(answer, expected) {
  const ok = check(answer, expected)
  if (!ok && answer.body)
    console.warn(`a run is not as expected: ${answer.status} ${String(answer.body).slice(0, 300)}`)
  return ok
}
