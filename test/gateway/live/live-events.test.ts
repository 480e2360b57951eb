import { afterEach, describe, expect, it } from 'vitest'
import { type EventFilter, eventFilter } from '../../../gateway/live/event-filter.ts'
import type { LiveEvents } from '../../../gateway/live/live-events.ts'
import type { Start } from '../../../gateway/live/starting-point.ts'
import { Random } from '../../../load/process/random.ts'
import type { RunId, TenantId } from '../../../schemas/ids.ts'
import type { Log } from '../../../topology/log/port.ts'
import {
  accepted,
  completed,
  type EventsWorld,
  FakeOutlet,
  openEvents,
  type SeenEvent,
  skipped,
  someRun,
} from './support.ts'

const tenant = 'default' as TenantId
const everything = eventFilter(tenant, null, null, [], [])
const now: Start = { from: 'now' }
const first: Start = { from: 'first' }

let world: EventsWorld
afterEach(() => world.close())

async function connect(hub: LiveEvents, filter: EventFilter = everything, start = now, outlet = new FakeOutlet()) {
  const begin = await hub.prepare(filter, start)
  begin(outlet)
  return outlet
}

const places = (events: readonly SeenEvent[]): string[] => events.map(({ data }) => String(data['position']))
const kinds = (events: readonly SeenEvent[]): string[] => events.map(({ data }) => String(data['kind']))

/** `count` events on each of four partitions, in bursts. */
async function produce(count: number, random: Random): Promise<void> {
  const left = [count, count, count, count]
  while (left.some((each) => each > 0)) {
    const partition = random.between(0, 3)
    const burst = Math.min(left[partition]!, random.between(1, 20))
    left[partition]! -= burst
    const run = someRun(partition)
    if (burst > 0) await world.append(partition, ...Array.from({ length: burst }, (_, n) => skipped(run, `s${n}`)))
    if (random.share() < 0.3) await new Promise<void>((resolve) => setImmediate(resolve))
  }
}

function expectAll(events: readonly SeenEvent[], count: number): void {
  for (let partition = 0; partition < 4; partition++) {
    const seen = places(events).filter((place) => place.startsWith(`events/${partition}/`))
    expect(seen).toEqual(Array.from({ length: count }, (_, offset) => `events/${partition}/${offset}`))
  }
}

describe('a client that is cut off', () => {
  it.each([1, 2, 3])('100 times, at any byte, misses nothing and sees nothing twice (seed %i)', async (seed) => {
    world = openEvents()
    const random = new Random(seed)
    const count = 1500
    const hubs = [world.hub(), world.hub()]
    const seen: SeenEvent[] = []
    let cuts = 0
    let lastEventId = ''
    const producing = produce(count, random)
    while (seen.length < 4 * count) {
      // sometimes to the other gateway, sometimes to one that has just started
      const choice = random.between(0, 3)
      const hub = choice === 3 ? world.hub() : hubs[choice % 2]!
      const outlet = new FakeOutlet()
      if (cuts < 100) outlet.breakAfter = random.between(1, 20_000)
      await connect(hub, everything, lastEventId === '' ? first : { lastEventId }, outlet)
      await outlet.until(() => outlet.gone || seen.length + outlet.parser.events.length >= 4 * count)
      if (outlet.gone) cuts++
      outlet.destroy()
      seen.push(...outlet.parser.events)
      if (outlet.parser.lastId !== '') lastEventId = outlet.parser.lastId
    }
    await producing
    expect(cuts).toBeGreaterThanOrEqual(100)
    expectAll(seen, count)
  })

  it('before its first event continues from where it began', async () => {
    world = openEvents()
    const hub = world.hub()
    const outlet = await connect(hub)
    await outlet.until(() => outlet.parser.lastId !== '')
    outlet.destroy()
    const run = someRun(1)
    await world.append(1, accepted(run, 'a'), completed(run))
    const again = await connect(hub, everything, { lastEventId: outlet.parser.lastId })
    await again.until(() => again.parser.events.length === 2)
    expect(places(again.parser.events)).toEqual(['events/1/0', 'events/1/1'])
  })
})

