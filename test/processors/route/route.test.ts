import { describe, expect, it } from 'vitest'
import { createRoute, type RouteOptions } from '../../../processors/route/route.ts'
import { LANES, QUEUE, STICKY, TOKENS } from '../../../processors/route/stores.ts'
import type { TenantId } from '../../../schemas/ids.ts'
import { executed, INPUT, limits, numbers, ready, released, routeTask, START_MS, worker } from './world.ts'

describe('a step that is ready', () => {
  it('is handed to a partition of its pool at once', () => {
    const task = routeTask()
    const emits = task.send('route', ready(1, { pool: 'cpu', priority: 7 }))
    const { ok: _, ...given } = { ...INPUT, ok: true } as Extract<typeof INPUT, { ok: true }>
    const step = { runId: ready(1).runId, stepId: ready(1).stepId, attempt: 1, tenant: 'acme' }
    expect(emits).toEqual([
      {
        topic: 'execute.cpu',
        partition: 0,
        record: { kind: 'ExecuteStep', ...step, ...given, priority: 7, weight: 1, carried: 0 },
      },
      {
        topic: 'events',
        partition: 0,
        record: {
          kind: 'StepStarted',
          ...step,
          atMs: START_MS,
          causeTopic: 'route',
          causeOffset: 1,
          pool: 'cpu',
          poolPartition: 0,
        },
      },
    ])
  })

  it.each([
    ['window', { window: 1 }, limits('acme', 1)],
    ['concurrency', {}, limits('acme', 1, { maxConcurrency: 1 })],
    ['rate', {}, limits('acme', 1, { ratePerSecond: 1, burst: 1 })],
  ] as const)('waits for the %s and says so once', (reason, options, policy) => {
    const task = routeTask(options)
    task.send('control', policy)
    expect(executed(task.send('route', ready(1)))).toHaveLength(1)
    const emits = task.send('route', ready(2))
    expect(emits.map(({ record }) => record)).toMatchObject([{ kind: 'StepQueued', attempt: 1, pool: 'io', reason }])
    if (reason === 'rate') expect(numbers(executed(task.advance(1000)))).toEqual([2])
    else expect(numbers(executed(task.send('route', released(1))))).toEqual([2])
    expect(task.emits.filter(({ record }) => record.kind === 'StepQueued')).toHaveLength(1)
    expect(task.state.rows(LANES).size).toBe(0)
  })

  it('is ignored when it is known already', () => {
    const task = routeTask({ window: 1 })
    task.send('route', ready(1))
    task.send('route', ready(2))
    expect(task.send('route', ready(1))).toEqual([])
    expect(task.send('route', ready(2))).toEqual([])
    expect(task.counts).toEqual({ late_commands_dropped: 2 })
  })

  it('takes the place of an earlier attempt', () => {
    const task = routeTask({ window: 1 })
    task.send('route', ready(1))
    expect(executed(task.send('route', ready(1, { attempt: 2 })))).toMatchObject([{ attempt: 2 }])
    expect(task.state.rows(QUEUE).size).toBe(1)
  })

  it('goes by priority, then by order of arrival', () => {
    const task = routeTask({ window: 1 })
    task.send('route', ready(0))
    const priorities = [3, 9, 3, 0, 9]
    priorities.forEach((priority, i) => void task.send('route', ready(i + 1, { priority })))
    const order: number[] = [0]
    while (order.length < 6) order.push(...numbers(executed(task.send('route', released(order.at(-1)!)))))
    expect(order).toEqual([0, 2, 5, 1, 3, 4])
  })
})

