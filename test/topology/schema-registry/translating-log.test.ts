import avsc from 'avsc'
import { describe, expect, it } from 'vitest'
import { ingest } from '../../../processors/ingest/ingest.ts'
import { SCHEMA_PROBLEM_HEADER } from '../../../schemas/codec/ingest-json.ts'
import { encodeRecord, FIRST_REGISTERED_ID, schemaIdIn, schemaIdOf } from '../../../schemas/codec/wire.ts'
import { RECORDS } from '../../../schemas/records/index.ts'
import type { LogRecord } from '../../../topology/log/port.ts'
import { GIVE_UP_MS, MISSING_MS, UNREACHABLE_MS } from '../../../topology/schema-registry/schema-cache.ts'
import { withSchemaRegistry } from '../../../topology/schema-registry/translating-log.ts'
import { submission } from '../../processors/result/scenario.ts'
import {
  askedRegistry,
  manualEnvironment,
  openTranslating,
  raw,
  SMALL_SUBMIT_RUN,
  settle,
  unreachable,
  wire,
} from './support.ts'

const FOREIGN = FIRST_REGISTERED_ID + 7
const small = avsc.Type.forSchema(JSON.parse(SMALL_SUBMIT_RUN), { wrapUnions: 'always' })
const fromSmall = (flow: string, id = FOREIGN): Buffer =>
  wire(id, small.toBuffer({ flow, input: '{"n":1}', channel: { array: ['a'] } }))
const own = (flow: string): Buffer => encodeRecord(submission(flow, { runId: null }))

function decoded(record: LogRecord) {
  const { topic, partition, offset, key, headers, value } = record
  return ingest.decode!({ topic: topic as 'ingest', partition, offset, key, headers, value })
}

const flows = (records: readonly LogRecord[]): unknown[] =>
  records.map((record) => (decoded(record) as { flow?: string }).flow)

function problemOf(record: LogRecord): string {
  try {
    decoded(record)
    return 'none'
  } catch (error) {
    return `${(error as { code: string }).code}: ${(error as Error).message}`
  }
}

describe('a record of another writer', () => {
  it('is read as ours, with defaults for what it lacks, once its schema is known', async () => {
    const registry = askedRegistry()
    const { inner, task, wakes } = await openTranslating(registry, manualEnvironment())
    await inner.append([raw(own('a')), raw(fromSmall('b')), raw(own('c'))])
    await settle()
    expect(flows(task.poll('ingest', 10))).toEqual(['a'])
    expect(task.position('ingest')).toBe(1)
    expect(task.poll('ingest', 10)).toEqual([])
    const before = wakes()
    registry.answer(FOREIGN, SMALL_SUBMIT_RUN)
    await settle()
    expect(wakes()).toBeGreaterThan(before)
    const rest = task.poll('ingest', 10)
    expect(flows(rest)).toEqual(['b', 'c'])
    expect(decoded(rest[0]!)).toEqual(submission('b', { runId: null, input: '{"n":1}' as never, submittedAtMs: 0 }))
    expect(task.position('ingest')).toBe(3)
    await inner.append([raw(fromSmall('d'))])
    await settle()
    expect(flows(task.poll('ingest', 10))).toEqual(['d'])
    expect(registry.asked).toEqual([FOREIGN])
  })

  it('gives no more records than were asked for', async () => {
    const registry = askedRegistry()
    const { inner, task } = await openTranslating(registry, manualEnvironment())
    await inner.append(['a', 'b', 'c'].map((flow) => raw(fromSmall(flow))))
    await settle()
    task.poll('ingest', 3)
    registry.answer(FOREIGN, SMALL_SUBMIT_RUN)
    await settle()
    expect(flows(task.poll('ingest', 2))).toEqual(['a', 'b'])
    expect(task.position('ingest')).toBe(2)
    expect(flows(task.poll('ingest', 2))).toEqual(['c'])
  })

  it('is read the same by readers, which wait for its schema', async () => {
    const registry = askedRegistry()
    const { log, inner } = await openTranslating(registry, manualEnvironment())
    await inner.append([raw(own('a')), raw(fromSmall('b'))])
    const next = log.read('ingest', 0, 'first').next(10)
    await settle()
    registry.answer(FOREIGN, SMALL_SUBMIT_RUN)
    expect(flows(await next)).toEqual(['a', 'b'])
  })
})