describe('a stream', () => {
  it('says what happened without payloads', async () => {
    world = openEvents(1)
    const outlet = await connect(world.hub())
    const run = someRun(0)
    await world.append(0, accepted(run, 'hello'), completed(run))
    await outlet.until(() => outlet.parser.events.length === 2)
    const [begun, ended] = outlet.parser.events.map(({ data }) => data)
    expect(begun).toMatchObject({ kind: 'RunAccepted', run_id: run, tenant_id: 'default', flow: 'hello', at_ms: 1 })
    expect(begun).toMatchObject({ input_bytes: 7, metadata_bytes: null, position: 'events/0/0' })
    expect(ended).toMatchObject({ kind: 'RunCompleted', output_bytes: 6, position: 'events/0/1' })
    expect(begun).not.toHaveProperty('input')
  })

  const runs = [someRun(0), someRun(0), someRun(0)] as const
  const cases: [string, EventFilter, string[]][] = [
    ['tenant', eventFilter('other' as TenantId, null, null, [], []), ['RunAccepted', 'RunCompleted']],
    ['run', eventFilter(tenant, runs[1], null, [], []), ['RunAccepted', 'StepSkipped']],
    ['type', eventFilter(tenant, null, null, ['RunCompleted'], []), ['RunCompleted']],
    [
      'status',
      eventFilter(tenant, null, null, [], ['accepted', 'completed']),
      ['RunAccepted', 'RunAccepted', 'RunCompleted'],
    ],
    ['type and status', eventFilter(tenant, null, null, ['RunCompleted'], ['accepted']), []],
    ['flow', eventFilter(tenant, null, 'b', [], []), ['RunAccepted', 'StepSkipped']],
  ]
  it.each(cases)('is filtered by %s, live and from the log', async (_name, filter, expected) => {
    world = openEvents(1)
    const hub = world.hub()
    const live = await connect(hub, filter)
    const all = await connect(hub)
    const [a, b, c] = runs
    await world.append(0, accepted(a, 'a'), accepted(b, 'b'), accepted(c, 'b', 'other' as TenantId))
    await world.append(0, skipped(b, 'x'), completed(a), completed(c, 'other' as TenantId))
    await all.until(() => all.parser.events.length === 4)
    const replayed = await connect(world.hub(), filter, first)
    await replayed.until(() => replayed.parser.events.length >= expected.length)
    await live.until(() => live.parser.events.length >= expected.length)
    expect(kinds(live.parser.events)).toEqual(expected)
    expect(kinds(replayed.parser.events)).toEqual(expected)
  })

  it('asks the read model for flows of runs that began before', async () => {
    world = openEvents(1)
    const [known, forgotten] = [someRun(0), someRun(0)]
    const getRun = async (_tenant: TenantId, runId: RunId) => (runId === known ? ({ flow: 'b' } as never) : null)
    const environment = { ...instantly(), soon: (callback: () => void) => void setImmediate(callback) }
    const hub = world.hub({}, { readModel: { getRun }, environment })
    const outlet = await connect(hub, eventFilter(tenant, null, 'b', [], []))
    const other = await connect(hub)
    await world.append(0, skipped(known, 'x'))
    await outlet.until(() => outlet.parser.events.length === 1)
    await world.append(0, skipped(forgotten, 'x'))
    await outlet.until(() => outlet.ended)
    expect(outlet.parser.events[1]).toMatchObject({ event: 'snapshot_required', data: { reason: 'flow_unknown' } })
    await other.until(() => other.parser.events.length === 2)
  })
})

/** Time passes at once: what is to come after a while comes in the next turn. */
function instantly() {
  return {
    now: () => 0,
    monotonic: () => 0,
    randomU32: () => 1,
    after(ms: number, callback: () => void) {
      // what lasts is not over yet
      if (ms >= 1000) return () => {}
      const immediate = setImmediate(callback)
      return () => clearImmediate(immediate)
    },
  }
}

