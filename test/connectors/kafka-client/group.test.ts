import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { realEnvironment } from '../../../connectors/environment.ts'
import { connectKafka } from '../../../connectors/kafka-client/client.ts'
import type {
  GroupMember,
  GroupOptions,
  KafkaClient,
  TopicPartition,
} from '../../../connectors/kafka-client/contract.ts'
import { GROUPS_TOOL } from '../../../load/kafka/console-tools.ts'
import type { Environment } from '../../../topology/environment.ts'
import { describeWithKafka } from '../../support/kafka.ts'
import { connect, createTopic } from './support.ts'

const PARTITIONS = 8
/** So long that a busy machine ends none by itself. */
const SESSION_MS = 20_000
/** Of members that are to lose it. */
const SHORT_SESSION_MS = 6_000

interface Watched {
  readonly client: KafkaClient
  readonly held: Set<number>
  /** Every call, in order. */
  readonly told: string[]
  member: GroupMember
}

/** An environment whose time can be stopped, as SIGSTOP does it to a process. */
function stoppable(): Environment & { stop(): void } {
  let stoppedAtMs: number | null = null
  return {
    ...realEnvironment,
    stop: () => {
      stoppedAtMs = realEnvironment.monotonic()
    },
    monotonic: () => stoppedAtMs ?? realEnvironment.monotonic(),
    after: (ms, callback) => realEnvironment.after(ms, () => stoppedAtMs === null && callback()),
  }
}