describe('a record that cannot be read', () => {
  const other = JSON.stringify({ type: 'record', name: 'Order', namespace: 'shop', fields: [] })
  const unlike = JSON.stringify({ ...JSON.parse(SMALL_SUBMIT_RUN), fields: [{ name: 'input', type: 'string' }] })
  it.each([
    ['an unknown id', null, `schema id ${FOREIGN} is unknown to the schema registry`],
    ['a record of something else', other, `schema id ${FOREIGN} is 'shop.Order'; expected a record of ours`],
    ['no record', '"string"', `schema id ${FOREIGN} is no record but string`],
    [
      'a version without a field that has no default',
      unlike,
      `schema id ${FOREIGN} is a version of 'beamline.SubmitRun' that cannot be read`,
    ],
    ['something that is no schema', '{"type":"nope"}', `schema id ${FOREIGN}: the schema is no valid Avro schema`],
    [
      'a registry that is down',
      unreachable,
      `schema id ${FOREIGN} is unknown and cannot be looked up: the registry is down`,
    ],
  ])('%s is passed on, with the reason', async (_name, answer, expected) => {
    const registry = askedRegistry()
    const { inner, task } = await openTranslating(registry, manualEnvironment())
    await inner.append([raw(fromSmall('a')), raw(own('b'))])
    await settle()
    task.poll('ingest', 10)
    registry.answer(FOREIGN, answer)
    await settle()
    const [first, second] = task.poll('ingest', 10)
    expect(problemOf(first!)).toContain(`SCHEMA_UNKNOWN: ${expected}`)
    expect(first!.value).toEqual(fromSmall('a'))
    expect(flows([second!])).toEqual(['b'])
  })

  it('has bytes that its schema does not match', async () => {
    const registry = askedRegistry()
    const { inner, task } = await openTranslating(registry, manualEnvironment())
    await inner.append([raw(fromSmall('a').subarray(0, 8))])
    await settle()
    task.poll('ingest', 10)
    registry.answer(FOREIGN, SMALL_SUBMIT_RUN)
    await settle()
    expect(problemOf(task.poll('ingest', 10)[0]!)).toContain(`the bytes do not match schema id ${FOREIGN}`)
  })

  it('is let go when the registry has not answered in time, and others are not held up by the outage', async () => {
    const registry = askedRegistry()
    const environment = manualEnvironment()
    const { inner, task } = await openTranslating(registry, environment)
    await inner.append([raw(fromSmall('a')), raw(own('b'))])
    await settle()
    expect(task.poll('ingest', 10)).toEqual([])
    environment.advance(GIVE_UP_MS - 1)
    await settle()
    expect(task.poll('ingest', 10)).toEqual([])
    environment.advance(1)
    await settle()
    const given = task.poll('ingest', 10)
    expect(given.map(problemOf)).toEqual([
      `SCHEMA_UNKNOWN: schema id ${FOREIGN} is unknown and cannot be looked up: the schema registry has not answered within ${GIVE_UP_MS} ms`,
      'none',
    ])
    await inner.append([raw(fromSmall('c', FOREIGN + 1))])
    await settle()
    task.poll('ingest', 10)
    await settle()
    expect(problemOf(task.poll('ingest', 10)[0]!)).toContain('cannot be looked up')
    expect(registry.asked).toEqual([FOREIGN])
    environment.advance(UNREACHABLE_MS)
    await inner.append([raw(fromSmall('d', FOREIGN + 1))])
    await settle()
    task.poll('ingest', 10)
    registry.answer(FOREIGN + 1, SMALL_SUBMIT_RUN)
    await settle()
    expect(flows(task.poll('ingest', 10))).toEqual(['d'])
  })

  it('is asked for again after a while, and looses its mark when it can be read', async () => {
    const registry = askedRegistry()
    const environment = manualEnvironment()
    const { inner, log, task } = await openTranslating(registry, environment)
    await inner.append([raw(fromSmall('a'))])
    await settle()
    task.poll('ingest', 10)
    registry.answer(FOREIGN, null)
    await settle()
    const [marked] = task.poll('ingest', 10)
    expect(marked!.headers).toHaveProperty(SCHEMA_PROBLEM_HEADER)
    environment.advance(MISSING_MS)
    await log.append([raw(marked!.value, marked!.headers)])
    await settle()
    task.poll('ingest', 10)
    registry.answer(FOREIGN, SMALL_SUBMIT_RUN)
    await settle()
    const [replayed] = task.poll('ingest', 10)
    expect(flows([replayed!])).toEqual(['a'])
    expect(replayed!.headers).toEqual({})
  })

  it('asks for all ids of what was polled at once, a few at a time', async () => {
    const registry = askedRegistry()
    const { inner, task } = await openTranslating(registry, manualEnvironment())
    const ids = Array.from({ length: 20 }, (_, index) => FOREIGN + index)
    await inner.append(ids.map((id) => raw(fromSmall(`f${id}`, id))))
    await settle()
    task.poll('ingest', 100)
    await settle()
    expect(registry.asked).toEqual(ids.slice(0, 8))
    for (let answered = 0; answered < ids.length; answered++) {
      registry.answer(registry.asked[answered]!, SMALL_SUBMIT_RUN)
      await settle()
    }
    expect(task.poll('ingest', 100)).toHaveLength(20)
  })
})