describe('input that cannot be given', () => {
  const error = {
    code: 'TEMPLATE_VALUE_MISSING',
    message: 'no such value',
    class: 'permanent',
    retryAfterMs: null,
  } as const
  const failing: RouteOptions = {
    window: 1,
    attemptInput: (_turn, runId) => (runId.endsWith('0') ? INPUT : { ok: false, error: { ...error, detail: null } }),
  }

  it.each([
    ['when the step is ready', 1],
    ['when its turn comes', 0],
  ])('ends the attempt without taking a slot, %s', (_when, first) => {
    const task = routeTask(failing)
    const blocker = first === 0 ? [ready(0)] : []
    for (const record of [...blocker, ready(1), ready(2)]) task.send('route', record)
    if (first === 0) task.send('route', released(0))
    const ended = task.emits.flatMap(({ topic, record }) =>
      topic === 'result' && record.kind === 'AttemptFinished' ? [record] : [],
    )
    expect(numbers(ended)).toEqual([1, 2])
    expect(ended[0]).toMatchObject({ status: 'error', workerId: 'route', error: { code: error.code } })
    expect(task.state.rows(QUEUE).size).toBe(0)
    expect(task.state.rows(LANES).size).toBe(0)
  })

  it('drops a step that nobody wants any more', () => {
    const task = routeTask({ attemptInput: () => null })
    expect(task.send('route', ready(1))).toEqual([])
    expect(task.state.rows(QUEUE).size).toBe(0)
  })

  it('looks at very many such steps in several turns', () => {
    let wanted = true
    const task = routeTask({ window: 1, attemptInput: () => (wanted ? INPUT : null) })
    for (let n = 0; n <= 2500; n++) task.send('route', ready(n))
    wanted = false
    task.send('route', released(0))
    expect(task.state.rows(QUEUE).size).toBe(1500)
    task.advance(0)
    expect(task.state.rows(QUEUE).size).toBe(0)
    expect(task.state.rows(LANES).size).toBe(0)
  })
})

describe('a released slot', () => {
  const task = () => {
    const driver = routeTask({ window: 1 })
    for (const n of [1, 2, 3]) driver.send('route', ready(n))
    return driver
  }

  it.each([
    ['of a finished attempt goes to the next', released(1), [2], []],
    ['of a withdrawn attempt cancels it and goes to the next', released(1, { reason: 'withdrawn' }), [2], [1]],
    ['of a waiting step only takes it out of the queue', released(2, { reason: 'withdrawn' }), [], []],
    ['of another attempt is not touched', released(1, { attempt: 2 }), [], []],
    ['of an unknown step changes nothing', released(9), [], []],
  ])('%s', (_name, record, begun, cancelled) => {
    const emits = task().send('route', record)
    expect(numbers(executed(emits))).toEqual(begun)
    const cancels = emits.flatMap(({ record: what }) => (what.kind === 'CancelStep' ? [what] : []))
    expect(numbers(cancels)).toEqual(cancelled)
  })

  it('leaves nothing behind after the last one', () => {
    const driver = task()
    for (const n of [3, 1, 2]) driver.send('route', released(n))
    expect(driver.state.snapshot()).toEqual({ workers: { 'io/0': { workerId: '', capacity: 0, seenAtMs: START_MS } } })
  })
})

