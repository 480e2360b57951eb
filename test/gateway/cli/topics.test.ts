import { expect, it } from 'vitest'
import type { CliDependencies } from '../../../gateway/cli/dependencies.ts'
import { LogError } from '../../../topology/log/port.ts'
import type { TopicsReport } from '../../../topology/log/topics-report.ts'
import { runBeamline, unused } from './support.ts'

const beamline = (args: readonly string[], manageTopics: CliDependencies['manageTopics']) =>
  runBeamline(args, { manageTopics })

const deployment = { id: 'abc', name: 'orders', partitions: 4 }
const create = { kind: 'create', topic: 'b.route', text: 'create b.route: 4 partitions' } as const
const refuse = { kind: 'refuse', topic: 'b.dlq', text: 'refused: b.dlq has 3 partitions; expected 4' } as const

it.each<[string, string[], TopicsReport, number, string]>([
  [
    'plans',
    ['plan'],
    { deployment: null, steps: [create], applied: false, ready: false },
    0,
    'no deployment yet\ncreate b.route: 4 partitions\nrun `beamline topics apply` to do this, or have it done\n',
  ],
  ['applies', ['apply'], { deployment, steps: [create], applied: true, ready: true }, 0, 'done\n'],
  [
    'finds all as it should be',
    ['plan'],
    { deployment, steps: [], applied: false, ready: true },
    0,
    'nothing has to be done\n',
  ],
  [
    'refuses',
    ['apply'],
    { deployment, steps: [create, refuse], applied: false, ready: false },
    1,
    'NOT OK: something is refused, nothing was changed\n',
  ],
  [
    'says that topics are missing which it may not create',
    ['apply', '--no-create'],
    { deployment, steps: [{ ...create, kind: 'missing' }], applied: true, ready: false },
    1,
    'NOT OK: topics are missing\n',
  ],
])('%s', async (_, [command, ...flags], report, code, ending) => {
  const asked: unknown[] = []
  const ran = await beamline(['topics', command!, '--brokers', 'a:1,b:2', ...flags], async ({ config }, request) => {
    asked.push(config['kafka.brokers'], request)
    return report
  })
  expect(asked).toEqual([['a:1', 'b:2'], { apply: command === 'apply', create: flags.length === 0 }])
  expect(ran.code).toBe(code)
  expect(ran.out.endsWith(ending)).toBe(true)
})

it('says what the cluster answers, and what is not configured', async () => {
  const failing = async () => {
    throw new LogError('NOT_AUTHORIZED', 'topic b.route: not allowed to describe it')
  }
  const refused = await beamline(['topics', 'plan', '--brokers', 'a:1'], failing)
  expect(refused).toMatchObject({ code: 1, err: 'error: topic b.route: not allowed to describe it\n' })
  expect(await beamline(['topics', 'plan'], unused)).toMatchObject({
    code: 2,
    err: expect.stringContaining('kafka.brokers'),
  })
})
