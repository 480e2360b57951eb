import { afterEach, describe, expect, it } from 'vitest'
import { realEnvironment } from '../../../connectors/environment.ts'
import type { MemoryFaults } from '../../../connectors/log-memory/faults.ts'
import { openMemoryLog } from '../../../connectors/log-memory/memory-log.ts'
import { createMemoryStorage, type MemoryStorage } from '../../../connectors/log-memory/storage.ts'
import { createSchemaRegistry } from '../../../connectors/schema-registry/create.ts'
import { encodeRecord, FIRST_REGISTERED_ID, schemaIdOf } from '../../../schemas/codec/wire.ts'
import type { SchemaChanged } from '../../../schemas/records/control.ts'
import { ownSchemas, subjectOf } from '../../../schemas/registry/own-schemas.ts'
import { type Log, LogError } from '../../../topology/log/port.ts'

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

function open(
  storage: MemoryStorage = createMemoryStorage(2),
  faults: MemoryFaults = {},
  change: (log: Log) => Log = (log) => log,
) {
  const log = openMemoryLog(storage, realEnvironment, faults)
  const problems: string[] = []
  const registry = createSchemaRegistry({
    kind: 'built-in',
    log: change(log),
    environment: realEnvironment,
    topicPrefix: 'bl.',
    onProblem: (message) => problems.push(message),
  })
  closers.push(async () => {
    await registry.close()
    await log.close()
  })
  return { log, registry, store: registry.subjects!, problems }
}

const SUBMIT_RUN = subjectOf('bl.', 'ingest', 'SubmitRun')
const schema = (...names: string[]): string =>
  JSON.stringify({ type: 'record', name: 'R', fields: names.map((name) => ({ name, type: 'int', default: 0 })) })