describe('a change of limits', () => {
  it('leaves a way out for runs that lie where the tenant has no share any more', () => {
    const partitions = [0, 1, 2, 3]
    const started = partitions.map((partition) => {
      const task = routeTask({}, 4, partition)
      task.send('control', limits('acme', 1, { spread: 1, maxConcurrency: 3, ratePerSecond: 10, burst: 2 }))
      const emits = [1, 2, 3, 4].flatMap((n) => task.send('route', ready(n)))
      const more = task.advance(99).length
      const later = [1, 2].flatMap((n) => [...task.send('route', released(n)), ...task.advance(100)])
      return { at_once: numbers(executed(emits)), more, later: numbers(executed(later)) }
    })
    const here = { at_once: [1, 2], more: 0, later: [3, 4] }
    const left = { at_once: [1], more: 0, later: [2, 3] }
    expect(started.filter(({ at_once }) => at_once.length > 1)).toEqual([here])
    expect(started.filter(({ at_once }) => at_once.length <= 1)).toEqual([left, left, left])
  })

  it('lets waiting steps go when the limit is raised', () => {
    const task = routeTask()
    task.send('control', limits('acme', 1, { maxConcurrency: 1 }))
    for (const n of [1, 2, 3, 4]) task.send('route', ready(n))
    task.send('control', limits('acme', 2, { maxConcurrency: 3 }))
    expect(numbers(executed(task.advance(0)))).toEqual([2, 3])
  })

  it('waits for attempts to end when it is lowered', () => {
    const task = routeTask()
    for (const n of [1, 2, 3]) task.send('route', ready(n))
    task.send('control', limits('acme', 1, { maxConcurrency: 1 }))
    task.send('route', ready(4))
    expect([1, 2].flatMap((n) => executed(task.send('route', released(n))))).toEqual([])
    expect(numbers(executed(task.send('route', released(3))))).toEqual([4])
  })

  it('keeps rows that can be stored however slowly a large bucket fills', () => {
    const task = routeTask()
    task.send('control', limits('acme', 1, { ratePerSecond: 1, burst: 1 }))
    task.send('route', ready(1))
    task.send('control', limits('acme', 2, { ratePerSecond: 1e-6, burst: 1e9 }))
    task.advance(0)
    task.send('route', ready(2))
    expect(() => TOKENS.type.toBuffer(task.state.rows(TOKENS).get('acme')!)).not.toThrow()
    task.send('control', limits('acme', 3, { ratePerSecond: 1e-300, burst: 1 }))
    task.advance(0)
    for (const row of task.state.rows(LANES).values()) expect(() => LANES.type.toBuffer(row)).not.toThrow()
  })

  it('wakes a tenant whose rate was nothing', () => {
    const task = routeTask()
    task.send('control', limits('acme', 1, { ratePerSecond: 0 }))
    task.send('route', ready(1))
    expect(task.advance(1_000_000)).toEqual([])
    task.send('control', limits('acme', 2, { ratePerSecond: 2 }))
    expect(numbers(executed(task.advance(0)))).toEqual([1])
  })
})

it('starts no more than the burst and the rate allow in any stretch of time, and no less', () => {
  const task = routeTask()
  task.send('control', limits('acme', 1, { ratePerSecond: 4, burst: 3 }))
  const starts: number[] = []
  for (let n = 0; n < 40; n++) {
    for (const _ of executed(task.send('route', ready(n)))) starts.push(task.now)
  }
  for (let ms = 0; ms < 12_000; ms++) for (const _ of executed(task.advance(1))) starts.push(task.now)
  expect(starts).toEqual(Array.from({ length: 40 }, (_, i) => START_MS + Math.max(0, i - 2) * 250))
  task.advance(1000)
  expect(task.state.rows(TOKENS).size).toBe(0)
})

