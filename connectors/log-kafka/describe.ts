/**
 * Where every partition begins and ends, and what is committed. Ends are those at the time of the call (calls at the same moment share a look-up); the rest
 * may be a little older, except for what this process has committed itself.
 */
import { executeTopic, POOLS, TASK_TOPICS, TOPICS, type Topic } from '../../schemas/topics.ts'
import type { Environment } from '../../topology/environment.ts'
import type { PartitionInfo } from '../../topology/log/port.ts'
import type { KafkaClient } from '../kafka-client/contract.ts'
import { partitionsOf } from './client-partitions.ts'
import { readError } from './errors.ts'
import type { Names } from './names.ts'

const COMMITTED_MAX_AGE_MS = 500
const FIRST_MAX_AGE_MS = 5_000

type Offsets = ReadonlyMap<string, number>

export interface Describer {
  /** @throws {LogError} */
  describe(): Promise<readonly PartitionInfo[]>
  committed(topic: string, partition: number, offset: number): void
}

export function createDescriber(
  client: KafkaClient,
  names: Names,
  partitions: number,
  environment: Environment,
): Describer {
  const places = TOPICS.flatMap((topic) => partitionsOf(names.topic(topic), partitions))
  /** What this process has committed: the group tells of it once the end of the transaction has reached every partition. */
  const own = new Map<string, number>()
  const first = cached(environment, FIRST_MAX_AGE_MS, () => client.listOffsets(places, 'first'))
  const committed = cached(environment, COMMITTED_MAX_AGE_MS, () => committedOffsets(client, names, partitions))

  const describe = async (): Promise<readonly PartitionInfo[]> => {
    const [firsts, ends, stored] = await Promise.all([first(), client.listOffsets(places, 'end'), committed()])
    return TOPICS.flatMap((topic) =>
      Array.from({ length: partitions }, (_, partition): PartitionInfo => {
        const key = `${names.topic(topic)}/${partition}`
        const firstOffset = firsts.get(key) ?? 0
        const committedOffset = isCommitted(topic) ? Math.max(own.get(key) ?? 0, stored.get(key) ?? firstOffset) : null
        return { topic, partition, firstOffset, nextOffset: ends.get(key) ?? 0, committedOffset }
      }),
    )
  }

  let next: Promise<readonly PartitionInfo[]> | null = null
  let running: Promise<unknown> = Promise.resolve()
  return {
    describe() {
      // one that is under way may have asked before; those who call now wait for the next, together
      next ??= running.then(() => {
        const found = describe().catch((error: unknown) => {
          throw readError(error)
        })
        running = found.catch(() => undefined)
        next = null
        return found
      })
      return next
    },
    committed: (topic, partition, offset) => void own.set(`${names.prefix}${topic}/${partition}`, offset),
  }
}

function isCommitted(topic: Topic): boolean {
  return (TASK_TOPICS as readonly Topic[]).includes(topic) || topic.startsWith('execute.')
}

async function committedOffsets(client: KafkaClient, names: Names, partitions: number): Promise<Offsets> {
  const taskPlaces = TASK_TOPICS.flatMap((topic) => partitionsOf(names.topic(topic), partitions))
  const groups = await Promise.all([
    client.committedOffsets(names.tasksGroup, taskPlaces, 'present'),
    ...POOLS.map((pool) =>
      client.committedOffsets(
        names.poolGroup(pool),
        partitionsOf(names.topic(executeTopic(pool)), partitions),
        'present',
      ),
    ),
  ])
  return new Map(groups.flatMap((group) => [...group].map(([key, { offset }]) => [key, offset] as const)))
}

/** The last answer while it is young enough; one look-up at a time. */
function cached(environment: Environment, maxAgeMs: number, ask: () => Promise<Offsets>): () => Promise<Offsets> {
  let known: Promise<Offsets> | null = null
  let askedAt = 0
  return () => {
    if (known === null || environment.monotonic() - askedAt >= maxAgeMs) {
      askedAt = environment.monotonic()
      const asked = ask()
      known = asked
      asked.catch(() => {
        if (known === asked) known = null
      })
    }
    return known
  }
}
