/** Beamline on a real Kafka, with a schema registry, as foreign clients meet it: topics and an address. */
import { fastify } from 'fastify'
import { realEnvironment } from '../../connectors/environment.ts'
import { createRegistry } from '../../connectors/metrics/metrics.ts'
import { createTaskMetrics } from '../../connectors/metrics/task-metrics.ts'
import { createSchemaRegistry } from '../../connectors/schema-registry/create.ts'
import { outRecord } from '../../gateway/out-record.ts'
import { registerSchemaRegistry } from '../../gateway/schema-registry/routes.ts'
import { echo } from '../../processors/execute/blocks/io/echo.ts'
import { decodeRecord } from '../../schemas/codec/wire.ts'
import type { TenantId } from '../../schemas/ids.ts'
import type { BeamlineRecord, RecordKind, RecordOfKind } from '../../schemas/records/index.ts'
import type { Topic } from '../../schemas/topics.ts'
import type { Log } from '../../topology/log/port.ts'
import { Node } from '../../topology/node/node.ts'
import { withSchemaRegistry } from '../../topology/schema-registry/translating-log.ts'
import { createTopology } from '../../topology/topology.ts'
import { deleteTopics, openTestLog, testClient } from '../connectors/log-kafka/support.ts'
import { graph, publication } from '../processors/result/scenario.ts'

export interface ForeignWorld {
  /** Address of the registry that clients use. */
  readonly registryUrl: string
  readonly prefix: string
  /** The log as it is, without a registry. */
  readonly raw: Log
  /** Everything on `events` so far. */
  readonly events: readonly BeamlineRecord[]
  readonly letters: readonly RecordOfKind<'DeadLetter'>[]
  close(): Promise<void>
}

/** `url`: of an external registry; `null`: the built-in one. The flow `test` of one step is there for the tenants `default` and `acme`. */
export async function openForeignWorld(
  bootstrap: readonly string[],
  prefix: string,
  url: string | null,
): Promise<ForeignWorld> {
  const environment = realEnvironment
  const raw = await openTestLog(bootstrap, { prefix })
  const options = { environment, topicPrefix: prefix }
  const registry = createSchemaRegistry(
    url === null ? { kind: 'built-in', log: raw, ...options } : { kind: 'external', url, ...options },
  )
  const log = withSchemaRegistry(raw, registry, environment)
  await registry.start()
  const app = fastify({ forceCloseConnections: true })
  if (registry.subjects !== null) registerSchemaRegistry(app, registry.subjects)
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  const flow = publication(graph({ a: [] }))
  for (const tenant of ['default', 'acme'] as TenantId[]) {
    for (let partition = 0; partition < log.partitions; partition++) {
      await log.append([outRecord('control', partition, `${tenant}/test/1`, { ...flow, tenant })])
    }
  }
  const node = new Node({
    log,
    environment,
    topology: createTopology(),
    workerId: 'worker-1',
    tasks: true,
    pools: [{ pool: 'io', concurrency: 8, blocks: [echo] }],
    taskObserver: createTaskMetrics(createRegistry({ processMetrics: false })),
  })
  await node.start()
  const [events, letters] = [follow(log, 'events'), follow(log, 'dlq')]
  return {
    registryUrl: url ?? `${address}/schema-registry`,
    prefix,
    raw,
    events: events.records,
    letters: letters.records as RecordOfKind<'DeadLetter'>[],
    async close() {
      events.stop()
      letters.stop()
      await node.drain()
      await app.close()
      await registry.close()
      await log.close()
      const admin = await testClient(bootstrap)
      await deleteTopics(admin, prefix)
      await admin.close()
    },
  }
}

export function ofKind<K extends RecordKind>(records: readonly BeamlineRecord[], kind: K): RecordOfKind<K>[] {
  return records.filter((record): record is RecordOfKind<K> => record.kind === kind)
}

function follow(log: Log, topic: Topic): { readonly records: BeamlineRecord[]; stop(): void } {
  const records: BeamlineRecord[] = []
  const readers = Array.from({ length: log.partitions }, (_, partition) => log.read(topic, partition, 'first'))
  let stopped = false
  for (const reader of readers) {
    void (async () => {
      while (!stopped) for (const { value } of await reader.next(100)) records.push(decodeRecord(value))
    })()
  }
  return {
    records,
    stop() {
      stopped = true
      for (const reader of readers) reader.close()
    },
  }
}