await describeWithKafka('a group', (kafka) => {
  const clients: KafkaClient[] = []
  let topic: string
  let partitions: readonly TopicPartition[]
  let setup: KafkaClient

  beforeAll(async () => {
    setup = await connect(kafka.bootstrap)
    topic = kafka.unique('group')
    await createTopic(setup, topic, PARTITIONS)
    partitions = Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition }))
  })
  afterAll(() => setup.close())
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.close()
  })

  async function join(groupId: string, options: Partial<GroupOptions> & { environment?: Environment } = {}) {
    const { environment = realEnvironment, ...rest } = options
    const client = await connectKafka({ brokers: kafka.bootstrap, clientId: 'member' }, environment)
    clients.push(client)
    const watched: Omit<Watched, 'member'> = { client, held: new Set(), told: [] }
    const member = await client.joinGroup({
      groupId,
      partitions,
      sessionTimeoutMs: SESSION_MS,
      rebalanceTimeoutMs: 10_000,
      heartbeatMs: 100,
      waitForRelease: true,
      ...rest,
      onAssigned(given) {
        for (const { partition } of given) watched.held.add(partition)
        watched.told.push(`+${given.map(({ partition }) => partition).sort()}`)
        rest.onAssigned?.(given)
      },
      async onRevoked(taken) {
        watched.told.push(`-${taken.map(({ partition }) => partition).sort()}`)
        await rest.onRevoked?.(taken)
        for (const { partition } of taken) watched.held.delete(partition)
      },
    })
    return Object.assign(watched, { member })
  }

  const divided = (members: readonly Watched[]) =>
    vi.waitFor(
      () => {
        const all = members.flatMap(({ held }) => [...held])
        expect(all.sort((left, right) => left - right)).toEqual(partitions.map(({ partition }) => partition))
        const sizes = members.map(({ held }) => held.size)
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1)
      },
      { timeout: 60_000, interval: 10 },
    )

  describe.each([true, false])('(waitForRelease: %s)', (waitForRelease) => {
    it('divides the partitions, moves only what has to move, and gives back what a leaving member held', async () => {
      const groupId = kafka.unique('moves')
      const first = await join(groupId, { waitForRelease })
      await divided([first])
      const second = await join(groupId, { waitForRelease })
      await divided([first, second])
      const third = await join(groupId, { waitForRelease })
      await divided([first, second, third])
      expect(first.told).toEqual([
        '+0,1,2,3,4,5,6,7',
        expect.stringMatching(/^-\d,\d,\d,\d$/),
        expect.stringMatching(/^-\d$/),
      ])
      expect(second.told.filter((call) => call.startsWith('-'))).toEqual([expect.stringMatching(/^-\d$/)])
      const before = [...second.held]
      await first.member.leave()
      expect(first.held.size).toBe(0)
      await divided([second, third])
      expect([...second.held]).toEqual(expect.arrayContaining(before))
      await second.member.leave()
      await third.member.leave()
    })
  })

  it('never lets two hold the same partition while members come and go, if it waits for release', async () => {
    const groupId = kafka.unique('exclusive')
    const holders = new Map<number, object>()
    const members: Watched[] = []
    const exclusive = (): Partial<GroupOptions> => {
      const self = {}
      return {
        onAssigned(given) {
          for (const { partition } of given) {
            if (holders.has(partition)) throw new Error(`${partition} is still held by another`)
            holders.set(partition, self)
          }
        },
        async onRevoked(taken) {
          await pause(20)
          for (const { partition } of taken) holders.delete(partition)
        },
      }
    }
    for (const action of ['+', '+', '+', '-', '+', '-', '-', '+']) {
      if (action === '+') members.push(await join(groupId, exclusive()))
      else await members.shift()!.member.leave()
    }
    await divided(members)
    expect(holders.size).toBe(PARTITIONS)
    for (const { member } of members) await member.leave()
  })

  it('gives what a killed member held to the others after the session timeout', async () => {
    const groupId = kafka.unique('killed')
    // a rebalance that waits for somebody takes longer than any test
    const survivor = await join(groupId, { rebalanceTimeoutMs: 1_800_000 })
    const killed = await join(groupId, { sessionTimeoutMs: SHORT_SESSION_MS, rebalanceTimeoutMs: 1_800_000 })
    await divided([survivor, killed])
    const killedAt = performance.now()
    // its session begins anew with everything that it asks for
    await killed.member.commitOffsets([...killed.held].map((partition) => ({ topic, partition, offset: 1 })))
    await killed.client.close()
    await divided([survivor])
    expect(performance.now() - killedAt).toBeGreaterThan(SHORT_SESSION_MS - 100)
    await survivor.member.leave()
  })

  it('refuses the commit of a member that was stopped beyond its session, and tells it that it has lost everything', async () => {
    const groupId = kafka.unique('zombie')
    const environment = stoppable()
    const zombie = await join(groupId, { environment, sessionTimeoutMs: SHORT_SESSION_MS })
    await divided([zombie])
    await zombie.member.commitOffsets([{ topic, partition: 0, offset: 1 }])
    environment.stop()
    const successor = await join(groupId)
    await divided([successor])
    await successor.member.commitOffsets([{ topic, partition: 0, offset: 5, metadata: 'by the successor' }])
    const commit = zombie.member.commitOffsets([{ topic, partition: 0, offset: 2 }])
    await expect(commit).rejects.toMatchObject({ code: 'FENCED' })
    expect(zombie.held.size).toBe(0)
    const found = await setup.committedOffsets(groupId, partitions)
    expect([...found.values()]).toEqual([{ topic, partition: 0, offset: 5, metadata: 'by the successor' }])
    await successor.member.leave()
  })

  it('takes commits during rebalances and of what is being let go, refuses those of others', async () => {
    const groupId = kafka.unique('commits')
    let next = 1
    const first: Watched = await join(groupId, {
      onRevoked: (taken) => first.member.commitOffsets(taken.map((each) => ({ ...each, offset: 1_000 }))),
    })
    await divided([first])
    let stop = false
    const committing = (async () => {
      while (!stop) {
        const kept = [...first.held].slice(0, 1)
        await first.member.commitOffsets(kept.map((partition) => ({ topic, partition, offset: next++ })))
      }
    })()
    const second = await join(groupId)
    await divided([first, second])
    const third = await join(groupId)
    await divided([first, second, third])
    await vi.waitFor(() => expect(next).toBeGreaterThan(10), 60_000)
    stop = true
    await committing
    const given = [...second.held, ...third.held]
    const found = await setup.committedOffsets(groupId, partitions)
    const kept = [...first.held][0]
    expect(found.get(`${topic}/${kept}`)?.offset).toBe(next - 1)
    for (const partition of given) expect(found.get(`${topic}/${partition}`)?.offset).toBe(1_000)
    const foreign = first.member.commitOffsets([{ topic, partition: given[0]!, offset: 1 }])
    await expect(foreign).rejects.toMatchObject({ code: 'FENCED' })
    for (const { member } of [first, second, third]) await member.leave()
  })

  it("can be shown by Kafka's own tool", async () => {
    const groupId = kafka.unique('shown')
    const { member } = await join(groupId)
    await member.commitOffsets([{ topic, partition: 3, offset: 42 }])
    const args = ['--bootstrap-server', kafka.bootstrap.join(','), '--describe', '--group', groupId]
    const { stdout } = await kafka.tool(GROUPS_TOOL, args)
    expect(stdout).toMatch(new RegExp(`${groupId}\\s+${topic}\\s+3\\s+42\\s+0\\s+-42\\s+member-`))
    await member.leave()
    const after = await kafka.tool(GROUPS_TOOL, args)
    expect(after.stderr + after.stdout).toContain('has no active members')
  })

  it('goes on without a member that never lets go', async () => {
    const groupId = kafka.unique('stuck')
    const stuck = await join(groupId, { onRevoked: () => new Promise(() => {}), rebalanceTimeoutMs: 500 })
    await divided([stuck])
    const other = await join(groupId, { rebalanceTimeoutMs: 500 })
    await vi.waitFor(() => expect(other.held.size).toBe(PARTITIONS / 2), { timeout: 60_000 })
    await stuck.member.leave()
    await divided([other])
    await other.member.leave()
  })
})