describe('the built-in registry', () => {
  it('has our schemas once it is started, under their fixed ids, and writes them once', async () => {
    const storage = createMemoryStorage(2)
    const first = open(storage)
    await first.registry.start()
    const view = await first.store.current()
    const own = ownSchemas('bl.')
    expect(view.subjects()).toEqual(own.map(({ subject }) => subject).sort())
    for (const { subject, id, schema } of own)
      expect(view.versions(subject)).toEqual([{ subject, version: 1, id, schema }])
    expect(await first.registry.schema(schemaIdOf('SubmitRun'))).toBe(view.versions(SUBMIT_RUN)[0]!.schema)
    const second = open(storage)
    await second.registry.start()
    expect((await second.store.current()).versions(SUBMIT_RUN)).toHaveLength(1)
    const control = (await first.log.describe()).find(({ topic, partition }) => topic === 'control' && partition === 0)
    expect(control!.nextOffset).toBe(own.length)
  })

  it('makes a schema the next version once, and answers what it is already', async () => {
    const { store } = open()
    expect(await store.register('s', schema('a'))).toEqual({ id: FIRST_REGISTERED_ID, version: 1 })
    expect(await store.register('s', schema('a', 'b'))).toEqual({ id: FIRST_REGISTERED_ID + 1, version: 2 })
    expect(await store.register('s', ` ${schema('a')}`)).toEqual({ id: FIRST_REGISTERED_ID, version: 1 })
    expect(await store.register('t', schema('a', 'b'))).toEqual({ id: FIRST_REGISTERED_ID + 1, version: 1 })
  })

  it('gives the same ids through gateways that register at the same time', async () => {
    const storage = createMemoryStorage(2)
    const stores = [open(storage).store, open(storage).store, open(storage).store]
    const answers = await Promise.all(
      Array.from({ length: 6 }, (_, index) =>
        stores[index % 3]!.register('s', schema(...'abcdef'.slice(0, 1 + (index % 6)))),
      ),
    )
    expect(new Set(answers.map(({ id }) => id)).size).toBe(6)
    expect(answers.map(({ version }) => version).sort()).toEqual([1, 2, 3, 4, 5, 6])
    const views = await Promise.all(stores.map((store) => store.current()))
    for (const view of views) expect(view.versions('s')).toEqual(views[0]!.versions('s'))
  })

  it('gives up where others are always first', async () => {
    const storage = createMemoryStorage(2)
    let others = 0
    const { store } = open(storage, {}, (log) => ({
      ...log,
      read: (...args) => log.read(...args),
      describe: () => log.describe(),
      async append(records) {
        const { expects } = records[0]!.message as SchemaChanged
        const text = JSON.stringify({ type: 'enum', name: 'E', symbols: [`X${others++}`] })
        const other = { ...(records[0]!.message as SchemaChanged), expects, schema: text }
        return log.append([{ ...records[0]!, value: encodeRecord(other), message: other }, ...records])
      },
    }))
    await store.setCompatibility('s', 'NONE').catch(() => {})
    await expect(store.register('s', '"int"')).rejects.toMatchObject({ code: 'CONTENDED' })
  })

  it.each([
    [
      'a schema that does not fit',
      's',
      '{"type":"record","name":"R","fields":[{"name":"z","type":"int"}]}',
      'INCOMPATIBLE',
      'BACKWARD',
    ],
    ['no schema', 's', '{"type":"nope"}', 'SCHEMA_INVALID', 'no valid Avro schema'],
    ['a name that is too long', 's'.repeat(256), '"int"', 'LIMIT', 'expected 1 to 255'],
    ['no name', '', '"int"', 'LIMIT', 'expected 1 to 255'],
  ])('refuses %s', async (_name, subject, text, code, expected) => {
    const { store } = open()
    await store.register('s', schema('a'))
    await expect(store.register(subject, text)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(expected),
    })
  })

  it('heeds the level of the subject, then that of all', async () => {
    const { store } = open()
    const unlike = '{"type":"record","name":"R","fields":[{"name":"z","type":"int"}]}'
    await store.register('s', schema('a'))
    await store.register('t', schema('a'))
    await store.setCompatibility('s', 'NONE')
    await store.register('s', unlike)
    await expect(store.register('t', unlike)).rejects.toMatchObject({ code: 'INCOMPATIBLE' })
    await store.setCompatibility(null, 'NONE')
    await store.register('t', unlike)
    await expect(store.setCompatibility('t', 'SOME')).rejects.toMatchObject({ code: 'SCHEMA_INVALID' })
  })

  it('does not start where the subject of one of our schemas holds something else', async () => {
    const { registry, store } = open()
    await store.register(
      SUBMIT_RUN,
      '{"type":"record","namespace":"beamline","name":"SubmitRun","fields":[{"name":"flow","type":"int"}]}',
    )
    await expect(registry.start()).rejects.toMatchObject({
      code: 'INCOMPATIBLE',
      message: expect.stringContaining(
        `the schema does not fit subject '${SUBMIT_RUN}' (BACKWARD): the new schema cannot read version 1`,
      ),
    })
  })

  it('starts again where a smaller version of ours was registered after it', async () => {
    const storage = createMemoryStorage(2)
    const { registry, store } = open(storage)
    await registry.start()
    await store.register(
      SUBMIT_RUN,
      '{"type":"record","namespace":"beamline","name":"SubmitRun","fields":[{"name":"flow","type":"string"}]}',
    )
    await expect(open(storage).registry.start()).resolves.toBeUndefined()
  })

  it('tries again while the log takes nothing, and says so', async () => {
    let failing = 2
    const { registry, store, problems } = open(createMemoryStorage(2), {}, (log) => ({
      ...log,
      read: (...args) => log.read(...args),
      describe: () => log.describe(),
      append(records) {
        if (failing-- > 0) return Promise.reject(new LogError('LOG_FULL', 'the disk is full', { retriable: true }))
        return log.append(records)
      },
    }))
    await registry.start()
    expect((await store.current()).versions(SUBMIT_RUN)).toHaveLength(1)
    expect(problems).toEqual(['the schema cannot be written to the log: the disk is full; will be tried again'])
  })

  it('finds what was registered elsewhere when it is asked for the id', async () => {
    const storage = createMemoryStorage(2)
    const [here, there] = [open(storage), open(storage)]
    expect(await here.registry.schema(FIRST_REGISTERED_ID)).toBeNull()
    await there.store.register('s', '"int"')
    expect(await here.registry.schema(FIRST_REGISTERED_ID)).toBe('"int"')
  })

  it('ends a start that still waits when it is closed', async () => {
    const { registry } = open(createMemoryStorage(2), {}, (log) => ({
      ...log,
      read: (...args) => log.read(...args),
      describe: () => Promise.reject(new LogError('LOG_CLOSED', 'no broker answers', { retriable: true })),
    }))
    const started = expect(registry.start()).rejects.toMatchObject({ code: 'CLOSED' })
    await new Promise<void>((resolve) => realEnvironment.soon(resolve))
    await registry.close()
    await started
  })
})