describe('a client that is brought up while more happens than recent events reach back', () => {
  const RECENT = 4_096
  const WATCHED_EVERY = 100
  const watched = eventFilter(tenant, null, 'watched', [], [])
  /** Runs that are accepted, one in a hundred of the flow that is followed. */
  let made = 0
  const burst = (count: number) =>
    Array.from({ length: count }, () => accepted(someRun(0), made++ % WATCHED_EVERY === 0 ? 'watched' : 'other'))
  const expected = () =>
    Array.from({ length: Math.ceil(made / WATCHED_EVERY) }, (_, n) => `events/0/${n * WATCHED_EVERY}`)

  it('is sent everything once, and follows', async () => {
    made = 0
    world = openEvents(1)
    const { log } = world
    let replays = 0
    // each read of the replay waits until the stream has moved on by more than that read brings
    const read: Log['read'] = (topic, partition, from) => {
      const reader = log.read(topic, partition, from)
      // the stream's own
      if (typeof from === 'object' && 'offset' in from && from.offset === begun) return reader
      replays++
      const next = async (max: number) => {
        await world.append(0, ...burst(400))
        await expect.poll(() => witness.parser.lastId).toMatch(new RegExp(`\\.${made}$`))
        return reader.next(max)
      }
      return {
        next,
        close: () => reader.close(),
        get position() {
          return reader.position
        },
      } as never
    }
    const moving = { partitions: 1, id: log.id, describe: () => log.describe(), read } as never
    await world.append(0, ...burst(RECENT + 500))
    const begun = made
    const hub = world.hub({}, { log: moving })
    const witness = await connect(hub, eventFilter(tenant, null, 'other', ['RunAccepted'], []), now)
    const outlet = await connect(hub, watched, first)
    await expect.poll(() => expected().length - outlet.parser.events.length, { timeout: 20_000 }).toBe(0)
    expect(replays).toBe(1)
    await world.append(0, ...burst(1_000))
    await expect.poll(() => places(outlet.parser.events)).toEqual(expected())
    const again = await connect(hub, watched, { lastEventId: outlet.parser.events.at(-1)!.id })
    await world.append(0, ...burst(WATCHED_EVERY))
    await expect.poll(() => places(again.parser.events)).toEqual(expected().slice(-1))
  })
})

describe('a client that cannot be continued', () => {
  const snapshot = async (hub: LiveEvents, start: Start) => {
    const outlet = await connect(hub, everything, start)
    await outlet.until(() => outlet.ended)
    const [event] = outlet.parser.events
    expect(event).toMatchObject({ event: 'snapshot_required', data: { position: outlet.parser.lastId } })
    return event!.data['reason']
  }

  it('is told why, and from where it may go on', async () => {
    world = openEvents(2)
    const run = someRun(0)
    await world.append(0, accepted(run, 'a'), skipped(run, 'b'), completed(run))
    const hub = world.hub({ maxReplayEvents: 2 })
    const outlet = await connect(hub)
    await outlet.until(() => outlet.parser.lastId !== '')
    const [mark] = outlet.parser.lastId.split('.')
    const at = (position: string): Start => ({ lastEventId: `${mark}.${position}` })
    expect(await snapshot(hub, at('4.0'))).toBe('beyond_end')
    expect(await snapshot(hub, at('0.0'))).toBe('too_far_behind')
    expect(await snapshot(hub, first)).toBe('too_far_behind')
    expect(await snapshot(hub, at('3'))).toBe('other_log')
    expect(await snapshot(hub, { lastEventId: 'zzz.1.0' })).toBe('other_log')
    const far = await connect(hub, everything, at('1.0'))
    await far.until(() => far.parser.events.length === 2)
  })

  it('because it is too old is told so', async () => {
    world = openEvents(1)
    const { log } = world
    const run = someRun(0)
    await world.append(0, accepted(run, 'a'), completed(run))
    const trimmed = { ...described(log, 1), partitions: 1, id: log.id, read: log.read.bind(log) } as never
    const hub = world.hub({}, { log: trimmed })
    const start = await connect(hub)
    const [mark] = start.parser.lastId.split('.')
    expect(await snapshot(hub, { lastEventId: `${mark}.0` })).toBe('too_old')
    const rest = await connect(hub, everything, { lastEventId: `${mark}.1` })
    await rest.until(() => rest.parser.events.length === 1)
  })

  it('because it is slow is told so, and takes what it was sent', async () => {
    world = openEvents(1)
    const hub = world.hub({ maxWaitingBytes: 5_000 })
    const slow = await connect(hub)
    const quick = await connect(hub)
    await slow.until(() => slow.parser.lastId !== '')
    slow.slow = true
    const run = someRun(0)
    for (let n = 0; n < 100; n++) await world.append(0, skipped(run, `s${n}`))
    await quick.until(() => quick.parser.events.length === 100)
    await slow.until(() => slow.ended)
    // at most one more batch than the bound, however much came
    const waiting = slow.waitingBytes
    await world.append(0, skipped(run, 'late'))
    await quick.until(() => quick.parser.events.length === 101)
    expect(slow.waitingBytes).toBe(waiting)
    slow.take()
    expect(slow.parser.events.at(-1)).toMatchObject({ event: 'snapshot_required', data: { reason: 'slow_client' } })
    const before = slow.parser.events.slice(0, -1)
    expect(places(before)).toEqual(before.map((_, n) => `events/0/${n}`))
    expect(hub.clients).toBe(1)
  })

  it('because its id is none is refused', async () => {
    world = openEvents(2)
    await expect(world.hub().prepare(everything, { lastEventId: 'x' })).rejects.toMatchObject({
      code: 'invalid_request',
      message: expect.stringMatching(/^Last-Event-ID is "x"; expected .* such as \w+\.0\.0$/),
    })
  })
})

