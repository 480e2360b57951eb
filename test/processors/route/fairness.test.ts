import { describe, expect, it } from 'vitest'
import type { TenantId } from '../../../schemas/ids.ts'
import type { TaskDriver } from '../../support/outcome.ts'
import { executed, limits, numbers, ready, released, routeTask } from './world.ts'

const WINDOW = 4

/** A full window of a tenant that nobody looks at, then `count` waiting steps of each tenant. */
function contended(tenants: { readonly [name: string]: { readonly weight: number; readonly count: number } }) {
  const task = routeTask({ window: WINDOW })
  const running: number[] = []
  const tenantOf = new Map<number, string>()
  let n = 0
  for (; n < WINDOW; n++) {
    task.send('route', ready(n, { tenant: 'warm' as TenantId }))
    running.push(n)
  }
  for (const [name, { weight, count }] of Object.entries(tenants)) {
    task.send('control', limits(name, 1, { weight }))
    for (let i = 0; i < count; i++) {
      tenantOf.set(n, name)
      task.send('route', ready(n++, { tenant: name as TenantId }))
    }
  }
  return { task, running, tenantOf, next: () => n++ }
}

/** Ends the attempt that has run longest, `times` times; how many of each tenant began. */
function drain(task: TaskDriver, running: number[], tenantOf: ReadonlyMap<number, string>, times: number) {
  const begun: { [tenant: string]: number } = {}
  for (let i = 0; i < times; i++) {
    const emits = task.send('route', released(running.shift()!))
    for (const n of numbers(executed(emits))) {
      running.push(n)
      const tenant = tenantOf.get(n)!
      begun[tenant] = (begun[tenant] ?? 0) + 1
    }
  }
  return begun
}

describe('turns among tenants', () => {
  it.each([
    ['equal', { a: { weight: 1, count: 500 }, b: { weight: 1, count: 500 } }, { a: 150, b: 150 }],
    ['by weight', { a: { weight: 1, count: 500 }, b: { weight: 2, count: 500 } }, { a: 100, b: 200 }],
    [
      'whatever anybody has waiting',
      { a: { weight: 1, count: 5000 }, b: { weight: 1, count: 200 }, c: { weight: 4, count: 300 } },
      { a: 50, b: 50, c: 200 },
    ],
  ])('are shared %s', (_name, tenants, expected) => {
    const { task, running, tenantOf } = contended(tenants)
    const begun = drain(task, running, tenantOf, 300)
    for (const [name, count] of Object.entries(expected)) {
      expect(Math.abs((begun[name] ?? 0) - count), `${name} began ${begun[name]}, fair is ${count}`).toBeLessThan(3)
    }
  })

  it('come to a tenant that arrives late within a round, however much another has waiting', () => {
    const { task, running, tenantOf, next } = contended({ flood: { weight: 1, count: 5000 } })
    drain(task, running, tenantOf, 200)
    const late = new Map<number, string>(tenantOf)
    const n = next()
    late.set(n, 'late')
    task.send('route', ready(n, { tenant: 'late' as TenantId }))
    expect(drain(task, running, late, 2)).toEqual({ flood: 1, late: 1 })
  })

  it('are not taken by a tenant that keeps coming back with one step', () => {
    const { task, running, tenantOf, next } = contended({ steady: { weight: 1, count: 500 } })
    const tenants = new Map<number, string>(tenantOf)
    let pecks = 0
    for (let i = 0; i < 100; i++) {
      const n = next()
      tenants.set(n, 'pecker')
      if (executed(task.send('route', ready(n, { tenant: 'pecker' as TenantId }))).length > 0) pecks++
      pecks += drain(task, running, tenants, 1).pecker ?? 0
    }
    expect(pecks).toBeLessThanOrEqual(52)
    expect(pecks).toBeGreaterThanOrEqual(48)
  })

  it('give no credit for time a tenant spent at its own limit', () => {
    const { task, running, tenantOf } = contended({ a: { weight: 1, count: 500 }, b: { weight: 1, count: 500 } })
    task.send('control', limits('b', 2, { maxConcurrency: 0 }))
    task.advance(0)
    expect(drain(task, running, tenantOf, 100)).toEqual({ a: 100 })
    task.send('control', limits('b', 3, {}))
    task.advance(0)
    expect(drain(task, running, tenantOf, 100)).toEqual({ a: 50, b: 50 })
  })
})

it('lets a tenant’s pools take turns with its slots', () => {
  const task = routeTask()
  task.send('control', limits('acme', 1, { maxConcurrency: 1 }))
  for (let n = 0; n < 40; n++) task.send('route', ready(n, { pool: n % 2 === 0 ? 'io' : 'cpu' }))
  let running = 0
  const begun: { [pool: string]: number } = {}
  for (let i = 0; i < 20; i++) {
    const emits = task.send('route', released(running))
    for (const { record } of emits)
      if (record.kind === 'StepStarted') begun[record.pool] = (begun[record.pool] ?? 0) + 1
    running = numbers(executed(emits))[0]!
  }
  expect(begun).toEqual({ io: 10, cpu: 10 })
})