describe('the ids of a registry', () => {
  const SUBMIT_RUN = schemaIdOf('SubmitRun')
  const table = new Map(Object.values(RECORDS).map(({ kind }, index) => [schemaIdOf(kind), 10 + index]))

  it('are on the wire, and ours inside', async () => {
    const { inner, log, task } = await openTranslating(askedRegistry(table), manualEnvironment())
    await log.append([raw(own('a')), raw(Buffer.from('{"flow":"b"}'))])
    await task.commit({ appends: [raw(own('c'))], changelog: [], offsets: new Map() })
    const written = await inner.read('ingest', 0, 'first').next(10)
    expect(written.map(({ value }) => schemaIdIn(value))).toEqual([10, null, 10])
    await settle()
    const read = task.poll('ingest', 10)
    expect(flows(read)).toEqual(['a', 'b', 'c'])
    expect(read.map(({ value }) => schemaIdIn(value))).toEqual([SUBMIT_RUN, null, SUBMIT_RUN])
  })

  it('that are none of ours come back as they were, even where one is like an id of ours', async () => {
    const registry = askedRegistry(table)
    const { inner, log, task } = await openTranslating(registry, manualEnvironment())
    await inner.append([raw(fromSmall('a', SUBMIT_RUN))])
    await settle()
    task.poll('ingest', 10)
    registry.answer(SUBMIT_RUN, null)
    await settle()
    const [marked] = task.poll('ingest', 10)
    expect(problemOf(marked!)).toContain(`schema id ${SUBMIT_RUN} is unknown to the schema registry`)
    await log.append([raw(marked!.value)])
    const written = await inner.read('ingest', 0, 'first').next(10)
    expect(written[1]!.value).toEqual(written[0]!.value)
  })

  it('are waited for, with the log not writable until then', async () => {
    const { inner } = await openTranslating(askedRegistry(), manualEnvironment())
    const environment = manualEnvironment()
    const started = Promise.withResolvers<void>()
    const registry = { ...askedRegistry(null), wireIds: null as ReadonlyMap<number, number> | null }
    const log = withSchemaRegistry(
      inner,
      {
        ...registry,
        get wireIds() {
          return registry.wireIds
        },
        start: () => started.promise,
        health: () => ({ ready: registry.wireIds !== null, reason: 'the registry is down' }),
      },
      environment,
    )
    expect(log.health()).toEqual({ writable: false, reason: 'the registry is down' })
    const refused = expect(log.append([raw(own('a'))])).rejects.toMatchObject({
      retriable: true,
      message: 'nothing can be written yet: the registry is down',
    })
    const opening = log.openTask(0)
    environment.advance(5_000)
    await refused
    registry.wireIds = table
    started.resolve()
    await (await opening).close()
    expect(log.health().writable).toBe(true)
    await log.append([raw(own('b'))])
  })
})

describe('a pool behind a registry', () => {
  it('reports with the ids of the registry, and gets back the partition it knows', async () => {
    const table = new Map(Object.values(RECORDS).map(({ kind }, index) => [schemaIdOf(kind), 10 + index]))
    const { inner, log } = await openTranslating(askedRegistry(table), manualEnvironment())
    const step = { topic: 'execute.io', partition: 0 } as const
    await log.append([{ ...raw(own('x')), ...step }])
    const assigned: unknown[] = []
    const revoked: unknown[] = []
    const membership = await log.joinPool('io', {
      onAssigned: (partition) => assigned.push(partition),
      onRevoked: async (partition) => void revoked.push(partition),
    })
    await expect.poll(() => assigned.length).toBe(1)
    const partition = assigned[0] as Parameters<Parameters<typeof log.joinPool>[1]['onAssigned']>[0]
    const read = await expect
      .poll(() => partition.poll(10))
      .toHaveLength(1)
      .then(() => partition)
    expect(read.progress.next).toBe(0)
    await partition.report([{ ...raw(own('y')), topic: 'result' }], { next: 1, beyond: [] })
    const [result] = await inner.read('result', 0, 'first').next(1)
    expect(schemaIdIn(result!.value)).toBe(10)
    await membership.leave()
    expect(revoked).toEqual(assigned)
  })
})
