/** Three brokers behind a proxy, and who does what among them. */
import { setTimeout as pause } from 'node:timers/promises'
import { realEnvironment } from '../../connectors/environment.ts'
import { connectKafka } from '../../connectors/kafka-client/client.ts'
import type { KafkaClient } from '../../connectors/kafka-client/contract.ts'
import { type KafkaCluster, startKafka } from '../kafka/cluster.ts'
import { freePorts } from '../process/free-ports.ts'
import { type ChaosProxy, startProxy } from './proxy.ts'

export const NODES = [1, 2, 3] as const
const QUORUM_TOOL = 'org.apache.kafka.tools.MetadataQuorumCommand'

export interface ChaosCluster {
  readonly kafka: KafkaCluster
  readonly proxy: ChaosProxy
  /** What processes are given to reach the brokers: the proxy. */
  readonly brokers: readonly string[]
  /** Past the proxy: the runner's own. */
  readonly client: KafkaClient
  /** Kills and starts nodes; what is down is known in `down`. */
  readonly down: ReadonlySet<number>
  kill(node: number, signal?: NodeJS.Signals): Promise<void>
  start(node: number): Promise<void>
  /** The node that leads the partition. */
  leaderOf(topic: string, partition: number): Promise<number>
  transactionCoordinatorOf(transactionalId: string): Promise<number>
  controller(): Promise<number>
  /** Resolves once every replica of the deployment's and the internal topics is in sync. @throws after `withinMs` */
  wholeAgain(prefix: string, withinMs: number): Promise<void>
  stop(): Promise<void>
}

export async function startCluster(version?: string): Promise<ChaosCluster> {
  const ports = await freePorts(NODES.length)
  let targets: readonly string[] = []
  const proxy = await startProxy(ports, () => targets)
  const brokers = ports.map((port) => `127.0.0.1:${port}`)
  const kafka = await startKafka({
    nodes: 3,
    advertised: brokers,
    heap: '384m',
    ...(version === undefined ? {} : { version }),
  }).catch(async (error: unknown) => {
    await proxy.close()
    throw error
  })
  targets = kafka.bootstrap
  const client = await connectKafka({ brokers: kafka.internal, clientId: 'chaos' }, realEnvironment)
  const metadata = async (topic: string) => {
    const { topics } = await client.admin.fetchTopicMetadata({ topics: [topic] })
    return topics[0]!.partitions
  }
  const leaderOf = async (topic: string, partition: number): Promise<number> => {
    const found = (await metadata(topic)).find((each) => each.partitionId === partition)
    return found?.leader ?? -1
  }
  const down = new Set<number>()
  return {
    kafka,
    proxy,
    down,
    async kill(node, signal = 'SIGKILL') {
      down.add(node)
      await kafka.kill(node, signal)
    },
    async start(node) {
      if (!down.has(node)) return
      await kafka.start(node)
      down.delete(node)
    },
    brokers,
    client,
    leaderOf,
    async transactionCoordinatorOf(transactionalId) {
      const partitions = await metadata('__transaction_state')
      return leaderOf('__transaction_state', (javaHash(transactionalId) & 0x7fffffff) % partitions.length)
    },
    async controller() {
      const args = ['--bootstrap-server', kafka.internal.join(','), 'describe', '--status']
      const { stdout, stderr } = await kafka.tool(QUORUM_TOOL, args)
      const [, leader] = /LeaderId:\s+(\d+)/.exec(stdout) ?? []
      if (leader === undefined) throw new Error(`the controller was not told:\n${stdout}${stderr}`)
      return Number(leader)
    },
    async wholeAgain(prefix, withinMs) {
      const until = performance.now() + withinMs
      for (;;) {
        const short = await outOfSync(client, prefix).catch((error: Error) => error.message)
        if (short === null) return
        if (performance.now() > until) throw new Error(`the cluster is not whole after ${withinMs} ms: ${short}`)
        await pause(200)
      }
    },
    async stop() {
      await client.close().catch(() => undefined)
      await kafka.stop()
      await proxy.close()
    },
  }
}

/** The first partition with a replica out of sync; `null`: none. */
async function outOfSync(client: KafkaClient, prefix: string): Promise<string | null> {
  const names = (await client.admin.listTopics()).filter((name) => name.startsWith(prefix) || name.startsWith('__'))
  const { topics } = await client.admin.fetchTopicMetadata({ topics: names })
  for (const { name, partitions } of topics) {
    for (const { partitionId, leader, isr, replicas } of partitions) {
      if (leader < 0 || isr.length < replicas.length)
        return `${name} ${partitionId}: ${isr.length} of ${replicas.length}`
    }
  }
  return null
}

/** `String.hashCode` of Java, which chooses the coordinator's partition. */
function javaHash(text: string): number {
  let hash = 0
  for (let at = 0; at < text.length; at++) hash = (Math.imul(31, hash) + text.charCodeAt(at)) | 0
  return hash
}
