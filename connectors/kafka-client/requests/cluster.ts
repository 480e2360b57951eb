/** Where things are: Metadata and FindCoordinator. */
import { assertNoError } from '../protocol-error.ts'
import type { Request } from '../socket.ts'
import type { Reader } from '../wire.ts'

export interface ClusterMetadata {
  readonly brokers: readonly { readonly nodeId: number; readonly host: string; readonly port: number }[]
  readonly clusterId: string | null
  readonly controllerId: number
  readonly topics: readonly TopicMetadata[]
}

export interface TopicMetadata {
  readonly errorCode: number
  readonly topic: string
  readonly partitions: readonly PartitionMetadata[]
}

export interface PartitionMetadata {
  readonly errorCode: number
  readonly partition: number
  /** -1: none at present. */
  readonly leader: number
  readonly leaderEpoch: number
}

/** Metadata v7 of the named topics; never creates one. */
export const metadata = (topics: readonly string[]): Request<ClusterMetadata> => ({
  apiKey: 3,
  apiVersion: 7,
  apiName: 'Metadata',
  encode(writer) {
    writer.array(topics, (each, topic) => each.string(topic)).boolean(false)
  },
  decode(reader) {
    reader.int32()
    const brokers = reader.array((each) => {
      const broker = { nodeId: each.int32(), host: each.string() ?? '', port: each.int32() }
      each.string()
      return broker
    })
    const clusterId = reader.string()
    const controllerId = reader.int32()
    const found = reader.array((each) => {
      const errorCode = each.int16()
      const topic = each.string() ?? ''
      each.boolean()
      return { errorCode, topic, partitions: each.array(partition) }
    })
    return { brokers, clusterId, controllerId, topics: found }
  },
})

function partition(reader: Reader): PartitionMetadata {
  const found = {
    errorCode: reader.int16(),
    partition: reader.int32(),
    leader: reader.int32(),
    leaderEpoch: reader.int32(),
  }
  for (let list = 0; list < 3; list++) reader.array((each) => each.int32())
  return found
}

export type CoordinatorKind = 'group' | 'transaction'

export interface Coordinator {
  readonly nodeId: number
  readonly host: string
  readonly port: number
}

/** FindCoordinator v2. */
export const findCoordinator = (kind: CoordinatorKind, id: string): Request<Coordinator> => ({
  apiKey: 10,
  apiVersion: 2,
  apiName: 'FindCoordinator',
  encode(writer) {
    writer.string(id).int8(kind === 'group' ? 0 : 1)
  },
  decode(reader) {
    reader.int32()
    const errorCode = reader.int16()
    const detail = reader.string()
    assertNoError(errorCode, 'FindCoordinator', kind === 'group' ? `group ${id}` : `transactional id ${id}`, detail)
    return { nodeId: reader.int32(), host: reader.string() ?? '', port: reader.int32() }
  },
})
