import { describe, expect, it } from 'vitest'
import { createPrng } from './prng.ts'
import { Scheduler } from './scheduler.ts'

async function drain(scheduler: Scheduler): Promise<void> {
  while (await scheduler.step());
}

/** The order in which ten callbacks and what they set off ran. */
async function order(seed: number): Promise<string[]> {
  const scheduler = new Scheduler(createPrng(seed))
  const { environment } = scheduler.process('p', createPrng(seed, 'p'))
  const ran: string[] = []
  for (let index = 0; index < 10; index++) {
    environment.soon(async () => {
      ran.push(`${index}`)
      await null
      ran.push(`${index}'`)
      environment.after(index, () => ran.push(`${index}"`))
    })
  }
  await drain(scheduler)
  return ran
}

describe('Scheduler', () => {
  it('runs everything in an order that the seed alone decides', async () => {
    expect(await order(1)).toEqual(await order(1))
    expect(await order(1)).not.toEqual(await order(2))
    expect((await order(1)).length).toBe(30)
  })

  it('lets microtasks finish before the next callback', async () => {
    const ran = await order(3)
    for (let index = 0; index < 10; index++) expect(ran[ran.indexOf(`${index}`) + 1]).toBe(`${index}'`)
  })

  it('never calls back too early, and time does not go back', async () => {
    const scheduler = new Scheduler(createPrng(1))
    const { environment } = scheduler.process('p', createPrng(1))
    let last = 0
    for (const ms of [500, 0, 3, 90, 3, 10_000]) {
      environment.after(ms, () => {
        expect(environment.monotonic()).toBeGreaterThanOrEqual(Math.max(ms, last))
        last = environment.monotonic()
      })
    }
    await drain(scheduler)
    expect(scheduler.steps).toBe(6)
  })

  it('calls nothing of a process that has died, and nothing that was cancelled', async () => {
    const scheduler = new Scheduler(createPrng(1))
    const [dies, lives] = [scheduler.process('a', createPrng(1)), scheduler.process('b', createPrng(1))]
    const ran: string[] = []
    dies.environment.after(10, () => ran.push('dead'))
    lives.environment.after(10, () => ran.push('alive'))
    lives.environment.after(10, () => ran.push('cancelled'))()
    dies.alive = false
    dies.environment.soon(() => ran.push('dead'))
    await drain(scheduler)
    expect(ran).toEqual(['alive'])
  })

  it('holds back a process that stands still, and lets it go on', async () => {
    const scheduler = new Scheduler(createPrng(1))
    const still = scheduler.process('a', createPrng(1))
    let ranAt = 0
    still.environment.after(10, () => {
      ranAt = scheduler.nowMs
    })
    still.frozenUntilMs = 400
    await drain(scheduler)
    expect(ranAt).toBeGreaterThanOrEqual(400)
  })

  it('can set wall clocks back without moving time back', async () => {
    const scheduler = new Scheduler(createPrng(1))
    const { environment } = scheduler.process('p', createPrng(1))
    const [wall, monotonic] = [environment.now(), environment.monotonic()]
    scheduler.jumpClock(-5_000)
    expect(environment.now()).toBe(wall - 5_000)
    expect(environment.monotonic()).toBe(monotonic)
  })
})
