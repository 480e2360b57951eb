import { describe, expect, it } from 'vitest'
import { namesOf } from '../../../connectors/log-kafka/names.ts'
import { wantedTopics } from '../../../connectors/log-kafka/topic-settings.ts'
import { unfit } from '../../../connectors/log-kafka/topics-admin.ts'
import { type ExistingTopic, planText, planTopics } from '../../../connectors/log-kafka/topics-plan.ts'

const names = namesOf('t.')
const wanted = wantedTopics(names, 4, { replicationFactor: 3 })

interface Change {
  readonly partitions?: number
  readonly replicationFactor?: number
  readonly empty?: boolean
  readonly config?: Readonly<Record<string, string>> | null
}

/** Topics as they should be, but for one. */
function existing(name: string, change: Change): ReadonlyMap<string, ExistingTopic> {
  return new Map(
    wanted.map((topic) => {
      const { config: changed, ...rest } = topic.name === name ? change : {}
      const config = changed === null ? null : new Map(Object.entries({ ...topic.config, ...changed }))
      return [
        topic.name,
        { name: topic.name, partitions: topic.partitions, replicationFactor: 3, empty: false, ...rest, config },
      ]
    }),
  )
}

function steps(name: string, change: Change): readonly string[] {
  return planTopics(existing(name, change), wanted).map((step) => {
    if (step.kind === 'refuse') return `refuse ${step.problem}`
    return step.kind === 'alter' ? `alter ${step.setting} ${step.to}${step.required ? ' required' : ''}` : step.kind
  })
}

describe('a plan', () => {
  it('creates all topics with their settings where there is nothing', () => {
    const plan = planTopics(new Map(), wanted)
    expect(plan.map(({ kind }) => kind)).toEqual(wanted.map(() => 'create'))
    const text = planText(plan).join('\n')
    expect(text).toMatch(
      /create t\.changelog: 4 partitions, 3 copies, .*min\.insync\.replicas=2 .*cleanup\.policy=compact/,
    )
    expect(text).toMatch(/create t\.control: 4 partitions, .* cleanup\.policy=delete retention\.ms=-1/)
    expect(text).toMatch(/create t\.deployment: 1 partitions/)
    expect(unfit(plan, true)).toBeNull()
    expect(unfit(plan, false)).toMatchObject({
      code: 'TOPICS_UNFIT',
      message: expect.stringContaining('t.route does not exist'),
    })
  })

  it('does nothing where everything is as it should be', () => {
    expect(planTopics(existing('', {}), wanted)).toEqual([])
  })

  const day = 86_400_000
  it.each<[string, string, Change, readonly string[]]>([
    ['another number of partitions', 't.route', { partitions: 8 }, ['refuse partitions']],
    ['another number of partitions, though empty', 't.route', { partitions: 8, empty: true }, ['refuse partitions']],
    ['fewer copies', 't.events', { replicationFactor: 1 }, ['refuse replication']],
    ['more copies', 't.events', { replicationFactor: 4 }, []],
    ['no compaction', 't.changelog', { config: { 'cleanup.policy': 'delete' } }, ['refuse cleanup']],
    [
      'deletion beside compaction',
      't.changelog',
      { config: { 'cleanup.policy': 'compact,delete' } },
      ['refuse cleanup'],
    ],
    [
      'no compaction, and no records yet',
      't.changelog',
      { config: { 'cleanup.policy': 'delete' }, empty: true },
      ['alter cleanup.policy compact required'],
    ],
    ['compaction where keys are optional', 't.ingest', { config: { 'cleanup.policy': 'compact' } }, ['refuse cleanup']],
    [
      'a retention that loses work',
      't.result',
      { config: { 'retention.ms': '60000' } },
      [`alter retention.ms ${7 * day} required`],
    ],
    ['a shorter retention', 't.result', { config: { 'retention.ms': `${day}` } }, [`alter retention.ms ${7 * day}`]],
    ['a longer retention', 't.result', { config: { 'retention.ms': `${30 * day}` } }, ['note']],
    ['no end of retention', 't.result', { config: { 'retention.ms': '-1' } }, ['note']],
    ['a bounded size', 't.events', { config: { 'retention.bytes': '1000' } }, ['alter retention.bytes -1']],
    [
      'definitions that are deleted',
      't.control',
      { config: { 'retention.ms': `${30 * day}` } },
      ['alter retention.ms -1 required'],
    ],
    ['small messages', 't.ingest', { config: { 'max.message.bytes': '1048588' } }, ['alter max.message.bytes 8470528']],
    ['large messages', 't.ingest', { config: { 'max.message.bytes': '99999999' } }, []],
    [
      "producers' times",
      't.events',
      { config: { 'message.timestamp.type': 'CreateTime' } },
      ['alter message.timestamp.type LogAppendTime'],
    ],
    [
      'deletes that go soon',
      't.changelog',
      { config: { 'delete.retention.ms': '1000' } },
      [`alter delete.retention.ms ${day}`],
    ],
    ['settings that may not be seen', 't.events', { config: null }, ['note']],
    ['another speed', 't.changelog', { config: { 'segment.bytes': '1000000' } }, []],
  ])('on %s', (_, topic, change, expected) => {
    expect(steps(topic, change)).toEqual(expected)
  })

  it('says what is wrong, with what was found and what was expected', () => {
    const plan = planTopics(existing('t.route', { partitions: 8, config: { 'retention.ms': '60000' } }), wanted)
    expect(unfit(plan, true)).toMatchObject({
      code: 'PARTITIONS_DIFFER',
      message: expect.stringContaining('topic t.route has 8 partitions; expected 4'),
    })
    const short = planTopics(existing('t.route', { config: { 'retention.ms': '60000' } }), wanted)
    expect(unfit(short, true)).toBeNull()
    expect(unfit(short, false)?.message).toBe('topic t.route has retention.ms=60000; expected 604800000')
  })
})

it.each(['', 'with space.', `${'x'.repeat(101)}`, 'ä.'])('refuses the prefix %j', (prefix) => {
  expect(() => namesOf(prefix)).toThrow('the prefix of the topics is')
})
