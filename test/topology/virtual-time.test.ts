import { expect, it } from 'vitest'
import { realEnvironment } from '../../connectors/environment.ts'
import { VirtualTime } from '../../topology/virtual-time.ts'
import { fc } from '../support/fast-check.ts'

const START = 1_893_456_000_000

async function runAll(time: VirtualTime): Promise<void> {
  while ((await time.runDue()) || time.advance());
}

it('timers fire in order of their time, then of their making, whatever the order they were set in', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 60 }), async (delays) => {
      const time = new VirtualTime(realEnvironment, START, 1)
      const fired: (readonly [number, number])[] = []
      for (const [index, ms] of delays.entries()) time.environment.after(ms, () => void fired.push([ms, index]))
      await runAll(time)
      const expected = delays.map((ms, index) => [ms, index] as const).toSorted((a, b) => a[0] - b[0] || a[1] - b[1])
      expect(fired).toEqual(expected)
    }),
  )
})

it('time stands while there is work, and is then at once where the next timer is', async () => {
  const time = new VirtualTime(realEnvironment, START, 1)
  const seen: number[] = []
  time.environment.after(86_400_000, () => {
    seen.push(time.environment.now() - START)
    void Promise.resolve().then(() => time.environment.soon(() => seen.push(time.environment.monotonic())))
  })
  await runAll(time)
  expect(seen).toEqual([86_400_000, 86_400_000])
})

it('what is cancelled does not fire, also when it is cancelled by what fires at the same moment', async () => {
  const time = new VirtualTime(realEnvironment, START, 1)
  const fired: string[] = []
  let cancel = (): void => {}
  time.environment.after(5, () => {
    fired.push('first')
    cancel()
  })
  cancel = time.environment.after(5, () => void fired.push('second'))
  time.environment.after(1, () => void fired.push('third'))()
  await runAll(time)
  expect(fired).toEqual(['first'])
  expect(time.advance()).toBe(false)
})

it('the same seed gives the same randomness', () => {
  const draw = (seed: number): number[] => {
    const { environment } = new VirtualTime(realEnvironment, START, seed)
    return Array.from({ length: 5 }, () => environment.randomU32())
  }
  expect(draw(1)).toEqual(draw(1))
  expect(draw(1)).not.toEqual(draw(2))
})
