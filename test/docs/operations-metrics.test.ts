/** Every metric that the dashboard and the alert rules name is on `/metrics` of an engine that has worked. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { parse } from 'yaml'
import { realEnvironment as environment } from '../../connectors/environment.ts'
import { createLogger } from '../../connectors/logging/logger.ts'
import { type BeamlineNode, startBeamline } from '../../main.ts'

const operations = (name: string): string =>
  readFileSync(new URL(`../../docs/operations/${name}`, import.meta.url), 'utf8')

/** Named by Prometheus itself. */
const OF_PROMETHEUS = ['up']
/** There once something has happened that does not happen here. */
const WITHOUT_SAMPLES = [
  'beamline_executor_events_total',
  'beamline_task_reopened_total',
  'beamline_gpu_steps_total',
  'beamline_gpu_dispatch_seconds_bucket',
]

interface Panel {
  readonly title: string
  readonly targets?: readonly { readonly expr: string }[]
}
const dashboard = JSON.parse(operations('dashboard.json')) as { readonly panels: readonly Panel[] }
const alerts = parse(operations('alerts.yml')) as { groups: { rules: { alert: string; expr: string }[] }[] }

/** Names in front of a selector, a range or the end of an argument; functions have a bracket behind them, labels stand in braces or lists. */
function metricsIn(expr: string): string[] {
  const bare = expr
    .replace(/\{[^}]*\}/g, '')
    .replace(/\[[^\]]*\]/g, '')
    .replace(/\b(by|on|ignoring|without)\s*\([^)]*\)/g, '')
  return [...bare.matchAll(/[a-zA-Z_:][\w:]*(?!\w*\s*\()/g)]
    .map(([name]) => name)
    .filter((name) => !['and', 'or', 'unless', 'bool'].includes(name))
}

const named = new Map<string, string>()
for (const { title, targets = [] } of dashboard.panels) {
  for (const { expr } of targets) for (const metric of metricsIn(expr)) named.set(metric, `panel "${title}"`)
}
for (const { alert, expr } of alerts.groups.flatMap(({ rules }) => rules)) {
  for (const metric of metricsIn(expr)) named.set(metric, `alert ${alert}`)
}

const folder = mkdtempSync(join(tmpdir(), 'beamline-operations-'))
let node: BeamlineNode
let text = ''

async function post(path: string, body: unknown, headers: { [name: string]: string } = {}): Promise<void> {
  const response = await fetch(`${node.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
  await response.arrayBuffer()
}

beforeAll(async () => {
  node = await startBeamline({
    dataFolder: folder,
    port: 0,
    partitions: 1,
    logger: createLogger({ environment, level: 'error', output: { write: () => undefined } }),
    gateway: { older: { limits: { messages: 1 } } },
  })
  const steps = {
    good: [{ id: 'a', type: 'echo' }],
    bad: [{ id: 'a', type: 'fail', retry: { attempts: 1 } }],
    late: [{ id: 'a', type: 'sleep', with: { ms: 5_000 }, timeout: '20ms', retry: { attempts: 1 } }],
  }
  for (const [flow, of] of Object.entries(steps)) {
    await post('/api/v1/flows', { flow, steps: of })
    await post('/api/v1/runs?wait=20s', { flow, input: {} })
  }
  await post('/api/v1/operations', { action: 'retry', query: { flow: 'bad' } })
  const garbage = { topic: 'ingest', partition: 0, key: null, headers: null, handled: false, message: null } as const
  await node.log.append([{ ...garbage, value: Buffer.from([0, 1, 2, 3]) }])
  for (let time = 0; time < 3; time++) await post('/api/v1/messages', {}, { 'x-tenant-id': 'one' })
  const awaited = ['router_intake_dlq_messages_total', 'beamline_dead_letters', 'beamline_operation_items_total']
  do text = await (await fetch(`${node.url}/metrics`)).text()
  while (!awaited.every((metric) => text.includes(`${metric}{`)))
})
afterAll(async () => {
  await node.close()
  rmSync(folder, { recursive: true, force: true })
})

it('reads names of metrics out of expressions', () => {
  const expr =
    'sum by (pool) (rate(a_total{x=~"b_c"}[5m]) or d) / on (task) histogram_quantile(0.95, sum by (le) (e_bucket)) > 1'
  expect(metricsIn(expr)).toEqual(['a_total', 'd', 'e_bucket'])
  expect(named.size).toBeGreaterThan(30)
})

it('every metric of the dashboard and the alerts is there', () => {
  const missing = [...named].filter(([metric]) => {
    if (OF_PROMETHEUS.includes(metric)) return false
    if (WITHOUT_SAMPLES.includes(metric)) return !text.includes(`# TYPE ${metric.replace(/_bucket$/, '')} `)
    return !new RegExp(`^${metric}[{ ]`, 'm').test(text)
  })
  expect(missing).toEqual([])
})

it('every metric of our own is described', () => {
  const described = readFileSync(new URL('../../docs/observability.md', import.meta.url), 'utf8')
  const own = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name!)
  expect(own.filter((name) => !/^(process|nodejs)_/.test(name) && !described.includes(`| \`${name}\` |`))).toEqual([])
})