describe('placement', () => {
  it('prefers partitions with a worker, and the less loaded', () => {
    const task = routeTask({}, 8)
    for (const partition of [2, 5]) task.send('route', worker(partition, 'w1'))
    const counts = new Map<number, number>()
    for (let n = 0; n < 100; n++) {
      const [step] = executed(task.send('route', ready(n)))
      counts.set(step!.partition, (counts.get(step!.partition) ?? 0) + 1)
    }
    expect([...counts.keys()].sort()).toEqual([2, 5])
    expect(counts.get(2)).toBe(50)
  })

  it('assigns anyway when no worker is known, spread over all partitions', () => {
    const task = routeTask({}, 4)
    const steps = Array.from({ length: 60 }, (_, n) => executed(task.send('route', ready(n)))[0]!)
    const counts = [0, 1, 2, 3].map((partition) => steps.filter((step) => step.partition === partition).length)
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(4)
  })

  it('loads partitions by the capacity of their workers', () => {
    const task = routeTask({}, 2)
    task.send('route', worker(0, 'small', { capacity: 1 }))
    task.send('route', worker(1, 'large', { capacity: 9 }))
    const steps = Array.from({ length: 100 }, (_, n) => executed(task.send('route', ready(n)))[0]!)
    expect(steps.filter((step) => step.partition === 1).length).toBeGreaterThanOrEqual(88)
  })

  const sticky = { stickyKey: 'session-1', stickyTtlMs: 60_000 }
  const partitionOf = (task: ReturnType<typeof routeTask>, n: number, fields: Parameters<typeof ready>[1] = sticky) =>
    executed(task.send('route', ready(n, fields)))[0]!.partition

  it('keeps to the sticky partition while its worker owns it', () => {
    const task = routeTask({}, 8)
    for (let p = 0; p < 8; p++) task.send('route', worker(p, 'w1'))
    const first = partitionOf(task, 0)
    for (let n = 1; n < 20; n++) expect(partitionOf(task, n)).toBe(first)
    expect(task.counts).toEqual({ sticky_hits: 19, sticky_misses: 1 })
    task.send('route', worker(first, 'w2'))
    partitionOf(task, 20)
    expect(task.counts.sticky_misses).toBe(2)
  })

  it('comes to the same worker on every task', () => {
    const chosen = [0, 1, 2, 3].map((partition) => {
      const task = routeTask({}, 8, partition)
      // so that the tasks draw different numbers
      for (let n = 0; n < partition; n++) task.send('route', released(100))
      for (let n = 0; n < 8; n++) task.send('route', worker(n, `w${n}`))
      return ['k1', 'k2', 'k3', 'k4'].map((stickyKey, n) => partitionOf(task, n, { ...sticky, stickyKey }))
    })
    expect(new Set(chosen.map(String)).size).toBe(1)
    expect(new Set(chosen[0]).size).toBeGreaterThan(1)
  })

  it('remembers so many keys at most, and forgets the oldest', () => {
    const task = routeTask({ maxStickyKeys: 3 }, 8)
    for (let n = 0; n < 5; n++) partitionOf(task, n, { ...sticky, stickyKey: `k${n}` })
    expect([...task.state.rows(STICKY).keys()]).toEqual(['acme/io/k2', 'acme/io/k3', 'acme/io/k4'])
    partitionOf(task, 5, { ...sticky, stickyKey: 'k2' })
    expect(task.counts).toEqual({ sticky_hits: 1, sticky_misses: 5 })
  })

  it('forgets the sticky partition when the time is over, but not while it is used', () => {
    const task = routeTask({}, 8)
    partitionOf(task, 0)
    task.advance(40_000)
    partitionOf(task, 1)
    task.advance(40_000)
    partitionOf(task, 2)
    expect(task.counts).toEqual({ sticky_hits: 2, sticky_misses: 1 })
    task.advance(60_000)
    expect(task.state.snapshot().sticky).toBeUndefined()
    partitionOf(task, 3)
    expect(task.counts.sticky_misses).toBe(2)
  })

  it('keeps tenants, pools and keys apart', () => {
    const task = routeTask({}, 8)
    partitionOf(task, 0)
    partitionOf(task, 1, { ...sticky, tenant: 'other' as TenantId })
    partitionOf(task, 2, { ...sticky, pool: 'cpu' })
    partitionOf(task, 3, { ...sticky, stickyKey: 'session-2' })
    expect(task.counts).toEqual({ sticky_misses: 4 })
  })
})

describe('a worker', () => {
  it.each([
    ['that left is not preferred any more', [worker(1, 'w1', { state: 'revoked' })], [0, 1]],
    [
      'that left after another took over takes nothing away',
      [worker(1, 'w2'), worker(1, 'w1', { state: 'revoked' })],
      [1],
    ],
  ])('%s', (_name, changes, partitions) => {
    const task = routeTask({}, 2)
    for (const change of [worker(1, 'w1'), ...changes]) task.send('route', change)
    const used = Array.from({ length: 20 }, (_, n) => executed(task.send('route', ready(n)))[0]!.partition)
    expect([...new Set(used)].sort()).toEqual(partitions)
  })
})

it.each([
  [{ window: 0 }, "route option 'window' is 0; expected a whole number of at least 1"],
  [{ graceMs: -1 }, "route option 'graceMs' is -1; expected a whole number of at least 0"],
  [{ longestMs: 1.5 }, "route option 'longestMs' is 1.5; expected a whole number of at least 0"],
])('refuses options %j', (options, message) => {
  expect(() => createRoute(options)).toThrow(message)
})