function described(log: EventsWorld['log'], firstOffset: number) {
  return { describe: async () => (await log.describe()).map((info) => ({ ...info, firstOffset })) }
}

describe('clients', () => {
  it('are bounded, and leave their place when they go', async () => {
    world = openEvents(1)
    const hub = world.hub({ maxClients: 2 })
    const [one] = [await connect(hub), await connect(hub)]
    await expect(hub.prepare(everything, now)).rejects.toMatchObject({ code: 'service_overloaded', retryAfterS: 5 })
    one.destroy()
    await connect(hub)
    expect(hub.clients).toBe(2)
  })

  it('hear a heartbeat that carries the position', async () => {
    const timers = new Map<() => void, number>()
    const environment = {
      ...instantly(),
      soon: (callback: () => void) => void setImmediate(callback),
      after(ms: number, callback: () => void) {
        if (ms < 1000) return instantly().after(ms, callback)
        timers.set(callback, ms)
        return () => timers.delete(callback)
      },
    }
    world = openEvents(1)
    const hub = world.hub({}, { environment })
    const choosy = await connect(hub, eventFilter(tenant, null, null, ['RunFailed'], []))
    const all = await connect(hub)
    const run = someRun(0)
    await world.append(0, accepted(run, 'a'))
    await all.until(() => all.parser.events.length === 1)
    const [heartbeat] = [...timers].filter(([, ms]) => ms === 15_000).map(([callback]) => callback)
    heartbeat!()
    await choosy.until(() => choosy.parser.comments.length === 1)
    expect(choosy.parser.comments).toEqual(['heartbeat'])
    expect(choosy.parser.lastId).toBe(all.parser.lastId)
    expect(choosy.parser.events).toEqual([])
  })

  it('are kept when a reader gives nothing because it has moved on over what is no record', async () => {
    world = openEvents(1)
    const { log } = world
    let empty = 0
    const read = (...args: Parameters<typeof log.read>) => {
      const reader = log.read(...args)
      let turn = 0
      return {
        async next(max: number) {
          if (turn++ % 2 === 1) return reader.next(max)
          empty++
          return []
        },
        close: () => reader.close(),
        get position() {
          return reader.position
        },
      }
    }
    const moving = { partitions: 1, id: log.id, describe: () => log.describe(), read } as never
    const run = someRun(0)
    await world.append(0, accepted(run, 'a'))
    const outlet = await connect(world.hub({}, { log: moving }), everything, first)
    await outlet.until(() => outlet.parser.events.length === 1)
    await world.append(0, completed(run))
    await outlet.until(() => outlet.parser.events.length === 2)
    expect(outlet.gone).toBe(false)
    expect(empty).toBeGreaterThan(1)
  })

  it('are let go when the log fails, and come back', async () => {
    world = openEvents(1)
    const { log } = world
    let broken: (() => void) | null = null
    const read = (...args: Parameters<typeof log.read>) => {
      const reader = log.read(...args)
      const failure = new Promise<never>((_, reject) => {
        broken ??= () => reject(new Error('broken'))
      })
      failure.catch(() => {})
      return {
        next: (max: number) => Promise.race([reader.next(max), failure]),
        close: () => reader.close(),
        get position() {
          return reader.position
        },
      }
    }
    const failing = { partitions: 1, id: log.id, describe: () => log.describe(), read } as never
    const hub = world.hub({}, { log: failing })
    const outlet = await connect(hub)
    await outlet.until(() => outlet.parser.lastId !== '')
    broken!()
    await outlet.until(() => outlet.gone)
    expect(outlet.parser.events).toEqual([])
    const run = someRun(0)
    await world.append(0, accepted(run, 'a'))
    const again = await connect(hub, everything, { lastEventId: outlet.parser.lastId })
    await again.until(() => again.parser.events.length === 1)
  })
})
