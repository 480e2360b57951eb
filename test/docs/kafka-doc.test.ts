/** What docs/kafka.md says of topics and metrics is what the code does. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { namesOf } from '../../connectors/log-kafka/names.ts'
import { type TopicUse, type WantedTopic, wantedTopics } from '../../connectors/log-kafka/topic-settings.ts'
import { ROOT, read } from './documents.ts'

const text = read('docs/kafka.md')

const HOLDS: Readonly<Record<string, string>> = {
  deployment: 'one record: whose the topics are',
  changelog: 'the state of the tasks',
  control: 'flows, tenants, schemas; read from the beginning by every gateway',
  result: 'how attempts of steps ended',
  route: 'steps that wait for an executor',
  dlq: 'dead letters, replays',
  ingest: 'submissions, from the gateway and from whoever produces them',
  'execute.cpu': 'steps for executors',
  'execute.io': 'steps for executors',
  'execute.gpu': 'steps for executors',
  'execute.external': 'steps for workers of others',
  events: 'what has happened, for readers',
  replies: 'answers to gateways that wait',
}
const COMMON = 'message.timestamp.type'
const KEEPS: readonly TopicUse[] = ['deployment', 'control']

function row({ name, config }: WantedTopic): string {
  const settings = Object.entries(config).filter(([setting]) => setting !== COMMON)
  const shown = settings.map(([setting, value]) => `\`${setting}=${value}\``).join(' ')
  return `| \`${name}\` | ${HOLDS[name.replace('beamline.', '')]} | ${shown} |`
}

const wanted = wantedTopics(namesOf(), 4)

it('the table of topics is that of topic-settings.ts', () => {
  expect(text).toContain(`|---|---|---|\n${wanted.map(row).join('\n')}\n\n`)
  expect(wanted.every(({ config }) => config[COMMON] === 'LogAppendTime')).toBe(true)
  expect(wanted.filter(({ partitions }) => partitions !== 4).map(({ name }) => name)).toEqual(['beamline.deployment'])
  for (const use of KEEPS) expect(wanted.find((each) => each.use === use)?.config['retention.ms']).toBe('-1')
})

it('metrics that it names exist', () => {
  const folder = join(ROOT, 'connectors', 'metrics')
  const sources = readdirSync(folder).map((file) => read(`connectors/metrics/${file}`))
  const names = [...text.matchAll(/`((?:beamline|gateway|router|task|tasks)_[a-z_]+)`/g)].map((found) => found[1]!)
  expect(new Set(names).size).toBeGreaterThan(8)
  expect(names.filter((name) => !sources.join('\n').includes(`'${name}'`))).toEqual([])
})

it('error codes that it names exist', () => {
  const codes = [...text.matchAll(/`([A-Z]+(?:_[A-Z]+)+)`/g)].map((found) => found[1]!)
  const sources = ['topology/log/port.ts', 'connectors/kafka-client/protocol-error.ts', 'topology/task/state.ts']
  const known = sources.map(read).join('\n')
  expect(codes.length).toBeGreaterThan(8)
  expect(codes.filter((code) => !known.includes(code))).toEqual([])
})
